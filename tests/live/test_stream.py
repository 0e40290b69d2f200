"""The live stream: what happens is told as it happens, to whoever may hear it."""

from __future__ import annotations

import pytest

from tests.http.conftest import Api, MakeApi, did
from tests.live.listening import hearing

pytestmark = pytest.mark.anyio


async def test_a_transition_is_told_with_the_body_of_its_webhook(api: Api) -> None:
    async with hearing(api) as reader:
        await api.send(did("ordered", "ann", "2026-03-01T00:00:00Z"))
        told = await reader.until(3)

    feed = (await api.get("/v1/transitions")).json()["data"]
    assert [one.type for one in told] == [
        "customer.created",
        "customer.stage.changed",
        "customer.stage.changed",
    ]
    assert [one.id for one in told] == ["0.1", "1", "2"]
    assert [one["position"] for one in feed] == [1, 2]
    assert told[-1].data["type"] == "customer.stage.changed"
    assert told[-1].data["timestamp"] == "2026-03-01T00:00:00Z"
    assert told[-1].data["data"]["transition_id"] == feed[-1]["id"]
    assert told[-1].to == "customer"


async def test_a_stream_says_how_to_come_back_and_is_not_to_be_stored(api: Api) -> None:
    await api.send(did("ordered", "ann"))

    async with hearing(api) as reader:
        pass

    assert reader.comments[0] == "retry: 3000"
    assert [(one.type, one.id, one.data) for one in reader.events] == [
        ("checkpoint", "2", {"position": 2})
    ]
    assert reader.answered["content-type"] == "text/event-stream"
    assert reader.answered["cache-control"] == "no-store"
    assert reader.answered["x-accel-buffering"] == "no"


async def test_a_reader_goes_on_where_he_was_cut_off(api: Api) -> None:
    for name in ("ann", "bob"):
        await api.send(did("ordered", name))

    async with hearing(api, last_event_id="0.1", after="3") as browser:
        told = await browser.until(5)
    async with hearing(api, after="2") as asked:
        rest = await asked.until(3)

    assert [one.id for one in told] == ["1", "2", "2.1", "3", "4"]
    assert [one.id for one in rest] == ["2.1", "3", "4"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"stage": "customer"}, ["3", "5"]),
        ({"customer_id": "bob"}, ["3.1", "4", "5"]),
        ({"types": "customer.alert.*,customer.created"}, ["1", "2", "4"]),
        ({"model": "shop", "stage": "customer", "customer_id": "bob"}, ["5"]),
    ],
)
async def test_a_filter_lets_through_what_it_names(
    api: Api, query: dict[str, str], ids: list[str]
) -> None:
    await api.send(did("ordered", "ann", amount=5_000))
    await api.send(did("ordered", "bob"))

    async with hearing(api, after="0", **query) as reader:
        told = await reader.until(len(ids))

    assert [one.id for one in told] == ids


@pytest.mark.parametrize(
    ("query", "headers", "code"),
    [
        ({"model": "shpo"}, {}, "model_not_found"),
        ({"types": "customer.stage"}, {}, "bad_parameter"),
        ({"sinec": "1"}, {}, "unknown_parameter"),
        ({"after": "yesterday"}, {}, "bad_parameter"),
        ({}, {"Last-Event-ID": "x"}, "bad_parameter"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    api: Api, query: dict[str, str], headers: dict[str, str], code: str
) -> None:
    answer = await api.get("/v1/stream", params=query, headers=headers)

    assert answer.json()["code"] == code, answer.text


async def test_a_place_that_is_not_there_is_told_once_and_the_stream_ends(api: Api) -> None:
    await api.send(did("ordered", "ann"))

    async with hearing(api, after="99") as reader:
        await reader.ended()

    assert [(one.type, one.id, one.data) for one in reader.events] == [
        ("reset", "2", {"oldest": 1, "newest": 2})
    ]


async def test_a_key_has_so_many_streams_and_gets_one_back_when_it_closes_one(
    make_api: MakeApi,
) -> None:
    api = await make_api(STAGEFOLD_STREAMS_PER_KEY_MAX="1")
    async with hearing(api):
        refused = await api.get("/v1/stream")
        figures = (await api.get("/metrics")).text
    async with hearing(api) as again:
        pass

    assert (refused.status_code, refused.json()["code"]) == (429, "stream_limit")
    assert refused.headers["retry-after"] == "5"
    assert "stagefold_streams 1.0" in figures
    assert again.status == 200


async def test_a_process_that_leaves_ends_its_streams(api: Api) -> None:
    async with hearing(api) as reader:
        api.services.live.tail.leave()
        await reader.ended()
    async with hearing(api) as late:
        await late.ended()

    assert not reader.messages
    assert late.comments == ["retry: 3000"]


async def test_who_may_not_read_customers_hears_nothing(api: Api) -> None:
    headers = await api.key("events:write")

    refused = await api.get("/v1/stream", headers=headers)
    unknown = await api.client.get("/v1/stream", headers={"Authorization": "Bearer x"})

    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert unknown.status_code == 401


async def test_another_tenant_hears_nothing_of_ours(api: Api) -> None:
    await api.send(did("ordered", "ann", "2026-03-01T00:00:00Z"))
    _, theirs = await api.services.keys.create(tenant="other", name="theirs", scopes=("admin",))

    async with hearing(api, after="0") as us, hearing(api, key=theirs) as they:
        await api.send(did("ordered", "bob", "2026-03-02T00:00:00Z"))
        heard = await us.until(6)

    assert {one.data["data"]["customer_id"] for one in heard} == {"ann", "bob"}
    assert they.messages == []
    assert "ann" not in they.body
    assert "bob" not in they.body
