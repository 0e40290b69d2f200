"""A sealed log in PostgreSQL, and whoever may do everything: each column, each row is noticed."""

from __future__ import annotations

import asyncpg
import pytest

from projections.rows.changes import EVENT_COLUMNS
from service.adapters.postgres.store import PostgresStore
from tests.postgres.telling import Operator
from tests.seals.world import fill, sealer, verdict

pytestmark = pytest.mark.anyio
NUMBERS = ("bucket", "subject_id", "occurred_at", "recorded_at", "effective_at")
FLAGS = ("late", "historical")
CHANGES = {
    **{name: f"{name} = {name} - 1" for name in NUMBERS},
    **{name: f"{name} = 1 - {name}" for name in FLAGS},
    **{
        name: f"{name} = overlay(coalesce({name}, '') placing '?' from 1 for 1)"
        for name in EVENT_COLUMNS
        if name not in (*NUMBERS, *FLAGS, "position")
    },
    "position": "position = -position",
}


@pytest.fixture
async def sealed(store: PostgresStore, operator: Operator) -> PostgresStore:
    """Return a store of 25 sealed events, whose triggers and checks are off."""
    await fill(store, 25)
    await sealer(store).seal_everything()
    await fill(store, 27)
    for table in ("events", "event_keys", "seals"):
        await operator.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        await operator.execute(f"GRANT ALL ON {table} TO CURRENT_USER")
    await operator.execute("ALTER TABLE events DROP CONSTRAINT events_effective_not_after_recorded")
    return store


@pytest.mark.parametrize("column", EVENT_COLUMNS)
async def test_any_column_that_was_changed_is_found(
    sealed: PostgresStore, operator: Operator, column: str
) -> None:
    change = f"UPDATE events SET {CHANGES[column]} WHERE position = 7"  # noqa: S608 -- of a test
    done = await operator.execute(change)

    assert done == "UPDATE 1"
    assert await verdict(sealed)


@pytest.mark.parametrize(
    ("code", "command"),
    [
        ("position_missing", "DELETE FROM events WHERE position = 7"),
        ("events_missing", "DELETE FROM events WHERE position > 20"),
        ("event_changed", "UPDATE subjects SET name = 'eve' WHERE name = 'ann'"),
        ("event_changed", "UPDATE salts SET salt = ''"),
        ("event_without_key", "DELETE FROM event_keys WHERE position = 26"),
        ("event_key_differs", "UPDATE events SET payload = '{}' WHERE position = 26"),
        ("seal_missing", "DELETE FROM seals WHERE to_position = 10"),
        ("seal_broken", "UPDATE seals SET root = previous WHERE to_position = 25"),
    ],
)
async def test_what_was_done_to_the_log_is_named(
    sealed: PostgresStore, operator: Operator, code: str, command: str
) -> None:
    await operator.execute(command)

    assert code in await verdict(sealed)


async def test_two_rows_that_changed_places_are_found(
    sealed: PostgresStore, operator: Operator
) -> None:
    await operator.execute(
        "UPDATE events SET position = 999 WHERE position = 4;"
        "UPDATE events SET position = 4 WHERE position = 14;"
        "UPDATE events SET position = 14 WHERE position = 999"
    )

    assert "event_changed" in await verdict(sealed)


@pytest.mark.parametrize("command", ["UPDATE seals SET root = ''", "DELETE FROM seals"])
async def test_a_seal_is_never_changed_or_removed(
    store: PostgresStore, operator: Operator, command: str
) -> None:
    await fill(store, 1)
    await sealer(store).seal_everything()

    with pytest.raises(asyncpg.RestrictViolationError, match="seals is append-only"):
        await operator.execute(command)
