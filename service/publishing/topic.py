"""The port to a topic of others that we write to.

Whoever implements it keeps the order of records with the same key, also where a write is given up
in the middle: it then writes nothing more of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Outgoing(NamedTuple):
    """One record to be written."""

    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]


class TopicUnavailable(Exception):  # noqa: N818 -- it names a state of affairs
    """Records could not all be written: some may be there, and some not; the message says why."""


class Topic(Protocol):
    """A topic, as its one writer sees it."""

    async def write(self, records: Sequence[Outgoing]) -> None:
        """Write *records*; when it returns, all of them outlive a crash of whoever keeps them.

        It waits for as long as that may come to be; a call that is cancelled, or that raises, has
        written the beginnings of the order of each key.

        Raises:
            TopicUnavailable: It will not come to be without somebody's help, or not soon.
        """
        ...

    async def close(self) -> None:
        """Let go of connections; the next write makes new ones."""
        ...
