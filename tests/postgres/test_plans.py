"""Every statement that runs per batch or per request finds its rows by an index, on any table.

Plans are made without any statistics: the state after a fresh start and after a large import.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from inspect import getmembers, isfunction, signature
from typing import Any

import pytest

from projections.reading.answers import CustomerQuery
from projections.registers.register import Register
from projections.webhooks.rows import DELIVERIES, DUE, LANES, MESSAGE_IDS, MESSAGES, WAITING
from service.adapters.postgres import (
    boards,
    lookups,
    ranges,
    registers,
    removals,
    sealed,
    upgrade_database,
    views,
    wall,
    writes,
)
from service.adapters.postgres.connections import WRITER_SETTINGS
from service.adapters.postgres.listing import listing
from service.adapters.sql.declared import metadata
from tests.contract.saying import TENANT
from tests.postgres.telling import Operator
from tests.servers.postgres import reader_role_of

pytestmark = pytest.mark.anyio

Plan = dict[str, Any]

GROWING = {name for name, table in metadata.tables.items() if "bucket" in table.c} - {"parked"}
FROM_ONE_END = {"glance", "head", "head_behind", "turn"}
"""Statements that read one row from the end of an index, so need no condition on it."""

MANY_EVENTS = """
INSERT INTO events
SELECT n, 1, 1, 'default', 'visited', 'id-' || n, 'api', NULL, n, n, n, 0, 0, 'stagefold', NULL,
  NULL, repeat('x', 300)
FROM generate_series(1, 20000) AS n
"""

VACUUMED = """
ANALYZE events;
UPDATE pg_class SET relallvisible = relpages WHERE relname = 'events'
"""
"""What the planner goes by where every row of the log is visible to everybody."""


def statements() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every statement."""
    yield from written()
    for module in (lookups, views, boards):
        for name, write in getmembers(module, isfunction):
            is_own = write.__module__ == module.__name__ and not name.startswith("_")
            if is_own and not signature(write).parameters:
                text = write()
                if isinstance(text, str):
                    yield name, text
    for first in (True, False):
        yield f"log, type {first}", views.log(of_type=first)
        for other in (True, False):
            records = views.records(newest_first=first, include_retracted=other)
            yield f"records, newest {first}, retracted {other}", records
            events = views.events_of(of_account=first, newest_first=other)
            yield f"events of, account {first}, newest {other}", events
    yield "remove transitions", removals.transitions_of()
    yield "remove stages", removals.stages_of()
    yield from lists()


def written() -> Iterator[tuple[str, str]]:
    """Yield what is written, each kind of row alone, and those of the log together."""
    for name, write in vars(writes).items():
        if isinstance(write, partial) or name.startswith(("count_", "lose_")):
            yield f"write {name}", writes.text_of(write)
    log = (writes.add_events, writes.add_keys, writes.add_names, writes.count_types)
    yield "write the log", writes.text_of(*log)


def lists() -> Iterator[tuple[str, str]]:
    """Yield the statements of lists of customers, by what they are sorted by."""
    after: dict[str, tuple[int | str, ...]] = {
        "id": ("ann", "ann", "customer"),
        "entered_at": (1, "ann", "customer"),
        "last_event_at": (1, "ann", "customer"),
    }
    for sort, mark in after.items():
        query = CustomerQuery(TENANT, 1, sort=sort, after=mark)  # type: ignore[arg-type] # its keys
        in_stage = CustomerQuery(TENANT, 1, "shop", ("lead",), sort=sort, after=mark)  # type: ignore[arg-type] # same
        if sort != "entered_at":
            yield f"customers by {sort}", listing(query, None, [], 50)[0]
        yield f"customers in a stage by {sort}", listing(in_stage, 1, [(1, 1)], 50)[0]


ALL = dict(statements())
FOR_A_TENANT = sorted(
    name
    for name, text in ALL.items()
    if text.startswith("SELECT")
    and not name.startswith(("remove", "write"))
    and name not in FROM_ONE_END
    and not any(f"FROM {closed}" in text or f", {closed}" in text for closed in wall.CLOSED)
)
"""Statements of which none touches what is closed to whoever reads for a tenant."""


@pytest.mark.parametrize("name", ALL)
async def test_rows_are_found_by_an_index(name: str, operator: Operator) -> None:
    for setting, value in WRITER_SETTINGS.items():
        await operator.execute(f"SET {setting} = '{value}'")
    await operator.execute(f"PREPARE asked AS {ALL[name]}")

    count = await operator.fetchval(
        "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'asked'"
    )
    nothing = f"({', '.join(['NULL'] * count)})" if count else ""
    plan = await operator.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE asked{nothing}")

    scans = [node for node in nodes(json.loads(plan)[0]["Plan"]) if is_read(node)]
    lame = [node for node in scans if "Index Cond" not in node]
    assert not lame or (name in FROM_ONE_END and not seq_scans(lame)), lame


@pytest.mark.parametrize("name", FOR_A_TENANT)
async def test_rows_are_found_by_an_index_behind_the_wall(
    name: str, url: str, operator: Operator
) -> None:
    """A policy may only be looked into after the index: a condition that leaks goes last."""
    await upgrade_database(url, reader_role=reader_role_of(url))
    for setting, value in WRITER_SETTINGS.items():
        await operator.execute(f"SET {setting} = '{value}'")

    async with operator.transaction():
        await operator.fetch(wall.go_behind(), TENANT, reader_role_of(url))
        await operator.execute(f"PREPARE asked AS {ALL[name]}")
        count = await operator.fetchval(
            "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'asked'"
        )
        nothing = f"({', '.join(['NULL'] * count)})" if count else ""
        plan = await operator.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE asked{nothing}")

    scans = [node for node in nodes(json.loads(plan)[0]["Plan"]) if is_read(node)]
    assert not [node for node in scans if "Index Cond" not in node], scans


@pytest.mark.parametrize("name", ["remove transitions", "remove stages"])
async def test_what_is_removed_is_looked_up_bucket_by_bucket(name: str, operator: Operator) -> None:
    """The plan of a join once read all of a generation for each bucket, under the lock."""
    for setting, value in WRITER_SETTINGS.items():
        await operator.execute(f"SET {setting} = '{value}'")
    await operator.execute(f"PREPARE asked AS {ALL[name]}")

    plan = await operator.fetchval("EXPLAIN (FORMAT JSON) EXECUTE asked(NULL, NULL, NULL)")

    conditions = [
        node["Index Cond"] for node in nodes(json.loads(plan)[0]["Plan"]) if is_read(node)
    ]
    assert len(conditions) == 2
    assert all("(bucket = " in condition for condition in conditions)


async def test_a_page_to_be_sealed_is_read_in_order_and_no_further(operator: Operator) -> None:
    """Where it was sorted, each page looked up all that was left of its range."""
    async with operator.transaction():
        await operator.execute(MANY_EVENTS)
        await operator.execute(sealed.BY_KEY)
        await operator.execute(f"PREPARE asked AS {sealed.sealable_page()}")

        plan = await operator.fetchval("EXPLAIN (FORMAT JSON) EXECUTE asked(0, 10000, 1000)")

    found = list(nodes(json.loads(plan)[0]["Plan"]))
    assert not [node for node in found if "Sort" in node["Node Type"]]
    (log,) = (node for node in found if node.get("Relation Name") == "events")
    assert log["Index Name"] == "events_pkey"


async def test_a_range_is_rebuilt_from_the_index_alone(operator: Operator) -> None:
    """Rows of one subject lie far apart; only contents that versions read are looked up."""
    for setting, value in WRITER_SETTINGS.items():
        await operator.execute(f"SET {setting} = '{value}'")
    async with operator.transaction():
        await operator.execute(MANY_EVENTS)
        await operator.execute(VACUUMED)
        await operator.execute(f"PREPARE asked AS {ranges.events_in_order()}")

        plan = await operator.fetchval("EXPLAIN (FORMAT JSON) EXECUTE asked('{}', 1, 2, 20000)")

    found = list(nodes(json.loads(plan)[0]["Plan"]))
    assert [node["Node Type"] for node in found] == ["Index Only Scan", "Index Scan"]
    assert [node["Index Name"] for node in found] == ["events_fold", "events_pkey"]


def nodes(plan: Plan) -> Iterator[Plan]:
    """Yield every node of *plan*."""
    yield {key: value for key, value in plan.items() if key != "Plans"}
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def is_read(node: Plan) -> bool:
    """Tell whether a node reads a table that grows; a bitmap's condition is on its index node."""
    return (
        node.get("Relation Name") in GROWING
        and "Scan" in node["Node Type"]
        and node["Node Type"] != "Bitmap Heap Scan"
    )


def seq_scans(scans: list[Plan]) -> list[Plan]:
    """Return those that read a table from end to end."""
    return [node for node in scans if node["Node Type"] == "Seq Scan"]


@pytest.mark.parametrize(
    ("register", "width"),
    [(DUE, 1), (LANES, 2), (WAITING, 2), (DELIVERIES, 2), (MESSAGES, 2), (MESSAGE_IDS, 2)],
    ids=lambda each: getattr(each, "name", str(each)),
)
async def test_what_a_claim_of_webhooks_asks_is_found_by_an_index(
    register: Register[Any], width: int, operator: Operator
) -> None:
    """However much waits for whom, each endpoint's few rows are read from the front of its part."""
    for setting, value in WRITER_SETTINGS.items():
        await operator.execute(f"SET {setting} = '{value}'")
    await operator.execute(f"PREPARE asked AS {registers.firsts_text(register, width)}")
    nothing = ", ".join(["NULL"] * (width + 1))

    plan = await operator.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE asked({nothing})")

    found = list(nodes(json.loads(plan)[0]["Plan"]))
    reads = [node for node in found if node.get("Relation Name") == register.name]
    assert reads
    assert all("Index Cond" in node for node in reads)
    assert not [node for node in found if node["Node Type"] == "Sort"]
