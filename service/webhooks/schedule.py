"""When a delivery is tried again: a fixed schedule over three days, and what the receiver says.

The steps are those that Standard Webhooks recommends. Shaking by a fifth keeps deliveries that
failed together from coming back together. `Retry-After` is obeyed where it asks for more patience
than the schedule has, never for less.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from domain.instants import DAY, HOUR, MINUTE, SECOND

STEPS = (
    0,
    5 * SECOND,
    MINUTE,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
"""Wait before each attempt, the first included, in microseconds: eleven in 75.6 hours."""

ATTEMPTS_MAX = len(STEPS)
SHAKE = 0.2
RETRY_AFTER_MAX = DAY


def next_attempt_at(
    attempts: int, *, now: int, chance: float, retry_after: int | None = None
) -> int | None:
    """Return when to try again after *attempts* failed ones; None when they are used up.

    Args:
        attempts: Made so far, from 1.
        now: When the last of them failed.
        chance: Between 0 and 1; shakes the wait by up to a fifth either way.
        retry_after: How long the receiver asked to be left alone, in microseconds.
    """
    if attempts >= ATTEMPTS_MAX:
        return None
    wait = round(STEPS[attempts] * (1 + SHAKE * (2 * chance - 1)))
    if retry_after is not None:
        wait = max(wait, min(retry_after, RETRY_AFTER_MAX))
    return now + wait


def retry_after_of(headers: Mapping[str, str], *, now: int) -> int | None:
    """Return how long `Retry-After` (RFC 9110 §10.2.3) asks to wait, in microseconds.

    Seconds or a date; None where it is absent or neither.

    Args:
        headers: Of the answer, names in lower case.
        now: The present instant, for a date.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:10]) * SECOND, RETRY_AFTER_MAX)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return min(max(0, round(moment.timestamp()) * SECOND - now), RETRY_AFTER_MAX)
