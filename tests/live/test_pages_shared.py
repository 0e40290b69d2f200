"""However many listen, a page of the feed is read once."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from projections.reading.answers import FeedRecord, Page
from tests.http.conftest import Api, did
from tests.live.listening import hearing

pytestmark = pytest.mark.anyio

READERS = 40
READS_MAX = 10
"""Some: what happens, and that nothing more has, each perhaps a few times."""


@pytest.fixture
def reads(api: Api, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the list that fills with the positions behind which the feed is read."""
    asked: list[int] = []
    feed = api.services.store.feed

    async def noted(tenant: str, *, after: int = 0, limit: int = 100) -> Page[FeedRecord]:
        asked.append(after)
        return await feed(tenant, after=after, limit=limit)

    monkeypatch.setattr(api.services.store, "feed", noted)
    return asked


async def test_news_is_read_once_for_all_who_listen(api: Api, reads: list[int]) -> None:
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(hearing(api)) for _ in range(READERS)]
        reads.clear()
        await api.send(did("ordered", "ann"))
        told = [await reader.until(3) for reader in readers]

    assert len(reads) <= READS_MAX
    assert all(one == told[0] for one in told)


async def test_who_comes_back_finds_what_another_has_just_read(api: Api, reads: list[int]) -> None:
    """Pages that begin elsewhere serve as well: all were cut off at different places."""
    await api.send(*(did("ordered", f"customer-{number}") for number in range(READERS)))
    async with hearing(api, after="0") as first:
        everything = await first.until(3 * READERS)
    reads.clear()
    rest = []
    for at in range(READERS):
        async with hearing(api, after=everything[at].id) as reader:
            rest.append(await reader.until(len(everything) - at - 1))

    assert all(rest[at] == everything[at + 1 :] for at in range(READERS))
    assert not [after for after in reads if after < 2 * READERS]


async def test_what_was_read_long_ago_is_read_anew(api: Api, reads: list[int]) -> None:
    """What is to be forgotten is not kept here."""
    await api.send(did("ordered", "ann"))
    async with hearing(api, after="0") as first:
        await first.until(3)
    api.clock.turn(seconds=31)
    reads.clear()

    async with hearing(api, after="0") as second:
        await second.until(3)

    assert 0 in reads
