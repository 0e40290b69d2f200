"""The shapes of what is answered about erasures."""

from __future__ import annotations

from typing import Literal

from service.http.schemas.answers import Answer, Instant


class MarkOut(Answer):
    """Where the first event of a name is, and when it was recorded."""

    position: int
    recorded_at: Instant


class ErasureOut(Answer):
    """One erasure: what was done, and where; it names nobody."""

    position: int
    mode: Literal["anonymise", "purge"]
    erased_at: Instant
    names: int
    events: int
    tenant: str
    marks: list[MarkOut]


class PlaceLeft(Answer):
    """A stage that a purged customer was counted in."""

    model: str
    stage: str


class ErasedOut(ErasureOut):
    """What an erasure did."""

    erased_id: str | None
    kept: list[str]
    left: list[PlaceLeft]
    accounts: int
