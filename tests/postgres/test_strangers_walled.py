"""Routes of the API, asked by strangers and by those who are shut out, behind the wall.

What reads is asked each time; `STAGEFOLD_TEST_WALLED=all` asks every route.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from service.adapters.postgres import postgres_store
from service.bootstrap import close
from tests.http.conftest import Api, TurnedClock, client_of, services_over
from tests.http.test_access import GUARDED
from tests.http.test_shut_out import WAYS, Way
from tests.http.test_shut_out import (
    test_nobody_learns_what_there_is_from_being_shut_out as nobody_learns,
)
from tests.http.test_strangers import (
    test_what_is_ours_is_answered_like_what_is_nobodys as ours_is_like_nobodys,
)
from tests.servers.postgres import PATIENT, reader_role_of

pytestmark = pytest.mark.anyio

EVERY = os.environ.get("STAGEFOLD_TEST_WALLED") == "all"
ASKED = [operation for operation in GUARDED if EVERY or operation[0] == "GET"]


@pytest.fixture
async def api(url: str) -> AsyncIterator[Api]:
    """Return the application over a database whose readers are behind the wall."""
    clock = TurnedClock()
    store = await postgres_store(url, limits=PATIENT, reader_role=reader_role_of(url))
    services = await services_over(store, clock)
    made = Api(client_of(services), services, clock)
    yield made
    await made.client.aclose()
    await close(services)


@pytest.mark.parametrize("operation", ASKED, ids=map(" ".join, ASKED))
async def test_what_is_ours_is_answered_like_what_is_nobodys(
    api: Api, operation: tuple[str, str]
) -> None:
    await ours_is_like_nobodys(api, operation)


@pytest.mark.parametrize(("way", "status", "code"), WAYS, ids=[way.__name__ for way, *_ in WAYS])
async def test_nobody_learns_what_there_is_from_being_shut_out(
    api: Api, way: Way, status: int, code: str
) -> None:
    await nobody_learns(api, way, status, code)
