"""Whoever may not come in learns nothing: what is ours is answered like what is nobody's.

Every route of the table of operations, asked in each way of having no right to it. Another tenant's
key is `test_strangers.py`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping

import httpx
import pytest

from domain.instants import SECOND, format_instant
from service.access.keys import new_token
from tests.http.conftest import Api, SeededRandomness
from tests.http.test_access import BODIES, GUARDED, QUERIES
from tests.http.test_strangers import MARK, PROBES, nobodys, ours

pytestmark = pytest.mark.anyio

Headers = dict[str, str]
Way = Callable[[Api], Awaitable[Headers]]
SAME_REQUEST = {"X-Request-Id": "the-same-request"}
OPENED = ("/v1/limits", "/v1/imports")
"""What the key without the scope opens; `test_access.py` asks every scope of every route."""


async def without_a_key(api: Api) -> Headers:
    """Return no key."""
    del api
    return {}


async def with_a_key_of_nobody(api: Api) -> Headers:
    """Return a key that was never handed out."""
    del api
    return {"Authorization": f"Bearer {new_token(SeededRandomness())}"}


async def with_an_expired_key(api: Api) -> Headers:
    """Return an admin key whose time is over."""
    headers = await api.key("admin", expires_at=format_instant(api.clock.now() + SECOND))
    api.clock.turn(seconds=1)
    return headers


async def with_a_revoked_key(api: Api) -> Headers:
    """Return an admin key that was taken back."""
    headers = await api.key("admin")
    key_id = headers["Authorization"].split("_")[1]
    await api.client.delete(f"/v1/api-keys/{key_id}")
    return headers


async def from_another_network(api: Api) -> Headers:
    """Return an admin key that may be used from elsewhere only."""
    return await api.key("admin", networks=["10.9.8.0/24"])


async def without_the_scope(api: Api) -> Headers:
    """Return a key that may do something else."""
    return await api.key("events:import")


WAYS: list[tuple[Way, int, str]] = [
    (without_a_key, 401, "key_missing"),
    (with_a_key_of_nobody, 401, "key_invalid"),
    (with_an_expired_key, 401, "key_invalid"),
    (with_a_revoked_key, 401, "key_invalid"),
    (from_another_network, 403, "address_not_allowed"),
    (without_the_scope, 403, "scope_missing"),
]


@pytest.mark.parametrize(("way", "status", "code"), WAYS, ids=[way.__name__ for way, *_ in WAYS])
async def test_nobody_learns_what_there_is_from_being_shut_out(
    api: Api, way: Way, status: int, code: str
) -> None:
    names = await ours(api)
    none = nobodys(names)
    headers = await way(api)
    before = [(await api.get(probe)).text for probe in PROBES]

    for operation in GUARDED:
        if way is without_the_scope and operation[1].startswith(OPENED):
            continue
        answers = [await _asked(api, operation, known, headers) for known in (names, none)]

        assert [one.status_code for one in answers] == [status, status], operation
        assert answers[0].json()["code"] == code, operation
        assert _without(answers[0], names) == _without(answers[1], none), operation
        assert MARK not in answers[0].text

    assert [(await api.get(probe)).text for probe in PROBES] == before


async def _asked(
    api: Api, operation: tuple[str, str], names: Mapping[str, str], headers: Headers
) -> httpx.Response:
    """Return the answer about something of those *names*."""
    method, path = operation
    request = api.client.build_request(
        method,
        path.format_map(names),
        params=QUERIES.get(operation),
        json=BODIES.get(operation),
        headers={**headers, **SAME_REQUEST},
    )
    if not headers:
        del request.headers["Authorization"]
    return await api.client.send(request)


def _without(answer: httpx.Response, names: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return body and names of the fields of *answer*, without the names that were asked about."""
    text = answer.text
    for value in sorted(names.values(), key=len, reverse=True):
        text = re.sub(rf"/{re.escape(value)}\b", "/…", text)
    return text, sorted(answer.headers)
