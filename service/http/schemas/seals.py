"""What is answered about seals, for the OpenAPI document."""

from __future__ import annotations

from service.http.schemas.answers import Answer, Instant


class SealOut(Answer):
    """A sealed range of the log; its root stands for every event up to its end."""

    from_position: int
    to_position: int
    root: str
    previous: str
    sealed_at: Instant
