"""A topic of others in a run: away at times, refusing at times, cut off in the middle of a page."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import msgspec

from projections.asking import EVERYBODY
from projections.registers.erasure import is_erased_name
from projections.registers.published import PUBLISHED
from projections.registers.register import AskEntries, found
from service.ports import Store
from service.publishing.topic import Outgoing, TopicUnavailable
from service.webhooks.feed import Feed
from service.webhooks.terms import STAGE_CHANGED
from tests.contract.saying import TENANT
from tests.simulation.claims import is_private

NAME = "transitions"
_AWAY = 0.1
_REFUSING = 0.1
_AWAY_SECONDS = 1_000.0


class Topic:
    """What all processes of a run have written."""

    def __init__(self, chance: random.Random) -> None:
        """Hold nothing yet."""
        self.records: list[Outgoing] = []
        self._chance = chance

    async def write(self, records: Sequence[Outgoing]) -> None:
        """Keep *records*, one after the other, beside what another process writes."""
        if self._chance.random() < _AWAY:
            await asyncio.sleep(self._chance.random() * _AWAY_SECONDS)
        kept = self._chance.randrange(len(records) + 1) if self._is_refusing() else len(records)
        for record in records[:kept]:
            await asyncio.sleep(0)
            self.records.append(record)
        if kept < len(records):
            raise TopicUnavailable("the rest was refused")
        await asyncio.sleep(self._chance.random())

    async def close(self) -> None:
        """Nothing is connected."""

    def _is_refusing(self) -> bool:
        return self._chance.random() < _REFUSING


async def assert_published(store: Store, topic: Topic) -> None:
    """Assert that *topic* has every change of the feed, and each customer's in order.

    Repeats are known by what was asserted and at which position of the log. A topic forgets nobody:
    what it has of whom the log has forgotten is not looked at.
    """
    rows = await store.look(found(PUBLISHED, AskEntries(PUBLISHED)), of=EVERYBODY)
    told = [row.position for row in rows] or [0]  # nothing was ever told
    assert told == [(await store.positions()).feed], "the topic is behind for ever"
    expected: dict[str, list[tuple[str, int]]] = {}
    feed, after, more = Feed(store), 0, True
    while more:
        page = await feed.page(TENANT, after)
        for piece in page.pieces:
            for one in await feed.told(piece):
                if one.type == STAGE_CHANGED:
                    expected.setdefault(one.lane, []).append(_key(one.data))
        after, more = page.upto, page.more
    changes = _changes(topic)
    for customer in expected.keys() | changes.keys():
        if is_private(customer) or is_erased_name(customer):
            continue
        assert changes.get(customer) == expected.get(customer), customer


def _changes(topic: Topic) -> dict[str, list[tuple[str, int]]]:
    """Return the changes in *topic* by customer, each once, in the order of their first records."""
    changes: dict[str, dict[tuple[str, int], None]] = {}
    for record in topic.records:
        if dict(record.headers)["ce_type"] == STAGE_CHANGED.encode():
            key = _key(msgspec.json.decode(record.value))
            changes.setdefault(record.key.decode(), {})[key] = None
    return {customer: list(keys) for customer, keys in changes.items()}


def _key(data: object) -> tuple[str, int]:
    assert isinstance(data, dict)
    return data["transition_id"], data["position"]
