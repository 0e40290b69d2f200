"""Models over HTTP: put, checked, versioned, made active; manual transitions and aliases."""

from __future__ import annotations

import pytest

from tests.http.conftest import SHOP, Api, did

pytestmark = pytest.mark.anyio

YAML = {"Content-Type": "application/yaml"}
SMALL = b"""
model: small
initial: a
stages: [{id: a}, {id: b}]
transitions: [{id: go, from: a, to: b, on: ordered}, {id: back, from: b, to: a, on: seen}]
"""


async def put(
    api: Api, body: bytes, key: str = "small", **headers: str
) -> tuple[int, dict[str, object], str]:
    """Return status, members and tag of the answer to a model put."""
    answer = await api.client.put(f"/v1/models/{key}", content=body, headers=YAML | headers)
    return answer.status_code, answer.json(), answer.headers.get("ETag", "")


async def finished(api: Api, location: str) -> dict[str, object]:
    """Return the rebuild at *location* once it has ended."""
    await api.services.rebuilds.settle()
    job: dict[str, object] = (await api.get(location)).json()
    return job


async def test_the_first_version_of_a_model_is_active_at_once(api: Api) -> None:
    """There is nothing that it could take the place of."""
    await api.send(did("ordered", "ann"))

    status, made, _ = await put(api, SMALL)

    found = (await api.get("/v1/customers/ann?model=small")).json()
    assert (status, made["version"], made["active"]) == (201, 1, True)
    assert found["stages"][0]["stage"] == "b"


async def test_a_model_can_be_kept_as_a_draft(api: Api) -> None:
    await api.send(did("ordered", "ann"))
    answer = await api.client.put("/v1/models/small?activate=false", content=SMALL, headers=YAML)

    begun = await api.client.post("/v1/models/small/versions/1/activate", json={"mode": "rebuild"})
    job = await finished(api, begun.headers["Location"])

    found = (await api.get("/v1/customers/ann?model=small")).json()
    assert answer.json()["active"] is False
    assert begun.status_code == 202
    assert (job["status"], job["done"], job["total"]) == ("active", 1, 1)
    assert found["stages"][0]["stage"] == "b"


async def test_the_same_document_again_changes_nothing(api: Api) -> None:
    first = await put(api, SMALL)
    again = await put(api, SMALL.replace(b"model: small", b"model:   small"))

    assert (first[0], again[0]) == (201, 200)
    assert again[1]["version"] == 1


async def test_a_model_is_changed_only_by_who_has_seen_it(api: Api) -> None:
    changed = SMALL.replace(b"{id: b}", b"{id: b, title: {en: Bee}}")
    _, _, tag = await put(api, SMALL)

    blind = await put(api, changed)
    stale = await put(api, changed, **{"If-Match": '"7-0123456789abcdef"'})
    seen = await put(api, changed, **{"If-Match": tag})
    new = await put(api, SMALL.replace(b"small", b"fresh"), "fresh", **{"If-Match": tag})

    assert (blind[0], blind[1]["code"]) == (428, "precondition_required")
    assert (stale[0], stale[1]["code"]) == (412, "precondition_failed")
    assert (seen[0], seen[1]["version"]) == (201, 2)
    assert (new[0], new[1]["code"]) == (412, "precondition_failed")


async def test_every_problem_of_a_document_is_told_with_its_path(api: Api) -> None:
    broken = SMALL.replace(b"to: b", b"to: c").replace(b"initial: a", b"initial: z")

    status, told, _ = await put(api, broken)

    assert (status, told["code"]) == (422, "model_invalid")
    errors = told["errors"]
    assert isinstance(errors, list)
    assert {each["pointer"] for each in errors} >= {"initial", "transitions[0].to"}


async def test_a_document_can_be_checked_without_being_stored(api: Api) -> None:
    good = await api.client.post("/v1/models/validate", content=SMALL, headers=YAML)
    bad = await api.client.post("/v1/models/validate", content=b"model: x", headers=YAML)

    assert (good.json()["valid"], good.json()["model"]) == (True, "small")
    assert bad.status_code == 200
    assert bad.json()["valid"] is False
    assert all(each["severity"] == "error" for each in bad.json()["findings"])
    assert (await api.get("/v1/models/small")).status_code == 404


async def test_the_path_and_the_document_name_one_model(api: Api) -> None:
    status, told, _ = await put(api, SMALL, "large")

    assert (status, told["code"]) == (422, "model_invalid")


async def test_a_model_is_shown_as_it_was_put(api: Api) -> None:
    await put(api, SMALL)

    answer = await api.get("/v1/models/small")
    same = await api.get("/v1/models/small", headers={"If-None-Match": answer.headers["ETag"]})
    versions = await api.get("/v1/models/small/versions")

    assert answer.json()["source"] == SMALL.decode()
    assert answer.json()["document"]["model"] == "small"
    assert same.status_code == 304
    assert [each["version"] for each in versions.json()["data"]] == [1]


async def test_only_models_are_taken_as_models(api: Api) -> None:
    answer = await api.client.put(
        "/v1/models/small", content=SMALL, headers={"Content-Type": "text/html"}
    )

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_rebuilding_changes_no_answer(api: Api) -> None:
    await api.send(*(did("ordered", f"c{number}", amount=number) for number in range(20)))
    before = (await api.get("/v1/customers?model=shop")).json()["data"]

    begun = await api.client.post("/v1/rebuilds", json={"model": "shop"})
    job = await finished(api, begun.headers["Location"])

    after = (await api.get("/v1/customers?model=shop")).json()["data"]
    assert (begun.status_code, job["done"]) == (202, 20)
    assert after == before
    assert (await api.get("/v1/rebuilds")).json()["data"][0] == job


async def test_a_customer_is_put_into_a_stage_by_hand(api: Api) -> None:
    await api.send(did("seen", "ann"))
    tag = (await api.get("/v1/customers/ann?model=shop")).headers["ETag"]

    body = {"model": "shop", "stage": "loyal", "reason": "met at a fair"}
    done = await api.client.post(
        "/v1/customers/ann/transitions", json=body, headers={"If-Match": tag}
    )

    record = (await api.get("/v1/customers/ann/transitions")).json()["data"][-1]
    assert done.status_code == 201
    assert done.json()["transitions"] == [
        {"model": "shop", "from": "visitor", "to": "loyal", "sequence": 2}
    ]
    assert done.headers["ETag"] == '"2-1"'
    assert (record["cause"]["kind"], record["to"]) == ("manual", "loyal")


async def test_a_manual_transition_on_old_news_is_refused(api: Api) -> None:
    await api.send(did("seen", "ann"))
    tag = (await api.get("/v1/customers/ann?model=shop")).headers["ETag"]
    await api.send(did("ordered", "ann"))

    body = {"model": "shop", "stage": "loyal"}
    stale = await api.client.post(
        "/v1/customers/ann/transitions", json=body, headers={"If-Match": tag}
    )

    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")


async def test_a_deadline_that_passed_unswept_is_part_of_what_if_match_sees(api: Api) -> None:
    await api.send(did("ordered", "ann"))
    api.clock.turn(days=40)
    tag = (await api.get("/v1/customers/ann?model=shop")).headers["ETag"]

    body = {"model": "shop", "stage": "loyal"}
    done = await api.client.post(
        "/v1/customers/ann/transitions", json=body, headers={"If-Match": tag}
    )

    assert (tag, done.status_code) == ('"3-1"', 201)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"model": "shop", "stage": "nowhere"}, "/stage"),
        ({"model": "shop"}, "/stage"),
        ({"model": "shop", "stage": 7}, "/stage"),
        ({"model": "shop", "stage": "loyal", "reasn": "x"}, "/reasn"),
    ],
)
async def test_a_bad_manual_transition_is_refused_with_its_place(
    api: Api, body: dict[str, object], pointer: str
) -> None:
    await api.send(did("seen", "ann"))

    answer = await api.client.post("/v1/customers/ann/transitions", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


async def test_two_names_are_joined_and_taken_apart(api: Api) -> None:
    await api.send(did("ordered", "ann"), {"type": "ordered", "anonymous_id": "a-1"})

    joined = await api.client.post("/v1/customers/ann/aliases", json={"anonymous_id": "a-1"})
    by_other_name = await api.get("/v1/customers/anon:a-1")
    apart = await api.client.delete("/v1/customers/ann/aliases/anon:a-1")
    again = await api.client.delete("/v1/customers/ann/aliases/anon:a-1")

    assert (joined.status_code, joined.json()["aliases"]) == (201, ["anon:a-1"])
    assert joined.json()["stages"][0]["signals"]["orders"] == 2
    assert by_other_name.json()["id"] == "ann"
    assert (apart.status_code, apart.json()["aliases"]) == (200, [])
    assert apart.json()["stages"][0]["signals"]["orders"] == 1
    assert (again.status_code, again.json()["code"]) == (404, "alias_not_found")


@pytest.mark.parametrize("body", [{}, {"anonymous_id": "a", "customer_id": "b"}, {"name": "a"}])
async def test_an_alias_is_exactly_one_name(api: Api, body: dict[str, str]) -> None:
    answer = await api.client.post("/v1/customers/ann/aliases", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


def test_the_shop_of_the_tests_is_a_model() -> None:
    assert SHOP.startswith(b"\nmodel: shop")
