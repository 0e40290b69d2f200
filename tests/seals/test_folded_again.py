"""Whoever changes what the projections say is contradicted by the log, folded again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.safekeeping.verifying import ProjectionsVerdict, verify_projections
from service.schema import upgrade
from tests.builders import DAY
from tests.contract.saying import LATER, SHOP, TEAM, publish
from tests.seals.world import fill


@pytest.fixture
def folded(tmp_path: Path) -> Path:
    """Return a database of 25 events folded by two models, without its triggers."""
    path = tmp_path / "store.db"
    upgrade(path)

    async def live() -> None:
        store = sqlite_store(path, DirectRunner())
        await publish(store, SHOP)
        await fill(store, 25)
        await publish(store, TEAM)
        await store.sweep(LATER + DAY)
        await store.close()

    anyio.run(live)
    with closing(sqlite3.connect(path)) as connection:
        names = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (name,) in connection.execute(names).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
    return path


def folded_again(path: Path) -> ProjectionsVerdict:
    """Return how what is stored in the file at *path* compares with the log."""

    async def judge() -> ProjectionsVerdict:
        store = sqlite_store(path, DirectRunner())
        try:
            return await verify_projections(store, lambda *_: None)
        finally:
            await store.close()

    return anyio.run(judge)


def test_what_nobody_changed_agrees(folded: Path) -> None:
    verdict = folded_again(folded)

    assert (verdict.found, verdict.subjects) == (0, 4)
    assert verdict.records
    assert verdict.digest


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE transitions SET effective_at = effective_at + 1 WHERE sequence = 2",
        "UPDATE transitions SET to_stage = 'dormant' WHERE sequence = 1",
        "UPDATE transitions SET evidence = '{\"x\":1}' WHERE sequence = 2",
        "UPDATE transitions SET retracted_position = 99 WHERE sequence = 2",
        "DELETE FROM transitions WHERE sequence = 2",
        "UPDATE stages SET stage = 'lead' WHERE stage != 'lead'",
        "UPDATE stages SET entered_at = entered_at - 1",
        "DELETE FROM stages",
        "UPDATE profiles SET events = events + 1",
        "UPDATE profiles SET states = (SELECT max(states) FROM profiles)",
        "UPDATE events SET type = 'ordered' WHERE position = 2",
    ],
)
def test_what_was_changed_is_told(folded: Path, statement: str) -> None:
    with closing(sqlite3.connect(folded)) as connection:
        assert connection.execute(statement).rowcount
        connection.commit()

    assert folded_again(folded).findings


def test_the_digest_is_another_one_as_soon_as_a_record_is(folded: Path) -> None:
    before = folded_again(folded).digest
    with closing(sqlite3.connect(folded)) as connection:
        connection.execute("UPDATE transitions SET rule = 'other' WHERE sequence = 2")
        connection.commit()

    assert folded_again(folded).digest != before
