"""A database and a store in it for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest

from service.adapters.postgres import postgres_store
from service.adapters.postgres.connections import Limits
from service.adapters.postgres.store import PostgresStore
from tests.postgres.telling import OpenStore
from tests.servers.postgres import PATIENT, Databases

IMPATIENT = Limits(connect=2.0, lock=0.2, write=5.0, read=5.0, idle=5.0, readers=2)
"""Limits that make a test of waiting for them a quick one; nothing else is to meet them."""


@pytest.fixture
async def url(databases: Databases) -> AsyncIterator[str]:
    """Lend an empty database with the newest schema, by its address."""
    async with databases.fresh() as address:
        yield address


@pytest.fixture
async def open_store(url: str) -> AsyncIterator[OpenStore]:
    """Return what opens a store as one more process would, on the same database."""
    async with AsyncExitStack() as stack:

        async def open_one() -> PostgresStore:
            store = await postgres_store(url, limits=PATIENT)
            stack.push_async_callback(store.close)
            return store

        yield open_one


@pytest.fixture
async def store(open_store: OpenStore) -> PostgresStore:
    """Return an empty store."""
    return await open_store()


@pytest.fixture
async def operator(url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """Lend a connection of somebody who may do everything."""
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()
