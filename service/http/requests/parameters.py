"""Query parameters that are more than text: instants, durations, positions, lists."""

from __future__ import annotations

import asyncio
from datetime import UTC
from typing import Annotated

from fastapi import Query

from domain.durations import Duration, add, parse_duration
from domain.instants import LAST_INSTANT, SECOND, parse_date_or_instant
from service.errors import Place, Problem
from service.http.requests.calls import MaySeeCustomers
from service.ports import Positions
from service.services import Services

LIMIT_MAX = 500
WAIT_SECONDS_MAX = 30
LOOK_AGAIN_SECONDS = 0.5
WAIT_APPLIED_SECONDS = 2.0
"""How long the answer to a write waits at most for projections that are behind."""

"""Another process may have written; nobody here would be told."""
_POSITION_MAX = 2**63 - 1

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="Most rows to answer with.")]
Cursor = Annotated[
    str | None, Query(max_length=4_096, description="`next_cursor` of the part before.")
]
ModelKey = Annotated[str | None, Query(max_length=64, description="Key of one model.")]
InstantText = Annotated[
    str | None,
    Query(
        max_length=64,
        description="A date (UTC) or RFC 3339 time with offset.",
        json_schema_extra={"format": "date-time"},
        examples=["2026-03-02T00:00:00Z"],
    ),
]
KnownAt = Annotated[
    str | None,
    Query(
        max_length=64,
        description="Only what was known then: a log position, or a time of recording.",
    ),
]
# These two are told in the documents, not in OpenAPI: whoever makes positions up is answered 503 or
# kept waiting, as he asked, and would call it a failure of ours.
MinPosition = Annotated[int | None, Query(ge=0, le=_POSITION_MAX, include_in_schema=False)]
Wait = Annotated[str | None, Query(max_length=32, include_in_schema=False)]


def bad_parameter(name: str, message: str) -> Problem:
    """Return the refusal of the parameter *name*."""
    place = Place(f"/{name}", "bad_parameter", message)
    return Problem("bad_parameter", f"{name}: {message}", errors=[place])


def instant_of(name: str, text: str | None) -> int | None:
    """Return the instant that parameter *name* asks for.

    Raises:
        Problem: `bad_parameter`.
    """
    if text is None:
        return None
    try:
        # A plus sign that was not escaped arrives as a blank.
        return parse_date_or_instant(text.replace(" ", "+"), UTC)
    except ValueError as error:
        raise bad_parameter(name, str(error)) from None


def duration_before(name: str, text: str | None, now: int) -> int | None:
    """Return the instant that lies the duration *text* before *now*.

    Raises:
        Problem: `bad_parameter`.
    """
    if text is None:
        return None
    try:
        span = parse_duration(text)
        return add(now, Duration(-span.months, -span.microseconds), UTC)
    except (ValueError, OverflowError) as error:
        raise bad_parameter(name, str(error)) from None


async def known_position(services: Services, text: str | None) -> int | None:
    """Return the log position whose knowledge is asked for, given as such or as a time.

    Raises:
        Problem: `bad_parameter`.
    """
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return min(int(text), _POSITION_MAX)
    instant = instant_of("known_at", text)
    return await services.store.position_at(LAST_INSTANT if instant is None else instant)


async def reach(services: Services, position: int | None, wait: str | None) -> Positions:
    """Return the positions once projections have taken *position* in.

    Raises:
        Problem: `projection_behind` when they have not within *wait*; `bad_parameter`.
    """
    if position is None:
        return await services.store.positions()
    positions = await taken_in(services, position, _wait_of(wait))
    if positions.applied < position:
        message = f"expected position {position} to be taken in, found {positions.applied}"
        raise Problem("projection_behind", message, retry_after_seconds=1)
    return positions


async def reached(
    *, call: MaySeeCustomers, min_position: MinPosition = None, wait: Wait = None
) -> None:
    """Go on once projections have taken in what the reader wants to see: for whole routes.

    Raises:
        Problem: As `reach` says.
    """
    if min_position is not None:
        await reach(call.services, min_position, wait)


async def taken_in(services: Services, position: int, wait_seconds: float) -> Positions:
    """Return the positions once projections have taken *position* in, or when time is up."""
    positions = await services.store.positions()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_seconds
    while positions.applied < position:
        left = deadline - loop.time()
        if left <= 0:
            break
        await services.progress.changed(timeout_seconds=min(left, LOOK_AGAIN_SECONDS))
        positions = await services.store.positions()
    return positions


def _wait_of(text: str | None) -> float:
    """Return how many seconds to wait; a bare number counts seconds."""
    if text is None:
        return 0.0
    try:
        span = parse_duration(f"{text}s" if text.isascii() and text.isdigit() else text)
    except ValueError as error:
        raise bad_parameter("wait", str(error)) from None
    if span.months or not 0 <= span.microseconds <= WAIT_SECONDS_MAX * SECOND:
        raise bad_parameter("wait", f"expected at most {WAIT_SECONDS_MAX}s, found {text!a}")
    return span.microseconds / SECOND


def names_of(text: str | None) -> tuple[str, ...]:
    """Return the names of a list written with commas."""
    return tuple(name for part in (text or "").split(",") if (name := part.strip()))
