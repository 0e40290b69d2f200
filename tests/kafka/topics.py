"""A topic in memory, that fails when a test or chance says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from service.publishing.topic import Outgoing, TopicUnavailable


class MemoryTopic:
    """What was written to a topic.

    Attributes:
        records: All of it, in order.
        is_away: Whether nothing is acknowledged.
        kept_of: How many records of a write are kept that is then refused; None for none refused.
        pause: Waited for before each write.
    """

    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self.is_away = False
        self.kept_of: int | None = None
        self.pause: Callable[[], object] = lambda: None
        self.closed = 0

    async def write(self, records: Sequence[Outgoing]) -> None:
        """Keep *records*."""
        if self.is_away:
            await asyncio.get_running_loop().create_future()
        if self.kept_of is not None:
            self.records += records[: self.kept_of]
            self.kept_of = None
            raise TopicUnavailable("the broker said no")
        self.records += records

    async def close(self) -> None:
        """Count it."""
        self.closed += 1

    @property
    def ids(self) -> list[str]:
        """The ids of the records, in order."""
        return [_id(each) for each in self.records]

    @property
    def once(self) -> list[Outgoing]:
        """The records without those whose ids came before."""
        return list({_id(each): each for each in reversed(self.records)}.values())[::-1]


def _id(record: Outgoing) -> str:
    return dict(record.headers)["ce_id"].decode()
