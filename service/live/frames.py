"""What streams write: each message as the octets of one server-sent event, made once for all.

A reader's place is a position of the feed, all up to it having been told. Mostly a record of the
feed is one message. Where it is several (a customer's first transition is `customer.created` as
well), a reader may be cut off between two of them: then the place is what came before the record,
and how many of its messages were told, as in `17.1`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from domain.instants import format_instant
from service.webhooks import terms
from service.webhooks.bodies import body_of
from service.webhooks.feed import Feed, FeedPage
from service.webhooks.news import Piece, Told

TYPES = (
    terms.CUSTOMER_CREATED,
    terms.STAGE_CHANGED,
    terms.STAGE_CORRECTED,
    terms.ALERT_RAISED,
    terms.CUSTOMER_MERGED,
)
"""What streams tell: that of which the feed holds records."""

CHUNK_BYTES = 32_768
"""About so much is written at once."""

_is_place = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,6}))?").fullmatch


@dataclass(frozen=True, slots=True)
class Place:
    """How far a reader has come.

    Attributes:
        position: Everything up to this position of the feed has been told.
        told: And so many messages of what follows.
    """

    position: int
    told: int = 0

    @classmethod
    def of(cls, text: str) -> Place:
        """Return the place that *text*, the `id` of an event, stands for.

        Raises:
            ValueError: It stands for none.
        """
        found = _is_place(text)
        if found is None:
            raise ValueError("expected the id of an event of the stream, such as 17 or 17.1")
        return cls(int(found[1]), int(found[2] or 0))

    @property
    def text(self) -> str:
        """The place as the `id` of an event."""
        return f"{self.position}.{self.told}" if self.told else str(self.position)


@dataclass(frozen=True, slots=True)
class Frame:
    """One message.

    Attributes:
        before: Where a reader stands to whom nothing of its record was told.
        position: Where he stands once all of it was.
        number: Which of the messages of its record it is, from 1.
        stages: The stage that was entered; of a correction, the ones before and after.
        customers: Whom it is about.
        octets: The event, without its `id`.
    """

    before: int
    position: int
    number: int
    type: str
    model: str
    stages: tuple[str, ...]
    customers: tuple[str, ...]
    octets: bytes


async def frames_of(feed: Feed, page: FeedPage) -> list[Frame]:
    """Return the messages of *page*."""
    found: list[Frame] = []
    for piece, first, last in _tellings(page):
        told = await feed.said(piece)
        found += [_frame(one, first - 1, last, number) for number, one in enumerate(told, 1)]
    return found


def _tellings(page: FeedPage) -> Iterator[tuple[Piece, int, int]]:
    """Yield what is told at once, with the first and the last of its positions.

    Where nothing was withdrawn each record can be told by itself.
    """
    at = 0
    for piece in page.pieces:
        first = at
        while at < len(page.records) and page.records[at].position <= piece.position:
            at += 1
        records = page.records[first:at]
        if any(one.kind == "retracted" for one in records):
            yield piece, records[0].position, piece.position
            continue
        for one in records:
            alone = replace(piece, asserted=(one.transition,), position=one.position)
            yield alone, one.position, one.position


def _frame(told: Told, before: int, position: int, number: int) -> Frame:
    body = body_of(told.type, format_instant(told.at), told.data)
    return Frame(
        before=before,
        position=position,
        number=number,
        type=told.type,
        model=told.model,
        stages=tuple(_stages(told)),
        customers=tuple(_customers(told)),
        octets=b"event: %b\ndata: %b\n\n" % (told.type.encode(), body),
    )


def _stages(told: Told) -> Iterator[str]:
    """Yield the stages that *told* is about."""
    sides = (told.data.get(name) for name in ("before", "after"))
    found = [side.get("stage") for side in sides if isinstance(side, dict)]
    for stage in (told.data.get("to"), told.data.get("stage"), *found):
        if isinstance(stage, str):
            yield stage


def _customers(told: Told) -> Iterator[str]:
    """Yield the ids of the customers that *told* is about."""
    merged = told.data.get("merged")
    for one in (told.data, merged):
        customer = one.get("customer_id") if isinstance(one, dict) else None
        if isinstance(customer, str):
            yield customer


def behind(frames: Iterable[Frame], place: Place) -> Iterator[Frame]:
    """Yield those of *frames* that nobody who stands at *place* has been told."""
    for frame in frames:
        is_known = frame.number <= place.told and frame.before == place.position
        if frame.before >= place.position and not is_known:
            yield frame


def written(frames: Sequence[Frame]) -> Iterator[bytes]:
    """Yield *frames* with their ids, many at a time.

    Whoever has the last one that he is told of a record has all of it.
    """
    parts: list[bytes] = []
    size = 0
    for at, frame in enumerate(frames):
        is_last = at + 1 == len(frames) or frames[at + 1].position != frame.position
        place = Place(frame.position) if is_last else Place(frame.before, frame.number)
        part = b"id: %b\n%b" % (place.text.encode(), frame.octets)
        parts.append(part)
        size += len(part)
        if size >= CHUNK_BYTES:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)
