"""What holds for SQLite alone: plans of hot statements, locks, full disks, several processes."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from projections.events.log import SubjectKey
from projections.folding.folder import SNAPSHOT_EVENTS
from projections.reading.answers import BoardQuery, CustomerQuery
from service.adapters.embedded.store import EmbeddedStore
from service.adapters.runners import DirectRunner, ThreadRunner
from service.adapters.sqlite import boards, connections, lookups, sqlite_store, views, writes
from service.adapters.sqlite import store as sqlite_module
from service.adapters.sqlite.listing import listing
from service.ports import StoreUnavailable
from service.schema import NEWEST
from tests.architecture.tree import name_of, python_files
from tests.builders import at
from tests.contract.judging import assert_true
from tests.contract.saying import LATER, SHOP, TEAM, TENANT, post, publish, sent, told

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(empty_database: Path, tmp_path: Path) -> Path:
    """Return an empty database."""
    return Path(shutil.copy(empty_database, tmp_path / "store.db"))


@pytest.fixture
async def store(path: Path) -> AsyncIterator[EmbeddedStore]:
    """Return a store over it."""
    store = sqlite_store(path, DirectRunner())
    yield store
    await store.close()


# ---------------------------------------------------------------- plans

BY_KEY = [
    lookups.identities,
    lookups.identities_of,
    lookups.profiles_of,
    lookups.snapshots_of,
    lookups.keys_taken,
    lookups.payloads,
    lookups.histories,
    lookups.account_histories,
    lookups.records,
    lookups.numbers,
    views.events_with_id,
]
IN_ORDER = [
    lookups.head,
    lookups.due,
    views.identity,
    views.profile,
    views.latest,
    views.stay,
    views.recorded_at,
    views.event,
    views.due_count,
    writes.touch_profiles,
    writes.date_profiles,
    writes.retract_records,
    writes.lose_snapshots,
]


LIST_READ = "SCAN listed VIRTUAL TABLE INDEX 1:"


def plan(path: Path, statement: str) -> list[str]:
    """Return the steps in which SQLite would perform *statement*."""
    with closing(connections.open_reader(path)) as connection:
        bound = [None] * statement.count("?")
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", bound)
        return [row[3] for row in rows]


@pytest.mark.parametrize("write", BY_KEY, ids=lambda write: write.__name__)
def test_a_list_drives_and_each_row_is_found_by_key(path: Path, write: Callable[[], str]) -> None:
    first, *others = [step for step in plan(path, write()) if "SUBQUERY" not in step]

    assert first.startswith("SCAN listed VIRTUAL TABLE")
    assert any(step.startswith("SEARCH") for step in others)
    assert not [step for step in others if step.startswith("SCAN")]


@pytest.mark.parametrize("write", IN_ORDER, ids=lambda write: write.__name__)
def test_a_hot_statement_scans_nothing(path: Path, write: Callable[[], str]) -> None:
    steps = plan(path, write())

    harmless = ("SCAN events", "SCAN CONSTANT ROW")
    scans = [step for step in steps if step.startswith("SCAN") and "(subquery" not in step]
    assert [step for step in scans if step not in harmless and "anon" not in step] == []
    assert not [step for step in steps if "TEMP B-TREE FOR ORDER BY" in step]


def test_what_every_event_changes_touches_no_index(path: Path) -> None:
    """An index entry per event and customer would cost more than all the rest."""
    with closing(connections.open_reader(path)) as connection:
        statement = writes.touch_profiles()
        rows = connection.execute(f"EXPLAIN {statement}", [None] * statement.count("?"))
        operations = [row[1] for row in rows]

    assert operations.count("IdxInsert") == 0


BOARDS = [boards.open_days, boards.open_days_of_old, boards.entered, boards.entered_of_old]


@pytest.mark.parametrize("write", BOARDS, ids=lambda write: write.__name__)
def test_a_board_reads_nothing_but_what_it_finds_by_key(
    path: Path, write: Callable[[], str]
) -> None:
    steps = plan(path, write())

    assert {step for step in steps if step.startswith("SCAN")} <= {LIST_READ}
    assert any(step.startswith("SEARCH transitions USING") for step in steps)


@pytest.mark.parametrize("write", [boards.open_days, boards.entered], ids=lambda one: one.__name__)
def test_a_board_reads_transitions_from_indexes_alone(path: Path, write: Callable[[], str]) -> None:
    reads = [step for step in plan(path, write()) if " transitions " in step]

    assert all("COVERING INDEX transitions_" in step for step in reads)
    assert sum("transitions_stays" in step for step in reads) == 1


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (CustomerQuery(TENANT, 0, sort="id"), "profiles_name"),
        (CustomerQuery(TENANT, 0, sort="last_event_at", descending=True), "profiles_last"),
        (CustomerQuery(TENANT, 0, model="shop", stages=("a",), sort="entered_at"), "stages_board"),
    ],
)
def test_a_list_is_read_in_the_order_of_an_index(
    path: Path, query: CustomerQuery, index: str
) -> None:
    sql, _ = listing(query, 1 if query.model else None, "[]")

    assert index in plan(path, sql)[0]
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan(path, sql)


# ---------------------------------------------------------------- trouble


async def test_a_lock_held_by_another_process_is_told_and_passes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "BUSY_SECONDS", 0)
    store = sqlite_store(path, DirectRunner())
    await publish(store, SHOP)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StoreUnavailable, match="another process has held its lock") as caught:
            await post(store, sent("e1"))
        assert (await store.positions()).head == 0
        other.execute("ROLLBACK")

    assert caught.value.retry_after_seconds == 1
    (receipt,) = await post(store, sent("e1"))
    assert receipt.position == 1
    await store.close()


async def test_a_full_disk_refuses_writes_serves_reads_and_recovers(path: Path) -> None:
    """Nothing of a batch that did not fit is there afterwards, in the file or in memory."""
    rows_limit = "PRAGMA max_page_count"
    store = sqlite_store(path, DirectRunner())
    await publish(store, SHOP)
    await post(store, sent("e1", "ordered", 0), now=at(1))
    writer = store._rows.connection  # type: ignore[attr-defined] # noqa: SLF001 -- to fill its disk
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"{rows_limit} = {pages}")
    big = [sent(f"x{n}", "visited", 2, payload='{"x":"' + "y" * 9_000 + '"}') for n in range(50)]

    with pytest.raises(StoreUnavailable, match="full"):
        await post(store, *big, now=at(3))
    assert await told(store) == [("lead", 0), ("buyer", 0)]
    writer.execute(f"{rows_limit} = 1000000")
    receipts = await post(store, *big, sent("e2", "ordered", 2), now=at(3))

    assert [receipt.position for receipt in receipts] == list(range(2, 53))
    assert await told(store) == [("lead", 0), ("buyer", 0), ("loyal", 2)]
    assert not await store.inspect(thorough=True)
    await store.close()


async def test_what_another_process_wrote_is_not_overlooked(path: Path) -> None:
    """Two processes over one file: each forgets what it remembered when the other has written."""
    one, other = sqlite_store(path, DirectRunner()), sqlite_store(path, DirectRunner())
    await publish(one, SHOP)
    await post(one, sent("e1"), now=at(1))
    await post(other, sent("e2", "ordered", 2), now=at(3))

    (receipt,) = await post(one, sent("e3", "ordered", 4), now=at(5))

    assert receipt.position == 3
    assert await told(one) == [("lead", 0), ("buyer", 2), ("loyal", 4)]
    await one.close()
    await other.close()


async def test_what_another_process_activates_is_answered_with_at_the_next_request(
    path: Path,
) -> None:
    """A command beside a server publishes a model; nothing has to be written in between."""
    server, command = sqlite_store(path, DirectRunner()), sqlite_store(path, DirectRunner())
    await post(server, sent("e1", "ordered", 1), now=at(1))
    assert await server.models(TENANT) == []

    await publish(command, SHOP)

    snapshot = await server.snapshot(TENANT, SubjectKey("customer", "ann"))
    assert snapshot is not None
    assert [row.stage for row in snapshot.stages] == ["buyer"]
    assert (await server.board(BoardQuery(TENANT, "shop", at(2)))).total == 1
    assert [model.model for model in await server.models(TENANT)] == ["shop"]
    assert [one.status for one in await server.generations(TENANT)] == ["active"]
    await server.close()
    await command.close()


async def test_a_repeat_that_a_merge_brought_counts_once_after_a_restart_too(path: Path) -> None:
    """The same order was sent for the visitor and for her; a late event then folds a part anew.

    A snapshot between both sendings does not know of the first, so nothing may start from it.
    """
    first = sqlite_store(path, DirectRunner())
    await publish(first, SHOP)
    await publish(first, TEAM)
    await post(first, sent("twin", "ordered", 1, None, anonymous_id="cookie"))
    await post(first, *(sent(f"v{n}", "visited", 3 + n / 2) for n in range(SNAPSHOT_EVENTS)))
    await post(first, sent("twin", "ordered", 40), sent("joined", "visited", 41))
    await post(first, sent("join", "visited", 42, anonymous_id="cookie"))
    await first.close()

    again = sqlite_store(path, DirectRunner())
    await post(again, sent("late", "ordered", 39))

    await assert_true(again, LATER)
    assert ("loyal", 40) not in await told(again)
    await again.close()


async def test_a_closed_store_takes_nothing(path: Path) -> None:
    store = sqlite_store(path, ThreadRunner())
    await post(store, sent("e1"))
    await store.close()

    with pytest.raises(StoreUnavailable, match="closed"):
        await post(store, sent("e2"))


async def test_what_is_committed_reaches_the_database_between_transactions(path: Path) -> None:
    """No commit has to do it, and nobody closes the file: the database is read without its log."""
    store = sqlite_store(path, DirectRunner())
    count = sqlite_module.CHECKPOINT_ROWS
    await post(store, *(sent(f"e{number}", "ordered", 1) for number in range(count)))
    await post(store, sent("later", "ordered", 2))

    alone = path.with_name("alone.db")
    shutil.copy(path, alone)
    with closing(sqlite3.connect(alone)) as connection:
        found = connection.execute("SELECT count(*) FROM events").fetchone()
    await store.close()
    assert found == (count,)


def test_only_the_connection_that_writes_takes_the_log_over() -> None:
    """Another beside it would meet the defect of SQLite before 3.51.3 that ADR 0005 tells of."""
    asking = [path for path in python_files("service") if "wal_checkpoint" in path.read_text()]

    assert [name_of(path) for path in asking] == ["service/adapters/sqlite/rows.py"]


async def test_threads_read_while_one_writes(path: Path) -> None:
    """In production's threads everything answers as it does without them."""
    store = sqlite_store(path, ThreadRunner())
    await publish(store, SHOP)
    await publish(store, TEAM)

    await post(store, sent("e1", "ordered", 0, account_id="acme"), now=at(1))

    board = await store.board(BoardQuery(TENANT, "shop", at(1)))
    health = await store.health(at(1))
    assert board.total == 1
    assert (health.kind, health.revision, health.positions.head) == ("sqlite", NEWEST, 1)
    assert health.size_bytes > 0
    assert await store.snapshot(TENANT, SubjectKey("account", "acme")) is not None
    await store.close()


async def test_a_reader_cannot_write(path: Path) -> None:
    with (
        closing(connections.open_reader(path)) as reader,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        reader.execute("DELETE FROM events")


async def test_an_inspection_finds_a_hole(store: EmbeddedStore, path: Path) -> None:
    await publish(store, SHOP)
    await post(store, sent("e1"), sent("e2"), sent("e3"))
    with closing(sqlite3.connect(path)) as vandal:
        vandal.execute("DROP TRIGGER events_never_go")
        vandal.execute("DELETE FROM events WHERE position = 2")
        vandal.commit()

    (finding,) = await store.inspect(thorough=True)

    assert finding.code == "positions_not_dense"
    assert finding.message == "events: expected 3 rows up to position 3, found 2"
