"""Rejected events as models, for OpenAPI and for tests."""

from __future__ import annotations

from typing import Literal

from service.http.schemas.answers import Answer, Instant, PlaceOut


class RecordOut(Answer):
    """The record of another log whose value a rejected event was."""

    topic: str
    partition: int
    offset: int
    key: str | None
    headers: dict[str, str]


class RejectedOut(Answer):
    """An event that was refused: how it came, why it stayed out, and what became of it since."""

    id: str
    status: Literal["open", "settled"]
    received_at: Instant
    last_at: Instant
    times: int
    attempts: int
    route: str
    api_format: str
    source: str
    key_id: str | None
    event_id: str | None
    error: PlaceOut
    errors: list[PlaceOut]
    text: str
    whole: bool
    outcome: Literal["accepted", "duplicate"] | None
    position: int | None
    record: RecordOut | None


class RetryResult(Answer):
    """What became of one that was tried again."""

    id: str
    status: Literal["accepted", "duplicate", "rejected"]
    event_id: str | None
    position: int | None = None
    error: PlaceOut | None = None


class RetriedOut(Answer):
    """What became of all that were tried again."""

    accepted: int
    duplicate: int
    rejected: int
    results: list[RetryResult]
    next_after: str | None
