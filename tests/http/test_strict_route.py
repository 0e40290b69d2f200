"""Every JSON body is read as strictly as events are, whatever the route."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from service.app import create_app
from service.http.describing import openapi
from service.http.schemas import compat as compat_schema
from tests.http.conftest import Api
from tests.http.test_access import NAMES

pytestmark = pytest.mark.anyio

JSON_BODIES = [
    (method.upper(), path)
    for path, item in openapi.document(create_app())["paths"].items()
    for method, operation in item.items()
    if "application/json" in operation.get("requestBody", {}).get("content", {})
    and path not in compat_schema.PATHS  # clients of others: answered 200, with verdicts within
]


async def asked(api: Api, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Return status and members of the answer."""
    headers = {"Content-Type": "application/json"}
    answer = await api.client.request(method, path.format_map(NAMES), content=body, headers=headers)
    return answer.status_code, answer.json()


@pytest.mark.parametrize(("method", "path"), JSON_BODIES, ids=map(" ".join, JSON_BODIES))
async def test_a_key_given_twice_is_refused_with_its_place(
    api: Api, method: str, path: str
) -> None:
    body = b'{"model": "shop", "model": "shop", "deep": {"x": 1}}'

    status, told = await asked(api, method, path, body)

    is_check = path == "/v1/models/validate"  # it answers with what is wrong
    assert status in ({200} if is_check else {400, 422})
    assert re.search(r"duplicate|more than once|twice", json.dumps(told))


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (b'{"name": "a", "name": "b", "scopes": []}', "/name", "duplicate_key"),
        (b'{"name": "a", "scopes": [NaN]}', "/scopes/0", "number_not_finite"),
        (b'{"name": "a\\u0000", "scopes": []}', "/name", "nul_character"),
        (b'{"name": "\\ud800", "scopes": []}', "/name", "lone_surrogate"),
        (b'{"a/b~c": {"x": 1, "x": 1}}', "/a~1b~0c/x", "duplicate_key"),
    ],
)
async def test_what_readers_disagree_about_is_refused(
    api: Api, body: bytes, pointer: str, code: str
) -> None:
    status, told = await asked(api, "POST", "/v1/api-keys", body)

    assert (status, told["code"]) == (422, "validation_failed")
    assert [(each["pointer"], each["code"]) for each in told["errors"]] == [(pointer, code)]


@pytest.mark.parametrize("body", [b"{", b'{"name": "a"} {}', b"[" * 100_000])
async def test_what_is_no_json_is_refused_as_such(api: Api, body: bytes) -> None:
    status, told = await asked(api, "POST", "/v1/api-keys", body)

    assert status in {400, 422}
    assert told["code"] in {"malformed_json", "validation_failed"}


async def test_a_body_without_fault_is_taken(api: Api) -> None:
    body = b' {"name": "a", "scopes": ["customers:read"]} '

    status, _ = await asked(api, "POST", "/v1/api-keys", body)

    assert status == 201
