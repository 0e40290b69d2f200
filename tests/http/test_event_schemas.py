"""The event catalogue: what events are held to, strictly, with a warning, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from service.errors import Problem
from service.intake.event_schemas import check_schema
from tests.http.conftest import Api, did

pytestmark = pytest.mark.anyio

ORDER = {
    "type": "object",
    "required": ["amount"],
    "properties": {
        "amount": {"type": "number", "minimum": 0},
        "currency": {"$ref": "#/$defs/code"},
        "a/b": {"type": "integer"},
    },
    "$defs": {"code": {"type": "string", "pattern": "^[A-Z]{3}$"}},
}


async def put(api: Api, mode: str = "strict", version: int = 1, schema: object = ORDER) -> int:
    """Return the status of the answer to putting a schema of `ordered`."""
    answer = await api.client.put(
        f"/v1/event-schemas/ordered/versions/{version}", json={"schema": schema, "mode": mode}
    )
    return answer.status_code


async def test_what_does_not_fit_a_strict_schema_is_refused_with_its_place(api: Api) -> None:
    await put(api)

    sent = await api.send(
        did("ordered", "ann", amount=1, currency="EUR"),
        did("ordered", "ann", amount=-1, currency="euro", **{"a/b": "x"}),
        did("ordered", "ann"),
        did("seen", "ann"),
    )

    results = sent.json()["results"]
    statuses = [each["status"] for each in results]
    assert statuses == ["accepted", "rejected", "rejected", "accepted"]
    places = {(each["code"], each["pointer"]) for each in results[1]["errors"]}
    assert places == {
        ("schema_violation", "/1/properties/amount"),
        ("schema_violation", "/1/properties/currency"),
        ("schema_violation", "/1/properties/a~1b"),
    }
    assert results[2]["error"]["pointer"] == "/2/properties"


async def test_a_single_event_that_does_not_fit_is_unprocessable(api: Api) -> None:
    await put(api)

    refused = await api.client.post("/v1/events", json=did("ordered", "ann", amount="x"))

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["code"] == "schema_violation"
    assert refused.json()["errors"][0]["pointer"] == "/properties/amount"


async def test_a_warning_is_told_and_counted_and_the_event_is_stored(api: Api) -> None:
    await put(api, "warn")

    sent = await api.client.post("/v1/events", json=did("ordered", "ann", amount=-1))

    assert sent.status_code == 201
    assert "does not fit its schema: /properties/amount" in sent.json()["warning"]
    figures = (await api.get("/metrics")).text
    assert 'stagefold_schema_violations_total{mode="warn"} 1.0' in figures


async def test_a_schema_that_is_off_looks_at_nothing(api: Api) -> None:
    await put(api, "off")

    sent = await api.client.post("/v1/events", json=did("ordered", "ann", amount=-1))

    assert sent.status_code == 201
    assert "warning" not in sent.json()


@pytest.mark.parametrize(
    ("version", "fits"), [(None, False), (1, False), (2, True), (3, False), ("2", True)]
)
async def test_each_version_has_its_schema(api: Api, version: object, *, fits: bool) -> None:
    """One that is not in the catalogue is held to the mode of the newest that is."""
    await put(api, version=1)
    await put(api, version=2, schema={"required": ["total"]})
    event = did("ordered", "ann", total=1)

    sent = await api.client.post("/v1/events", json={**event, "schema_version": version})

    assert (sent.status_code == 201) is fits


async def test_a_cloud_event_is_told_by_its_own_names(api: Api) -> None:
    await put(api)
    event = {"specversion": "1.0", "id": "1", "source": "s", "type": "ordered", "subject": "ann"}

    refused = await api.client.post(
        "/v1/events",
        json={**event, "data": {"amount": -1}},
        headers={"Content-Type": "application/cloudevents+json"},
    )

    assert refused.json()["errors"][0]["pointer"] == "/data/amount"


async def test_schemas_are_listed_replaced_and_removed(api: Api) -> None:
    assert [await put(api), await put(api, "warn"), await put(api, version=2)] == [201, 200, 201]

    listed = (await api.get("/v1/event-schemas/ordered")).json()["data"]
    one = (await api.get("/v1/event-schemas/ordered/versions/2")).json()["data"]
    gone = await api.client.delete("/v1/event-schemas/ordered/versions/2")
    rest = await api.client.delete("/v1/event-schemas/ordered")
    again = await api.client.delete("/v1/event-schemas/ordered")

    assert [(each["version"], each["mode"]) for each in listed] == [(1, "warn"), (2, "strict")]
    assert listed[0]["schema"] == ORDER
    assert one == listed[1:]
    assert [each["version"] for each in gone.json()["data"]] == [2]
    assert [each["version"] for each in rest.json()["data"]] == [1]
    assert (again.status_code, again.json()["code"]) == (404, "event_schema_not_found")
    sent = await api.client.post("/v1/events", json=did("ordered", "ann", amount=-1))
    assert sent.status_code == 201


async def test_another_process_is_heard_within_thirty_seconds(api: Api) -> None:
    await api.send(did("ordered", "ann"))
    other = type(api.services.event_schemas)(api.services.store, api.clock)
    await put(api)
    await other.rules("default")
    await api.client.delete("/v1/event-schemas/ordered")

    assert await other.rules("default") != {}
    api.clock.turn(seconds=30)
    assert await other.rules("default") == {}


def _nested(depth: int) -> dict[str, Any]:
    """Return a schema that doubles with each definition."""
    definitions = {
        f"d{number}": {"anyOf": [{"$ref": f"#/$defs/d{number + 1}"}] * 2} for number in range(depth)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{depth}": {}}}


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"type": "nonsense"}, "/schema/type"),
        ({"$ref": "https://example.com/schema"}, "/schema/$ref"),
        ({"$ref": "#"}, "/schema/$ref"),
        ({"$ref": "#/$defs/a"}, "/schema/$ref"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "/schema/$ref"),
        ({"$id": "https://example.com"}, "/schema/$id"),
        ({"pattern": "("}, "/schema/pattern"),
        ({"pattern": "(a)\\1"}, "/schema/pattern"),
        ({"description": "x" * 70_000}, "/schema"),
        (_nested(20), "/schema"),
    ],
)
async def test_a_schema_is_bounded_before_it_is_kept(
    api: Api, schema: dict[str, Any], pointer: str
) -> None:
    """So that judging an event takes a bounded time, whatever the schema says."""
    refused = await api.client.put("/v1/event-schemas/ordered", json={"schema": schema})

    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"].startswith(pointer)


def test_a_pattern_takes_linear_time() -> None:
    """The classic that takes a backtracking matcher longer than the universe lasts."""
    check_schema('{"pattern": "^(a+)+$"}')
    check_schema('{"type": "object"}')

    with pytest.raises(Problem, match="schema: "):
        check_schema('{"pattern": "^(?=a)b"}')


async def test_our_own_types_have_no_schema(api: Api) -> None:
    refused = await api.client.put("/v1/event-schemas/$identify", json={"schema": {}})

    assert refused.status_code == 422


def test_a_schema_has_a_bounded_size() -> None:
    largest = '{"title": "' + "x" * ((64 << 10) - 13) + '"}'
    check_schema(largest)

    with pytest.raises(Problem, match="expected at most 65536 bytes, found 65537"):
        check_schema(largest + " ")
