"""A subject whose fold fails is set aside; its events are kept and everybody else goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from domain.machine import Machine
from projections.events.log import SubjectKey
from projections.models.machines import compile_document
from service.adapters.memory import memory_store
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.ports import Store
from tests.builders import at
from tests.contract.saying import SHOP, TENANT, post, publish, sent, told

pytestmark = pytest.mark.anyio


class Broken(Machine):
    """A machine that cannot cope with one type of event, until it is repaired."""

    is_repaired = False

    def fold(self, events, state=None):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 -- as its parent
        """Fold, or fail as broken code does."""
        found = list(events)
        if not self.is_repaired and any(event.type == "poison" for event in found):
            raise ZeroDivisionError("division by zero")
        return super().fold(found, state)


def broken(document: str) -> Machine:
    """Return a machine of *document* that a `poison` breaks."""
    return Broken(compile_document(document).model)


@pytest.fixture
def store(adapter: str, empty_database: Path, tmp_path: Path) -> Store:
    """Return an empty store whose machines can be broken."""
    if adapter == "memory":
        return memory_store(compile_one=broken)
    shutil.copy(empty_database, tmp_path / "store.db")
    return sqlite_store(tmp_path / "store.db", DirectRunner(), compile_one=broken)


async def test_one_broken_subject_does_not_stop_the_others(store: Store) -> None:
    await publish(store, SHOP)

    bad, good = await post(store, sent("e1", "poison"), sent("b1", customer="bob"), now=at(1))

    assert (bad.status, bad.applied) == ("accepted", False)
    assert good.applied
    (parked,) = await store.parked(TENANT)
    assert parked.subject == SubjectKey("customer", "ann")
    assert parked.error == "ZeroDivisionError: division by zero"
    assert (await store.health(at(1))).parked == 1


async def test_a_parked_subject_keeps_its_events_and_is_folded_when_repaired(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish(store, SHOP)
    await post(store, sent("e1", "ordered", 0), sent("e2", "poison", 1), now=at(2))
    await post(store, sent("e3", "ordered", 3), now=at(4))
    assert await store.retry_parked(at(5)) == 0

    monkeypatch.setattr(Broken, "is_repaired", True)
    folded = await store.retry_parked(at(6))

    assert folded == 1
    assert await told(store) == [("lead", 0), ("buyer", 0), ("loyal", 3)]
    assert await store.parked(TENANT) == []


async def test_retries_become_rarer(store: Store) -> None:
    await publish(store, SHOP)
    await post(store, sent("e1", "poison"), now=at(1))

    waits = []
    for day in range(2, 6):
        await store.retry_parked(at(day))
        (parked,) = await store.parked(TENANT)
        waits.append((parked.attempts, parked.next_try_at - at(day)))

    assert [attempts for attempts, _ in waits] == [2, 3, 4, 5]
    assert [wait for _, wait in waits] == sorted(wait for _, wait in waits)
