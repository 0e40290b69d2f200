"""Sealing: ranges of the log hashed into roots, each chained to the one before.

Events never change and positions have no holes, so a range is read while others append; only the
row of the seal is written in a transaction. Where two processes seal at once, the second learns
there that it came too late, and nothing of its work is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import structlog

from domain.instants import HOUR
from projections.safekeeping.seals import (
    FIRST_ROOT,
    SALT_OCTETS,
    SEALABLE_COLUMNS,
    Seal,
    Sealing,
    leaf_of,
)
from service.ports.keeping import KeepsSeals

if TYPE_CHECKING:
    from projections.asking import Ref
    from projections.reading.answers import Positions
    from projections.rows.changes import Row
    from service.ports import Clock, Randomness

SEAL_AFTER = HOUR
"""So long an event may wait for a full range before it is sealed with what there is."""

EVENTS_AT_ONCE = 250
"""Reading and hashing a page keeps whoever else uses the loop waiting, some two milliseconds."""


class Pace(NamedTuple):
    """How many events are read and hashed at once, and for how much longer others go on then."""

    events: int
    pause: float


AT_ONCE = Pace(EVENTS_AT_ONCE, 0)
HURRIED = Pace(EVENTS_AT_ONCE, 1)
GENTLE = Pace(100, 2)
"""A range of 10,000 takes a second or two; a request meets a millisecond of it now and then."""

PAUSE_SECONDS_MAX = 0.01
"""Longer, and on a busy machine a range would outlast the lease of who seals it."""

_SUBJECT = slice(SEALABLE_COLUMNS.index("bucket"), SEALABLE_COLUMNS.index("subject_id") + 1)
_SALT = SEALABLE_COLUMNS.index("salt")
_ERASED_DIGEST = SEALABLE_COLUMNS.index("erased_digest")
_RECORDED_AT = SEALABLE_COLUMNS.index("recorded_at")

_log = structlog.get_logger("stagefold.seals")


class _Store(KeepsSeals, Protocol):
    async def positions(self) -> Positions:
        """Return how far the log has come."""
        ...


class Sealer:
    """Seals what has been appended, when there is enough of it or when it is old enough."""

    def __init__(
        self, store: _Store, clock: Clock, randomness: Randomness, *, range_events: int
    ) -> None:
        """Seal the log of *store* in ranges of *range_events*."""
        self._store = store
        self._clock = clock
        self._randomness = randomness
        self._range_events = range_events

    async def round(self) -> bool:
        """Seal at most one range; return whether a whole one waits already.

        Raises:
            StoreUnavailable: The database cannot be read or written now.
        """
        last = await self._newest()
        waiting = (await self._store.positions()).head - last.to_position
        is_full = waiting >= self._range_events
        if not is_full and not (waiting and await self._is_old(last.to_position)):
            return False
        is_behind = waiting >= 2 * self._range_events
        end = last.to_position + min(waiting, self._range_events)
        await self._seal(last, end, HURRIED if is_behind else GENTLE)
        return is_behind

    async def seal_everything(self) -> Seal | None:
        """Seal the log up to its end and return the newest seal; None for an empty log."""
        end = (await self._store.positions()).head
        last = await self._newest()
        while last.to_position < end:
            last = await self._seal(last, min(end, last.to_position + self._range_events), AT_ONCE)
        return last if last.to_position else None

    async def _newest(self) -> Seal:
        found = await self._store.newest_seals(limit=1)
        return found[0] if found else Seal(0, 0, FIRST_ROOT, b"", b"", 0)

    async def _is_old(self, after: int) -> bool:
        rows = await self._store.sealable(after=after, end=after + 1, limit=1)
        return any(row[_RECORDED_AT] <= self._clock.now() - SEAL_AFTER for row in rows)

    async def _seal(self, last: Seal, end: int, pace: Pace) -> Seal:
        """Seal from behind *last* up to *end*; return the newest seal there is then."""
        loop, erased = asyncio.get_running_loop(), (await self._store.positions()).erased
        sealing, position = Sealing(last.root), last.to_position
        while position < end:
            begun = loop.time()
            rows = await self._salted(position, end, pace.events, erased)
            if not rows:
                return await self._newest()
            for row in rows:
                sealing.add(leaf_of(row))
            position = rows[-1][0]
            await asyncio.sleep(min(pace.pause * (loop.time() - begun), PAUSE_SECONDS_MAX))
        seal = sealing.seal(last.to_position + 1, end, self._clock.now())
        if not await self._store.add_seal(seal, erased=erased):
            return await self._newest()
        _log.info("log_sealed", position=seal.to_position, root=seal.root.hex())
        return seal

    async def _salted(self, after: int, end: int, limit: int, erased: int) -> list[Row]:
        """Return a page of events whose subjects have salts; none where an erasure came between.

        Another process may have given them first, so what was given is read again.
        """
        rows = await self._page(after, end, limit)
        bare = dict.fromkeys(_ref_of(row) for row in rows if _lacks_salt(row))
        if not bare:
            return rows
        salts = {ref: self._randomness.token(SALT_OCTETS) for ref in bare}
        if not await self._store.add_salts(salts, erased=erased):
            return []
        return await self._page(after, end, limit)

    async def _page(self, after: int, end: int, limit: int) -> list[Row]:
        rows = await self._store.sealable(after=after, end=end, limit=limit)
        if not rows:
            raise AssertionError(f"log: expected events behind {after}, found none")
        return rows


def _ref_of(row: Row) -> Ref:
    ref: Ref = row[_SUBJECT]
    return ref


def _lacks_salt(row: Row) -> bool:
    return row[_SALT] is None and row[_ERASED_DIGEST] is None


def anchor_of(seal: Seal) -> str:
    """Return what stands for the log up to *seal*, to be kept where nobody can change it."""
    return f"{seal.to_position}:{seal.root.hex()}"


def parse_anchor(text: str) -> tuple[int, bytes]:
    """Return position and root of an anchor.

    Raises:
        ValueError: It is none.
    """
    position, colon, root = text.partition(":")
    try:
        found = bytes.fromhex(root)
    except ValueError:
        found = b""
    if not (colon and position.isascii() and position.isdigit() and len(found) == len(FIRST_ROOT)):
        raise ValueError(f"expected POSITION:ROOT with 64 hexadecimal digits, found {text[:100]!a}")
    return int(position), found


def salt_rows(salts: Mapping[Ref, bytes]) -> Sequence[Row]:
    """Return the rows of *salts*: bucket, number, salt."""
    return [(*ref, salt) for ref, salt in sorted(salts.items())]
