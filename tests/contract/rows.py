"""Every row of a store, to compare two stores that must hold the same."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import asyncpg

from service.adapters.embedded.store import EmbeddedStore
from service.adapters.memory.rows import MemoryRows
from service.adapters.sql.declared import metadata
from service.ports import Store

TABLES = tuple(
    name
    for name in metadata.tables
    if name not in ("leases", "catalogue_changes", "api_keys", "generations", "model_versions")
)
COUNTS = ("stage_counts", "stay_counts")
MEMORY = (
    "events",
    "event_keys",
    "by_account",
    "subjects",
    "names",
    "profiles",
    "stages",
    "records",
    "feed",
    "snapshots",
    "parked",
    "types",
    "backlog",
    "former_roots",
)


async def rows_of(store: Store) -> dict[str, Any]:
    """Return the rows of every table that events lead to, in no particular order."""
    health = await store.health(0)
    if health.kind == "memory":
        return _in_memory(store)
    if health.kind == "sqlite":
        return _in_file(health.place)
    return await _on_server(health.place)


def _in_memory(store: Store) -> dict[str, Any]:
    assert isinstance(store, EmbeddedStore)
    rows = store._rows  # noqa: SLF001 -- what is stored, and not what is told, is compared
    assert isinstance(rows, MemoryRows)
    return {name: getattr(rows, name) for name in MEMORY}


def _in_file(path: str) -> dict[str, Any]:
    with closing(sqlite3.connect(path)) as connection:
        return {
            name: _counted(name, connection.execute(f"SELECT * FROM {name}").fetchall())  # noqa: S608 -- a name of ours
            for name in TABLES
        }


async def _on_server(url: str) -> dict[str, Any]:
    connection = await asyncpg.connect(url)
    try:
        return {
            name: _counted(name, list(map(tuple, await connection.fetch(f"SELECT * FROM {name}"))))  # noqa: S608 -- a name of ours
            for name in TABLES
        }
    finally:
        await connection.close()


def _counted(name: str, rows: list[Any]) -> list[Any]:
    """Return *rows* in order; a count of nobody is as good as none."""
    return sorted((row for row in rows if name not in COUNTS or row[-1]), key=repr)
