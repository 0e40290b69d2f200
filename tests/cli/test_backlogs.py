"""What was stored and left for later is folded by the command that finds it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from projections.events.log import Submission
from projections.reading.answers import Positions
from service.adapters.sqlite import sqlite_store
from tests.builders import at
from tests.cli.calling import call
from tests.contract.saying import sent

EVENTS, BATCH = 12_000, 2_000


async def _leave_behind(database: Path) -> None:
    """Store events as a server does that is too busy to fold them, and that is stopped then."""
    store = sqlite_store(database)
    for first in range(0, EVENTS, BATCH):
        events = [
            sent(f"e{n}", "ordered", 1, f"c{n % 500}", tenant="default")
            for n in range(first, first + BATCH)
        ]
        await store.append([Submission(events)], at(9), defer=True)
    await store.close()


async def _positions(database: Path) -> Positions:
    store = sqlite_store(database)
    try:
        return await store.positions()
    finally:
        await store.close()


def test_an_import_folds_what_it_finds_left_before_it_ends(tmp_path: Path) -> None:
    settings = {"STAGEFOLD_DATA_DIR": str(tmp_path), "STAGEFOLD_MODELS": "four-stage"}
    orders = tmp_path / "orders.ndjson"
    orders.write_text('{"id":"o1","type":"order_completed","customer_id":"ann"}\n')
    assert call("import", orders, **settings).exit_code == 0
    (database,) = tmp_path.glob("*.db")
    asyncio.run(_leave_behind(database))
    before = asyncio.run(_positions(database))
    orders.write_text('{"id":"o2","type":"order_completed","customer_id":"bob"}\n')

    done = call("import", orders, **settings)

    after = asyncio.run(_positions(database))
    assert done.exit_code == 0, done.output
    assert (before.head, before.applied) == (EVENTS + 1, 1)
    assert after.applied == after.head == EVENTS + 2
