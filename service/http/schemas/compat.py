"""The paths of other products that we answer; what they take and answer, for the documents."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from service.door.segment import CALLS
from service.http.schemas.answers import Answer

CALLS_AT = {
    **{f"/v1/{call}": call for call in CALLS},
    **{f"/v1/{call[0]}": call for call in CALLS},
}
"""Paths that name a call; the short ones are for browsers."""
BEACON_AT = "/beacon/v1/batch"
"""Where RudderStack's library for browsers sends what is left when a page is closed."""

BATCHES_AT = ("/v1/batch", "/v1/b", "/v1/import", BEACON_AT)
JITSU_AT = ("/api/s/{call}", "/api/s/s2s/{call}")
CAPTURES_AT = ("/batch/", "/capture/", "/e/", "/i/v0/e/")
CAPTURES_V1_AT = "/i/v1/analytics/events"
PATHS = (*CALLS_AT, *BATCHES_AT, *JITSU_AT, *CAPTURES_AT, CAPTURES_V1_AT)

_ABOUT = (
    "Answered with 200 whatever becomes of the events: verdicts stand in the body. The API key is"
    " taken from Basic (as user name), Bearer, X-Write-Key, or `writeKey`, `api_key` or `token` in"
    " the body. How to point a client here: docs/clients.md."
)
_OBJECT = {"type": "object", "additionalProperties": True}


class RejectedItem(Answer):
    """An event that was refused, and why."""

    index: int
    id: str | None
    code: str
    message: str
    pointer: str


class CallsTaken(Answer):
    """What became of calls of the Segment family."""

    success: Literal[True]
    accepted: int
    duplicate: int
    rejected: list[RejectedItem]


class CaptureTaken(Answer):
    """That PostHog events were taken in; with those that were refused, if any."""

    status: Literal["Ok"]
    rejected: list[RejectedItem] = Field(default_factory=list)


class CaptureVerdict(Answer):
    """What became of one PostHog event."""

    result: Literal["ok", "warning", "drop", "retry"]
    details: str | None = None


class CaptureVerdicts(BaseModel):
    """What became of each PostHog event, by its uuid."""

    results: dict[str, CaptureVerdict]


def answer_of(path: str) -> type[BaseModel]:
    """Return the model of the answer at *path*."""
    if path == CAPTURES_V1_AT:
        return CaptureVerdicts
    return CaptureTaken if path in CAPTURES_AT else CallsTaken


def operations() -> dict[str, dict[str, Any]]:
    """Return the OpenAPI operation at each path, its answers left out."""
    return {path: _operation(path) for path in PATHS}


def _operation(path: str) -> dict[str, Any]:
    named = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    return {
        "tags": ["clients"],
        "summary": f"Events of a client of another product, at {path}",
        "description": _ABOUT,
        "operationId": "post_" + "_".join(part.strip("{}") for part in path.split("/") if part),
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in named
        ],
        "requestBody": {
            "required": True,
            "content": {
                media_type: {"schema": _OBJECT} for media_type in ("application/json", "text/plain")
            },
        },
    }
