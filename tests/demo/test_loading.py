"""The demo's past goes into the log once, and its future keeps coming."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from domain.instants import DAY, MINUTE, SECOND, format_instant
from service.adapters.memory import memory_store
from service.bootstrap import assemble, close, prepare
from service.demo import running
from service.demo.life import Fact
from service.demo.loading import DemoError, Note, load, send
from service.demo.population import populate
from service.demo.trickle import CUSTOMERS_AT_ONCE, few_at_a_time, texts
from service.ports import BoardQuery
from service.services import Services
from service.settings import Settings

pytestmark = pytest.mark.anyio

NOW = 1_795_217_400_000_000


class TurnedClock:
    """A clock that stands until a test turns it."""

    def __init__(self) -> None:
        self.instant = NOW

    def now(self) -> int:
        """Return where the clock stands."""
        return self.instant


class SteadyRandomness:
    """No chance at all."""

    def token(self, octets: int) -> bytes:
        """Return bytes."""
        return b"\x07" * octets


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    """Return services over an empty store with one model."""
    settings = replace(Settings(), data_dir=tmp_path, models=("health", "b2b-6"), log_level="error")
    opened = assemble(settings, memory_store(), TurnedClock(), SteadyRandomness())
    opened.appender.start()
    await prepare(opened)
    yield opened
    await close(opened)


@pytest.fixture(scope="module")
def past() -> tuple[Fact, ...]:
    """Return what forty customers have done."""
    return populate(NOW, customers=40).past


async def test_all_of_the_past_is_stored_as_history(
    services: Services, past: tuple[Fact, ...]
) -> None:
    told: list[tuple[int, int]] = []

    await load(services, past, lambda done, total: told.append((done, total)))

    page = await services.store.log("default", limit=500)
    assert (await services.store.positions()).head == len(past)
    assert all(event.historical for event in page.rows)
    assert told[-1] == (len(past), len(past))


async def test_a_load_told_again_changes_nothing(
    services: Services, past: tuple[Fact, ...]
) -> None:
    await load(services, past[: len(past) // 2], lambda *_: None)

    await load(services, past, lambda *_: None)

    assert (await services.store.positions()).head == len(past)


async def test_visitors_who_gave_their_name_are_one_with_it(
    services: Services, past: tuple[Fact, ...]
) -> None:
    await load(services, past, lambda *_: None)

    board = await services.store.board(BoardQuery("default", "health", NOW))

    assert board.total == len({fact.person.id for fact in past})


async def test_an_event_that_is_refused_stops_the_load(services: Services) -> None:
    with pytest.raises(DemoError, match="x-1"):
        await send(services, ['{"id": "x-1", "type": "page_viewed"}'])


async def test_the_future_never_ends_and_never_repeats_an_id(services: Services) -> None:
    future = populate(NOW, customers=5).future
    endless = texts(future, services)

    sent = [json.loads(next(endless)) for _ in range(2 * len(future) + 1)]

    ids = Counter(event["id"] for event in sent)
    assert max(ids.values()) == 1
    assert {event["occurred_at"] for event in sent} == {format_instant(NOW)}


async def test_a_demo_started_again_goes_on_elsewhere(services: Services) -> None:
    future = populate(NOW, customers=5).future
    first = list(islice(texts(future, services), 3))
    clock = services.clock
    assert isinstance(clock, TurnedClock)
    clock.instant += 3 * SECOND

    second = list(islice(texts(future, services), 3))

    assert not {json.loads(each)["id"] for each in first} & {
        json.loads(each)["id"] for each in second
    }


def test_a_few_customers_live_at_a_time_each_in_order() -> None:
    future = populate(NOW, customers=200).future

    told = few_at_a_time(future)

    assert sorted(told, key=lambda fact: (fact.at, fact.person.id, fact.number)) == list(future)
    for person in {fact.person.id for fact in told}:
        numbers = [fact.number for fact in told if fact.person.id == person]
        assert numbers == sorted(numbers)
    ids = [fact.person.id for fact in told]
    ends = {person: place for place, person in enumerate(ids)}
    there = [{p for p in ids[: place + 1] if ends[p] >= place} for place in range(len(ids))]
    assert max(map(len, there)) == CUSTOMERS_AT_ONCE


async def test_without_a_future_nothing_comes(services: Services) -> None:
    assert list(texts((), services)) == []


def test_the_note_survives_and_says_from_which_minute_the_past_is_told(tmp_path: Path) -> None:
    note = Note.read(tmp_path, now=NOW + 7 * SECOND)
    replace(note, is_loaded=True).write(tmp_path)

    again = Note.read(tmp_path, now=NOW + 3 * DAY)

    assert again == Note(began_at=NOW - NOW % MINUTE, is_loaded=True)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"began_at": "soon"}', '{"began_at": null}'])
def test_an_unreadable_note_is_begun_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "demo.json").write_text(text, encoding="utf-8")

    assert Note.read(tmp_path, now=NOW).is_loaded is False


async def test_the_shop_is_made_once(
    services: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    few = populate(NOW, customers=10)
    monkeypatch.setattr(running, "populate", lambda _: few)

    await running.prepare(services)
    head = (await services.store.positions()).head
    await running.prepare(services)

    assert head == len(few.past)
    assert (await services.store.positions()).head == head
    assert Note.read(tmp_path, now=0).is_loaded


def test_the_demo_keeps_to_a_folder_of_its_own_unless_told_otherwise(tmp_path: Path) -> None:
    usual = running.demo_settings(Settings())
    chosen = running.demo_settings(replace(Settings(), data_dir=tmp_path, log_level="debug"))

    assert (usual.data_dir, usual.log_level) == (Path(".data/demo"), "warning")
    assert (chosen.data_dir, chosen.log_level) == (tmp_path, "debug")


def test_no_browser_is_opened_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("CI", "1")

    assert running.has_desktop() is False
