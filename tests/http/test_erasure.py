"""Erasing over HTTP: who may, what is answered, and what is known afterwards."""

from __future__ import annotations

import pytest

from service.http.subjects.erasures import PARTS
from tests.http.conftest import Api, did

pytestmark = pytest.mark.anyio

ANN = "/v1/customers/ann"


async def fill(api: Api) -> None:
    """Let Ann and Bob order."""
    await api.send(
        {**did("ordered", "ann", "2026-02-01T00:00:00Z", amount=12.5, email="a@b"), "id": "o-1"},
        {**did("ordered", "bob", "2026-02-02T00:00:00Z", amount=5.0), "id": "o-2"},
    )


async def test_whoever_is_anonymised_is_not_found_any_more(api: Api) -> None:
    await fill(api)

    answer = await api.client.delete(ANN)

    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["mode"], told["names"], told["events"]) == ("anonymise", 1, 1)
    assert told["kept"] == ["properties.amount"]
    for path in (ANN, f"{ANN}/events", f"{ANN}?as_of=2026-02-03T00:00:00Z"):
        assert (await api.get(path)).json()["code"] == "customer_not_found"
    left = await api.get(f"/v1/customers/{told['erased_id']}")
    assert left.json()["stages"][0]["stage"] == "customer"
    board = await api.get("/v1/models/shop/board")
    assert board.json()["total"] == 2


async def test_whoever_is_purged_is_counted_nowhere(api: Api) -> None:
    await fill(api)

    told = (await api.client.delete(ANN, params={"mode": "purge"})).json()

    assert (told["erased_id"], told["kept"]) == (None, [])
    assert told["left"] == [{"model": "shop", "stage": "customer"}]
    assert (await api.get("/v1/models/shop/board")).json()["total"] == 1
    listed = (await api.get("/v1/customers")).json()["data"]
    assert [one["id"] for one in listed] == ["bob"]


async def test_the_same_old_event_is_a_duplicate_and_brings_nobody_back(api: Api) -> None:
    await fill(api)
    await api.client.delete(ANN)

    answer = await api.client.post(
        "/v1/events",
        json={**did("ordered", "ann", "2026-02-01T00:00:00Z", amount=12.5), "id": "o-1"},
    )

    assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["position"]) == ("duplicate", None)
    assert (await api.get(ANN)).status_code == 404


async def test_nobody_speaks_for_an_erased_customer(api: Api) -> None:
    await fill(api)
    token = (await api.client.delete(ANN)).json()["erased_id"]

    sent = (await api.send(did("ordered", token))).json()
    joined = await api.client.post("/v1/customers/bob/aliases", json={"customer_id": token})
    parted = await api.client.delete(f"{ANN}/aliases/anon:x")
    again = await api.client.delete(f"/v1/customers/{token}")

    assert sent["results"][0]["error"]["code"] == "customer_erased"
    assert (joined.status_code, joined.json()["code"]) == (409, "customer_erased")
    assert parted.json()["code"] == "customer_not_found"
    assert (again.status_code, again.json()["code"]) == (409, "customer_erased")


async def test_only_an_admin_erases(api: Api) -> None:
    await fill(api)
    headers = await api.key("customers:read", "customers:write", "events:write")

    refused = await api.client.delete(ANN, headers=headers)

    assert refused.json()["code"] == "scope_missing"
    assert (await api.get(ANN)).status_code == 200


async def test_the_list_of_erasures_names_nobody(api: Api) -> None:
    await fill(api)
    await api.client.delete(ANN)
    await api.client.delete("/v1/customers/bob", params={"mode": "purge"})

    first = (await api.get("/v1/erasures", params={"limit": 1})).json()
    rest = (await api.get("/v1/erasures", params={"cursor": first["next_cursor"]})).json()

    assert [one["mode"] for one in (*first["data"], *rest["data"])] == ["anonymise", "purge"]
    assert "ann" not in str(first)


async def test_the_audit_log_says_that_somebody_was_erased_and_not_who(api: Api) -> None:
    await fill(api)
    await api.client.post(f"{ANN}/aliases", json={"anonymous_id": "visitor-7"})
    repeat = {"Idempotency-Key": "an-erasure"}
    first = await api.client.delete(ANN, headers=repeat)

    again = await api.client.delete(ANN, headers=repeat)

    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    log = (await api.get("/v1/audit-log")).json()["data"]
    token = first.json()["erased_id"]
    assert [one["target"] for one in log] == [
        "/v1/customers/{erased}",
        f"/v1/customers/{token}/aliases",
    ]


@pytest.mark.parametrize("part", sorted(PARTS))
async def test_a_part_of_a_customer_cannot_be_erased(api: Api, part: str) -> None:
    await api.send(did("ordered", f"ann/{part}", "2026-02-01T00:00:00Z"))

    answer = await api.client.delete(f"{ANN}/{part}")

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"]


async def test_every_part_of_a_customer_is_known(api: Api) -> None:
    begin = "/v1/customers/{subject_id}/"

    paths = (await api.get("/openapi.json")).json()["paths"]

    parts = {path.removeprefix(begin) for path in paths if path.startswith(begin)}
    assert {each.partition("/")[0] for each in parts} == PARTS
