"""Rejected events as what is written to a topic: what was refused, why, and exactly what was sent.

They are written in transactions that take turns, each numbered behind those of its tenant before,
so their list is read like a feed. A text that is refused again is counted there and not told again;
a record of Kafka is another one at every offset.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping

import msgspec

from domain.instants import format_instant
from projections.registers.rejected import RejectedEvent, RejectedQuery, listed
from service.intake.rejections import id_of
from service.ports import Store
from service.publishing.source import Batch
from service.publishing.topic import Outgoing

EVENT_REJECTED = "event.rejected"
AT_ONCE = 200
"""So many are in memory at a time, each at most as long as an event may be."""

COUNTED_MAX = 1_000
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Refusals:
    """The rejected events of a tenant, oldest first. Fits `service.publishing.source.Source`."""

    def __init__(self, store: Store, tenant: str) -> None:
        self._store = store
        self._tenant = tenant

    async def batch(self, after: int) -> Batch | None:
        """Return what was refused behind number *after*, some of it at a time."""
        page = await self._store.look(listed(self._query(after, AT_ONCE)), of=self._tenant)
        if not page.rows:
            return None
        records = [record_of_refusal(one) for one in page.rows]
        upto, more = page.rows[-1].number, page.next_after is not None
        return Batch(records, Counter({EVENT_REJECTED: len(records)}), upto, more)

    async def end(self) -> int:
        """Return the newest number."""
        newest = RejectedQuery(self._tenant, is_settled=None, limit=1)
        page = await self._store.look(listed(newest), of=self._tenant)
        return page.rows[0].number if page.rows else 0

    async def behind(self, after: int) -> int:
        """Return how many wait, counted up to a bound."""
        query = self._query(after, COUNTED_MAX)
        return len((await self._store.look(listed(query), of=self._tenant)).rows)

    def _query(self, after: int, limit: int) -> RejectedQuery:
        return RejectedQuery(
            self._tenant, is_settled=None, after=after, limit=limit, newest_first=False
        )


def record_of_refusal(one: RejectedEvent) -> Outgoing:
    """Return *one* as a CloudEvent, its attributes in headers.

    The key is that of the record that was refused, so what shares a key stays in order; of what had
    none, and of what came by HTTP, it is where it came from.
    """
    place = None if one.record is None else _decode(one.record)
    attributes = {
        "specversion": "1.0",
        "id": id_of(one),
        "source": f"/lifecycle/{one.tenant}",
        "type": EVENT_REJECTED,
        "time": format_instant(one.received_at),
    }
    headers = [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
    headers = [("content-type", b"application/json"), *headers]
    return Outgoing(_key(one, place).encode(), _encode(members_of(one, place)), headers)


def members_of(one: RejectedEvent, place: Mapping[str, object] | None) -> dict[str, object]:
    """Return what is told of *one*, in the words of `GET /v1/rejected-events`."""
    try:
        said: dict[str, object] = {"text": one.text.decode(), "text_base64": None}
    except UnicodeDecodeError:
        said = {"text": None, "text_base64": base64.b64encode(one.text).decode()}
    return {
        "id": id_of(one),
        "received_at": format_instant(one.received_at),
        "route": one.route,
        "api_format": one.api_format,
        "source": one.source,
        "key_id": one.key_id,
        "event_id": one.event_id,
        "error": {"code": one.code, "message": one.message, "pointer": one.pointer},
        "errors": msgspec.Raw(one.faults.encode()),
        **said,
        "whole": bool(one.is_whole),
        "record": place,
    }


def _key(one: RejectedEvent, place: Mapping[str, object] | None) -> str:
    if place is None:
        return one.route
    key = place["key"]
    return key if isinstance(key, str) else f"{place['topic']}/{place['partition']}"
