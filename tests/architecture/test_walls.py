"""Whatever is read for everybody is listed here with its reason; all else is read for a tenant."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import Function, listed, name_of, parse, python_files

FOR_EVERYBODY = {
    "Tenants.all": "an operator lists tenants",
    "Tenants.exists": "whether a tenant is there is asked by an operator",
    "Answering.positions": "how far the one log has come",
    "Answering.position_at": "positions are the log's",
    "Answering._listed": "the catalogue in memory, looked into by tenant; no rows are read",
    "Answering.outdated": "the same",
    "Answering.key": "whose a key is, is known once it is found",
    "Keeping._create_key": "looked at by id before it is written",
    "Keeping._key": "same",
    "Keeping._touch_keys": "same, keys of all tenants at once",
    "Keeping._add_seal": "seals are of the whole log",
    "ReadsSeals.seals": "same",
    "ReadsSeals.newest_seals": "same",
    "ReadsSeals.sealable": "same",
    "ReadsSeals.kinds_folded": "which tenants there is something to verify of",
    "EmbeddedStore.__init__": "the catalogue is of all tenants",
    "EmbeddedStore.project": "folding is for all tenants",
    "EmbeddedStore.sweep": "so is what fell due",
    "EmbeddedStore.retry_parked": "and what is parked",
    "EmbeddedStore.erase": "whether everything is folded",
    "EmbeddedStore.health": "figures of the whole database",
    "EmbeddedStore.inspect": "same",
    "PostgresStore.generations_under_way": "rebuilds of all tenants are carried on",
    "PostgresStore._whose": "without a wall, one batch is read for callers of any tenant",
    "PostgresStore._moment": "only compared with: for everybody there is no wall to go behind",
    "PostgresStore.ranges_left": "part of a rebuild, which writes",
    "PostgresStore.health": "figures of the whole database",
    "PostgresStore.inspect": "same",
    "Consumer._stored": "offsets are those of topics",
    "Imports.round": "whichever tenant's import waits is carried on",
    "Imports._give_up_old_uploads": "same",
    "Imports.close": "same",
    "Backtests.round": "whichever tenant's backtest waits is carried on",
    "Erasing.finish": "whoever's erasure is unfinished",
    "Courier._know": "one courier delivers for all tenants",
    "Courier._keep_books": "same",
    "Deliveries.forget_old": "what is old is forgotten, whosever it is",
    "FanOut.round": "which tenants have endpoints",
    "FanOut.pages": "same",
    "FanOut.page": "how far a feed has come is counted in a table of nobody",
    "HookFigures.observe": "figures of all endpoints",
    "Signers.renew": "the keys are ours",
    "PublishedKeys.live": "same",
    "Redeliveries.round": "whichever tenant's job waits is carried on",
}

ROUND_THE_STORE = {
    "PostgresStore._level_readings": "where a tenant's read goes behind the wall",
    "PostgresStore._as_before": "only where there is no wall",
    "PostgresStore.ranges_left": "part of a rebuild, which writes",
    "PostgresStore.carry": "writes",
    "PostgresArchive.copy": "a copy is of everybody",
    "PostgresLeases.hold": "leases are of processes",
    "PostgresLeases.release": "same",
}
"""Who takes a reader's connection from the pool."""


def test_what_is_read_for_everybody_is_listed_with_a_reason() -> None:
    found = {
        where
        for where, node in named("service")
        if isinstance(node, ast.Name) and node.id == "EVERYBODY"
    }

    assert found == set(FOR_EVERYBODY), found ^ set(FOR_EVERYBODY)


def test_no_route_reads_for_everybody() -> None:
    """Behind a route there is a key, and behind the key a tenant."""
    breaches = [name_of(path) for path in python_files("service/http") if mentions(path)]

    assert not breaches, listed(breaches)


def test_connections_of_readers_are_taken_where_the_wall_is_thought_of() -> None:
    ways = {"reading", "glance", "noting", "carrying"}
    found = {
        where
        for where, node in named("service/adapters/postgres")
        if isinstance(node, ast.Attribute)
        and node.attr in ways
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "_database"
    }

    assert found == set(ROUND_THE_STORE), found ^ set(ROUND_THE_STORE)


def mentions(path: Path) -> bool:
    """Tell whether a file speaks of everybody."""
    nodes = ast.walk(parse(path))
    return any(isinstance(node, ast.Name) and node.id == "EVERYBODY" for node in nodes)


def named(folder: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield every node inside of a function, with the function's name and its class's before it."""
    for path in python_files(folder):
        yield from _inside(parse(path), ())


def _inside(node: ast.AST, names: tuple[str, ...]) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        below = names
        if isinstance(child, Function | ast.ClassDef) and len(names) < 2:
            below = (*names, child.name)
        if len(names) > 1 or (names and isinstance(node, Function)):
            yield ".".join(names), child
        yield from _inside(child, below)
