"""`Idempotency-Key`: the same management request with the same key is carried out once."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from projections.asking import EVERYBODY
from projections.registers.access import KEPT_ANSWERS, KeptAnswer
from projections.registers.register import entries
from service.access.kept_answers import key_in
from service.errors import Problem
from service.ports.errors import StoreUnavailable
from tests.http.conftest import Api, did

pytestmark = pytest.mark.anyio

NEW_KEY = {"name": "x", "scopes": ["admin"]}


async def make(api: Api, once: str, body: object = NEW_KEY, **options: Any) -> httpx.Response:  # noqa: ANN401 -- httpx's options
    """Return the answer to making an API key once."""
    headers = {"Idempotency-Key": once, **options.pop("headers", {})}
    return await api.client.post("/v1/api-keys", json=body, headers=headers, **options)


async def count(api: Api) -> int:
    """Return how many API keys there are."""
    return len((await api.get("/v1/api-keys")).json()["data"])


@pytest.mark.parametrize("again", ['"8e03978e"', "8e03978e"])
async def test_a_repeat_is_answered_like_the_first(api: Api, again: str) -> None:
    first = await make(api, '"8e03978e"')

    second = await make(api, again)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert await count(api) == 2


async def test_another_request_with_the_same_key_is_refused(api: Api) -> None:
    await make(api, "once")

    for options in ({"body": {**NEW_KEY, "name": "y"}}, {"params": {"x": "1"}}):
        refused = await make(api, "once", **options)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_mismatch")
    assert await count(api) == 2


async def test_keys_of_other_callers_and_routes_are_other_keys(api: Api) -> None:
    other = await api.key("admin")
    tenant = await api.client.post(
        "/v1/tenants", json={"id": "acme"}, headers={"Idempotency-Key": "once"}
    )

    answers = [await make(api, "once"), await make(api, "once", headers=other)]

    assert tenant.status_code == 201
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]


async def test_of_many_at_once_one_is_carried_out(api: Api) -> None:
    answers = await asyncio.gather(*(make(api, "once") for _ in range(8)))

    told = {(each.status_code, each.json().get("code")) for each in answers}
    assert told <= {(201, None), (409, "idempotency_running")}
    assert len({each.json()["id"] for each in answers if each.status_code == 201}) == 1
    assert await count(api) == 2


async def test_a_refusal_is_kept_and_a_mistake_of_ours_is_not(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    invalid = [await make(api, "bad", {"name": ""}) for _ in range(2)]

    async def broken(*_: object, **__: object) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr(api.services.store, "create_key", broken)
        failed = await make(api, "later")
    retried = await make(api, "later")

    assert [each.status_code for each in invalid] == [422, 422]
    assert invalid[1].headers["Idempotency-Replayed"] == "true"
    assert (failed.status_code, retried.status_code) == (503, 201)


async def test_an_answer_is_kept_for_a_day(api: Api) -> None:
    await make(api, "once")

    api.clock.turn(days=1)
    still = await make(api, "once")
    api.clock.turn(seconds=1)
    anew = await make(api, "once")

    assert "Idempotency-Replayed" in still.headers
    assert "Idempotency-Replayed" not in anew.headers
    assert await count(api) == 3
    api.clock.turn(days=2)
    assert await api.services.kept_answers.forget() is True
    assert await api.services.kept_answers.forget() is False


async def test_what_is_kept_holds_no_secret(api: Api) -> None:
    """Whoever reads the database reads no API key in it."""
    made = await make(api, "once")

    kept: list[KeptAnswer] = await api.services.store.look(entries(KEPT_ANSWERS), of=EVERYBODY)

    body = kept[0].body
    assert body is not None
    assert made.json()["key"].encode() not in body
    assert made.json()["id"].encode() not in body


async def test_an_answer_is_given_to_the_secret_that_asked_only(api: Api) -> None:
    former = await api.key("admin")
    key_id = former["Authorization"].split("_")[1]
    await make(api, "once", headers=former)
    rotated = await api.client.post(f"/v1/api-keys/{key_id}/rotate", json={})
    newest = {"Authorization": f"Bearer {rotated.json()['key']}"}

    refused = await make(api, "once", headers=newest)

    assert refused.json()["code"] == "idempotency_mismatch"
    assert (await make(api, "once", headers=former)).headers["Idempotency-Replayed"] == "true"


async def test_events_have_ids_of_their_own_and_need_no_key(api: Api) -> None:
    headers = {"Idempotency-Key": "once"}

    sent = [await api.send(did("seen", name), headers=headers) for name in ("ann", "bob")]

    assert [each.json()["accepted"] for each in sent] == [1, 1]


@pytest.mark.parametrize(
    ("field", "key"),
    [('"a"', "a"), ("a-b_c", "a-b_c"), (r'"a\"b\\c"', r'a"b\c'), ('" "', " "), (' "a" ', "a")],
)
def test_a_key_is_a_quoted_string_or_a_bare_word(field: str, key: str) -> None:
    assert key_in(field) == key


@pytest.mark.parametrize("field", ["", '""', '"a', 'a"', "a b", '"é"', '"a\\b"', "x" * 256])
def test_what_is_no_key_is_refused(field: str) -> None:
    with pytest.raises(Problem, match="Idempotency-Key: expected"):
        key_in(field)
