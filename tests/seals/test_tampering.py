"""Whoever changes a sealed log leaves traces: each byte, each row, each key, each seal."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.rows.changes import EVENT_COLUMNS
from projections.safekeeping.seals import Seal
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.schema import upgrade
from tests.contract.saying import LATER
from tests.seals.world import fill, sealer, verdict, verify

EVENTS, SEALED = 27, 25
TRIGGERS = "SELECT name FROM sqlite_master WHERE type = 'trigger'"


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database of 27 events, 25 of them sealed, and without its triggers."""
    path = tmp_path_factory.mktemp("sealed") / "store.db"
    upgrade(path)

    async def live() -> None:
        store = sqlite_store(path, DirectRunner())
        await fill(store, SEALED)
        await sealer(store).seal_everything()
        await fill(store, EVENTS)
        await store.close()

    anyio.run(live)
    with closing(sqlite3.connect(path)) as connection:
        for (name,) in connection.execute(TRIGGERS).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    return path


def judged(path: Path, anchor: tuple[int, bytes] | None = None) -> list[str]:
    """Return the codes of what is wrong with the log in the file at *path*."""

    async def judge() -> list[str]:
        store = sqlite_store(path, DirectRunner())
        try:
            return await verdict(store, anchor)
        finally:
            await store.close()

    return anyio.run(judge)


def newest_seal(path: Path) -> Seal:
    """Return the newest seal in the file at *path*."""

    async def look() -> Seal:
        store = sqlite_store(path, DirectRunner())
        found = await store.newest_seals(limit=1)
        await store.close()
        return found[0]

    return anyio.run(look)


def changed(sealed: Path, tmp_path: Path, *statements: str, bound: tuple[Any, ...] = ()) -> Path:
    """Return a copy of *sealed* on which *statements* have run."""
    path = tmp_path / "changed.db"
    shutil.copy(sealed, path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            connection.execute(statement, bound)
        connection.commit()
    return path


def test_what_nobody_changed_is_whole(sealed: Path, tmp_path: Path) -> None:
    assert judged(changed(sealed, tmp_path)) == []


def test_any_byte_of_any_column_that_was_changed_is_found(sealed: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(sealed)) as connection:
        rows = connection.execute("SELECT * FROM events ORDER BY position").fetchall()

    @given(
        position=st.integers(1, SEALED),
        column=st.sampled_from(EVENT_COLUMNS),
        place=st.integers(0, 31),
        flip=st.integers(1, 255),
    )
    def change(position: int, column: str, place: int, flip: int) -> None:
        place += 8 * (column == "position")  # where no other row is
        value = rows[position - 1][EVENT_COLUMNS.index(column)]
        statement = f"UPDATE events SET {column} = ? WHERE position = {position}"  # noqa: S608 -- of a test
        if not isinstance(value, int):
            statement = statement.replace("?", "CAST(? AS TEXT)")
        path = changed(sealed, tmp_path, statement, bound=(other(value, place, flip),))

        assert judged(path)

    change()


def other(value: object, place: int, flip: int) -> object:
    """Return *value* with one byte changed: where it is text, perhaps no text any more."""
    if value is None:
        return bytes([flip])
    if isinstance(value, int):
        return value ^ flip << place
    octets = bytearray(str(value).encode())
    octets[place % len(octets)] ^= flip
    return bytes(octets)


def test_any_byte_of_a_stored_text_that_was_changed_in_the_file_is_found(
    sealed: Path, tmp_path: Path
) -> None:
    """Round SQLite, as a failing disk does it."""
    whole = sealed.read_bytes()
    with closing(sqlite3.connect(sealed)) as connection:
        payloads = [
            row[0].encode()
            for row in connection.execute(
                "SELECT payload FROM events WHERE position <= ? ORDER BY position", (SEALED,)
            )
        ]

    @given(which=st.integers(0, SEALED - 1), place=st.integers(0, 200), flip=st.integers(1, 255))
    def change(which: int, place: int, flip: int) -> None:
        at = whole.rindex(payloads[which]) + place % len(payloads[which])
        path = tmp_path / "flipped.db"
        path.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])

        assert judged(path)

    change()


@pytest.mark.parametrize(
    ("code", "statement"),
    [
        ("event_changed", "UPDATE events SET occurred_at = occurred_at - 1 WHERE position = 7"),
        ("event_changed", "UPDATE subjects SET name = 'eve' WHERE name = 'ann'"),
        ("event_changed", "UPDATE subjects SET kind = 'account' WHERE name = 'ann'"),
        ("event_changed", "UPDATE salts SET salt = zeroblob(16)"),
        ("event_changed", "DELETE FROM salts"),
        ("subject_missing", "DELETE FROM subjects WHERE name = 'ann'"),
        ("position_missing", "DELETE FROM events WHERE position = 7"),
        ("position_missing", "DELETE FROM events WHERE position = 1"),
        ("position_missing", "UPDATE events SET position = -3 WHERE position = 7"),
        ("position_missing", "DELETE FROM events WHERE position = 26"),
        ("events_missing", "DELETE FROM events WHERE position > 20"),
        ("event_without_key", "DELETE FROM event_keys WHERE position = 26"),
        ("event_without_key", "UPDATE event_keys SET position = 8 WHERE position = 7"),
        ("event_key_differs", "UPDATE event_keys SET content = content + 1 WHERE position = 26"),
        ("event_key_differs", "UPDATE events SET payload = '{}' WHERE position = 26"),
        ("recorded_backwards", "UPDATE events SET recorded_at = 1 WHERE position = 27"),
        ("seal_broken", "UPDATE seals SET root = zeroblob(32) WHERE to_position = 25"),
        ("seal_broken", "UPDATE seals SET sealed_at = sealed_at + 1 WHERE to_position = 10"),
        ("seal_not_chained", "UPDATE seals SET previous = zeroblob(32) WHERE to_position = 20"),
        ("event_changed", "UPDATE seals SET marks = zeroblob(80) WHERE to_position = 20"),
        ("event_changed", "UPDATE seals SET marks = zeroblob(88) WHERE to_position = 20"),
        ("seal_missing", "DELETE FROM seals WHERE to_position = 20"),
        ("seal_missing", "DELETE FROM seals WHERE to_position = 10"),
    ],
)
def test_what_was_done_to_the_log_is_named(
    sealed: Path, tmp_path: Path, code: str, statement: str
) -> None:
    assert code in judged(changed(sealed, tmp_path, statement))


def test_two_rows_that_changed_places_are_found(sealed: Path, tmp_path: Path) -> None:
    swap = [
        "UPDATE events SET position = 999 WHERE position = 4",
        "UPDATE events SET position = 4 WHERE position = 14",
        "UPDATE events SET position = 14 WHERE position = 999",
    ]

    assert judged(changed(sealed, tmp_path, *swap))[0] in {"event_changed", "event_without_key"}


def test_a_row_slipped_in_is_found(sealed: Path, tmp_path: Path) -> None:
    """Among the sealed ones there is no place; behind them its id leads nowhere."""
    slip = [
        "CREATE TEMP TABLE slip AS SELECT * FROM events WHERE position = 3",
        "UPDATE slip SET position = 28",
        "INSERT INTO events SELECT * FROM slip",
    ]

    found = judged(changed(sealed, tmp_path, *slip))

    assert found == ["event_without_key", "recorded_backwards"][: len(found)]
    assert found


def test_the_first_bad_position_and_its_range_are_named(sealed: Path, tmp_path: Path) -> None:
    path = changed(sealed, tmp_path, "UPDATE events SET payload = '{}' WHERE position IN (17, 19)")

    async def judge() -> tuple[int, tuple[int, int] | None, int]:
        store = sqlite_store(path, DirectRunner())
        found = await verify(store)
        await store.close()
        first = next(fault for fault in found.faults if fault.code == "event_changed")
        return first.position, first.seal, found.events

    assert anyio.run(judge) == (17, (11, 20), EVENTS)


def test_an_older_copy_is_whole_by_itself_but_not_by_the_anchor(
    sealed: Path, tmp_path: Path
) -> None:
    newest = newest_seal(sealed)
    anchor = (newest.to_position, newest.root)
    older = changed(
        sealed,
        tmp_path,
        "DELETE FROM events WHERE position > 20",
        "DELETE FROM event_keys WHERE position > 20",
        "DELETE FROM seals WHERE to_position > 20",
    )

    assert judged(older) == []
    assert judged(older, anchor) == ["anchor_missing"]
    assert judged(sealed, anchor) == []


def test_a_log_told_and_sealed_anew_differs_from_the_anchor(sealed: Path, tmp_path: Path) -> None:
    """Who can write everything can seal everything again; he cannot reach what you wrote down."""
    newest = newest_seal(sealed)
    path = changed(
        sealed,
        tmp_path,
        "UPDATE events SET occurred_at = occurred_at - 1 WHERE position = 7",
        "DELETE FROM seals",
        "DELETE FROM salts",
        "DELETE FROM events WHERE position > 25",
        "DELETE FROM event_keys WHERE position > 25",
    )

    async def seal_again() -> None:
        store = sqlite_store(path, DirectRunner())
        await sealer(store, LATER).seal_everything()
        await store.close()

    anyio.run(seal_again)

    assert judged(path) == []
    assert judged(path, (newest.to_position, newest.root)) == ["anchor_differs"]
