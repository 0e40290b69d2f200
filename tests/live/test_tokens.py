"""Stream tokens: a web page listens without a key, to one filter, if it opens soon."""

from __future__ import annotations

import io
from typing import Any

import pytest
import structlog

from service import logs
from service.settings import Settings
from tests.http.conftest import Api, did, services_over_memory
from tests.live.listening import hearing

pytestmark = pytest.mark.anyio

PAGE = "https://app.example"


async def token_of(api: Api, headers: dict[str, str] | None = None, **wanted: Any) -> str:  # noqa: ANN401 -- a body
    """Return a token for a filter."""
    made = await api.client.post("/v1/stream-tokens", json=wanted, headers=headers)
    assert made.status_code == 201, made.text
    assert made.headers["cache-control"] == "no-store"
    token: str = made.json()["token"]
    return token


async def test_a_token_opens_its_filter_and_no_other(api: Api) -> None:
    token = await token_of(api, stage=["customer"])
    await api.send(did("ordered", "ann"))

    async with hearing(api, key=None, token=token, after="0") as reader:
        told = await reader.until(1)
    widened = await api.get("/v1/stream", params={"token": token, "customer_id": "bob"})

    assert [one.to for one in told] == ["customer"]
    assert (widened.status_code, widened.json()["code"]) == (400, "bad_parameter")


async def test_a_token_ends_after_a_minute_and_what_it_opened_goes_on(api: Api) -> None:
    token = await token_of(api)
    async with hearing(api, key=None, token=token) as reader:
        api.clock.turn(seconds=60)

        late = await api.get("/v1/stream", params={"token": token})
        await api.send(did("ordered", "ann"))
        told = await reader.until(3)

    assert (late.status_code, late.json()["code"]) == (401, "stream_token_invalid")
    assert len(told) == 3


@pytest.mark.parametrize("wrong", ["", "sft_", "sft_!", "sft_AAAA", "x", "sft_" + "A" * 80])
async def test_what_is_no_token_of_ours_opens_nothing(api: Api, wrong: str) -> None:
    refused = await api.get("/v1/stream", params={"token": wrong})

    assert (refused.status_code, refused.json()["code"]) == (401, "stream_token_invalid")


async def test_a_token_that_was_changed_opens_nothing(api: Api) -> None:
    token = await token_of(api, stage=["customer"])

    refused = await api.get("/v1/stream", params={"token": token[:-8] + "AAAAAAAA"})

    assert refused.json()["code"] == "stream_token_invalid"


async def test_every_process_with_the_same_key_knows_the_token(api: Api) -> None:
    token = await token_of(api)

    other = await services_over_memory(api.clock)
    grant = other.live.tokens.read(token)
    await other.loops.stop()

    assert grant.key_id == api.services.live.tokens.read(token).key_id


async def test_a_token_is_worth_no_more_than_its_key(api: Api) -> None:
    made = await api.client.post(
        "/v1/api-keys", json={"name": "page", "scopes": ["customers:read"]}
    )
    token = await token_of(api, {"Authorization": f"Bearer {made.json()['key']}"})
    await api.client.delete(f"/v1/api-keys/{made.json()['id']}")

    refused = await api.get("/v1/stream", params={"token": token})

    assert (refused.status_code, refused.json()["code"]) == (401, "key_invalid")


async def test_who_may_not_read_customers_gets_no_token(api: Api) -> None:
    headers = await api.key("events:write")

    refused = await api.client.post("/v1/stream-tokens", json={}, headers=headers)

    assert refused.json()["code"] == "scope_missing"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"model": ["shpo"]}, "model_not_found"),
        ({"types": ["customer.stage"]}, "bad_parameter"),
        ({"modle": []}, "validation_failed"),
    ],
)
async def test_a_token_for_nothing_is_refused(
    api: Api, wanted: dict[str, object], code: str
) -> None:
    refused = await api.client.post("/v1/stream-tokens", json=wanted)

    assert refused.json()["code"] == code


async def test_a_page_of_another_origin_listens_if_the_key_names_it(api: Api) -> None:
    named = await api.key("customers:read", origins=[PAGE])
    token, plain = await token_of(api, named), await token_of(api)

    async with hearing(api, key=None, token=token, origin=PAGE) as reader:
        pass
    async with hearing(api, key=None, token=plain, origin=PAGE) as unnamed:
        pass
    other = await api.get(
        "/v1/stream", params={"token": token}, headers={"Origin": "https://evil.example"}
    )

    assert reader.answered["access-control-allow-origin"] == PAGE
    assert reader.answered["cross-origin-resource-policy"] == "cross-origin"
    assert "access-control-allow-origin" not in unnamed.answered
    assert other.json()["code"] == "address_not_allowed"


async def test_a_token_is_never_logged(api: Api) -> None:
    out = io.StringIO()
    logs.configure(Settings(log_level="debug", log_format="json"), out)
    token = await token_of(api)

    async with hearing(api, key=None, token=token):
        pass
    await api.get("/v1/stream", params={"token": token, "stage": "x"})
    structlog.get_logger("stagefold.test").info("told", address=f"/v1/stream?token={token}")

    assert out.getvalue().count("/v1/stream") > 1
    assert token not in out.getvalue()
