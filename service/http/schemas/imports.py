"""Imports as models, for OpenAPI and for tests."""

from __future__ import annotations

from typing import Any, Literal

from service.http.schemas.answers import Answer, Instant


class ImportOut(Answer):
    """A file that was sent, and how far it has been taken in."""

    id: str
    name: str
    status: Literal["uploading", "running", "done", "failed", "cancelled"]
    mapping: dict[str, Any]
    created_at: Instant
    finished_at: Instant | None
    upload_offset: int
    lines: int
    accepted: int
    duplicate: int
    rejected: int
    reasons: dict[str, int]
    warned: int
    rejected_events: str
    position: int | None
    progress: float
    seconds: float
    events_per_second: float | None
    seconds_left: float | None
    error: str | None
