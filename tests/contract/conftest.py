"""One suite for every store: each test runs over all adapters and may not tell them apart.

Row security binds whoever reads, so by default the tests of reading run behind it as well;
`STAGEFOLD_TEST_WALLED=all` runs every test behind it.
"""

from __future__ import annotations

import itertools
import os
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

ADAPTERS = ("memory", "sqlite", "postgresql")
WALLED = "postgresql-walled"
READING = ("test_reading", "test_histories", "test_random", "test_told_again")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test over the adapters that it is for."""
    if "adapter" in metafunc.fixturenames:
        is_reading = metafunc.module.__name__.rpartition(".")[2] in READING
        is_walled = is_reading or os.environ.get("STAGEFOLD_TEST_WALLED") == "all"
        adapters = (*ADAPTERS, WALLED) if is_walled else ADAPTERS
        metafunc.parametrize("adapter", adapters, indirect=True)


@pytest.fixture
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
                role = reader_role_of(address) if adapter == WALLED else ""
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
