"""The feed as whoever tells others reads it: in whole pieces of news, from a position on.

Records that were written together are told together, so a page never ends inside of a piece. Where
it begins is the reader's affair: each keeps the position that it has come to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from projections.reading.answers import FeedRecord, TransitionRecord
from service.ports import Store
from service.webhooks.news import Piece, Told, news, pieces

PAGE = 500
PAGE_MAX = 100_000
TOGETHER = 64
"""How many pieces are looked into at a time."""

_OF_ONE_SEQUENCE_MAX = 1_000


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A part of a tenant's feed.

    Attributes:
        pieces: Whole pieces of news, in order; none where nothing is new.
        records: The records that they are made of.
        upto: Position of the last of them; where the page began, if there are none.
        more: Whether more waits already.
    """

    pieces: Sequence[Piece]
    records: Sequence[FeedRecord]
    upto: int
    more: bool


class Feed:
    """Reads the feed and says what it means; keeps nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, tenant: str, after: int, *, limit: int = PAGE) -> FeedPage:
        """Return about *limit* records behind *after*, at least one piece if there is one.

        Raises:
            StoreUnavailable: The database cannot be reached now.
        """
        records, more = await self._records(tenant, after, limit)
        found = list(pieces(records))
        if more and len(found) > 1:  # the last piece may go on behind the page
            found.pop()
        upto = found[-1].position if found else after
        whole = [one for one in records if one.position <= upto]
        return FeedPage(found, whole, upto, more)

    async def _records(
        self, tenant: str, after: int, limit: int
    ) -> tuple[Sequence[FeedRecord], bool]:
        """Return a page with at least one whole piece in it, and whether more follows."""
        while True:
            page = await self._store.feed(tenant, after=after, limit=limit)
            more = page.next_after is not None
            if not more or limit >= PAGE_MAX or len(list(pieces(page.rows))) > 1:
                return page.rows, more
            limit *= 4

    async def all_told(self, found: Sequence[Piece]) -> list[Told]:
        """Return what pieces of the feed are told as, in order; their looks share transactions."""
        told: list[Told] = []
        for start in range(0, len(found), TOGETHER):
            some = await asyncio.gather(*map(self.told, found[start : start + TOGETHER]))
            told += chain.from_iterable(some)
        return told

    async def told(self, piece: Piece) -> list[Told]:
        """Return what a piece of the feed is told as, each message with an id of its own."""
        told = await self.said(piece)
        again = await self._told_before(piece) if told else {}
        return [replace(one, id=again[one.id]) if one.id in again else one for one in told]

    async def said(self, piece: Piece) -> list[Told]:
        """Return the same for whoever does not tell the ids of messages, which cost reading."""
        survivor = None
        if piece.is_merge and not piece.is_quiet:
            found = await self._store.snapshot(piece.first.tenant, piece.first.subject)
            if found is not None and found.subject.key != piece.first.subject:
                survivor = found.subject.key
        return list(news(piece, survivor=survivor))

    async def _told_before(self, piece: Piece) -> dict[str, str]:
        """Return other ids for transitions that were withdrawn once and hold again.

        They are told again, and whoever remembers their ids would take that for a repeat. The new
        id depends on the feed alone, so whoever reads it tells it by the same one.
        """
        found: dict[str, str] = {}
        for one in piece.asserted:
            # Where nothing was ever withdrawn, transitions are numbered as they follow each other.
            if one.number > one.sequence and await self._was_withdrawn(one):
                found[one.id] = f"{one.id}_{one.asserted_position}"
        return found

    async def _was_withdrawn(self, one: TransitionRecord) -> bool:
        """Return whether an earlier record of the same transition holds no longer."""
        page = await self._store.transitions(
            one.tenant,
            one.subject,
            model=one.model,
            after=(one.model, one.sequence, 0),
            limit=_OF_ONE_SEQUENCE_MAX,
            include_retracted=True,
        )
        return any(
            (each.id, each.generation) == (one.id, one.generation)
            and each.number < one.number
            and each.retracted_position is not None
            for each in page.rows
        )
