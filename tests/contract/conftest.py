"""One suite for every store: each test runs over all adapters and may not tell them apart."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from service.adapters.memory import memory_store
from service.adapters.postgres import postgres_store
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.ports import Store
from tests.contract.saying import OpenStore
from tests.servers.postgres import PATIENT, Databases, reader_role_of

ADAPTERS = ("memory", "sqlite", "postgresql", "postgresql-walled")


@pytest.fixture(params=ADAPTERS)
def adapter(request: pytest.FixtureRequest) -> str:
    """Name the adapter under test."""
    name: str = request.param
    if name.startswith("postgresql"):
        request.getfixturevalue("databases")  # starts a server: not to be done inside a loop
    return name


@pytest.fixture
async def open_store(
    adapter: str, request: pytest.FixtureRequest, empty_database: Path, tmp_path: Path
) -> AsyncIterator[OpenStore]:
    """Return what opens a further, empty store of the adapter under test."""
    numbers = itertools.count(1)
    async with AsyncExitStack() as stack:

        async def open_one() -> Store:
            if adapter == "memory":
                return memory_store()
            if adapter.startswith("postgresql"):
                databases: Databases = request.getfixturevalue("databases")
                address = await stack.enter_async_context(databases.fresh())
                role = reader_role_of(address) if adapter == "postgresql-walled" else ""
                shared = await postgres_store(address, limits=PATIENT, reader_role=role)
                stack.push_async_callback(shared.close)
                return shared
            path = tmp_path / f"store{next(numbers)}.db"
            shutil.copy(empty_database, path)
            store = sqlite_store(path, DirectRunner())
            stack.push_async_callback(store.close)
            return store

        yield open_one


@pytest.fixture
async def store(open_store: OpenStore) -> Store:
    """Return an empty store of the adapter under test."""
    return await open_store()
