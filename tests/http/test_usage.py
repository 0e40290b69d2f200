"""Usage: what each key was used for, by day, and for whom to see."""

from __future__ import annotations

from typing import Any

import pytest

from domain.instants import DAY
from projections.asking import EVERYBODY, Script
from projections.registers.access import USAGE, Usage
from projections.registers.register import entries
from service.access.usage import WRITTEN_AT_ONCE, Uses
from service.adapters.memory import memory_store
from service.adapters.system import SystemClock
from service.ports import Store, StoreUnavailable
from tests.http.conftest import Api, TurnedClock, did

pytestmark = pytest.mark.anyio


async def told(api: Api, **query: Any) -> list[dict[str, Any]]:  # noqa: ANN401 -- any parameter
    """Return the usage that is told, once all of it is written down."""
    await api.services.uses.write_all()
    answer = await api.get("/v1/usage", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_a_key_s_events_are_counted_by_what_became_of_them(api: Api) -> None:
    writer = await api.key("events:write")
    event = {**did("seen", "ann"), "id": "once", "source": "web"}
    await api.send(event, did("seen", "ann"), {"type": ""}, headers=writer)
    await api.client.post("/v1/events", json=event, headers=writer)

    day, _ = await told(api)

    counts = {name: day[name] for name in ("requests", "accepted", "duplicate", "rejected")}
    assert day["day"] == "2026-03-02"
    assert counts == {"requests": 2, "accepted": 2, "duplicate": 1, "rejected": 1}


async def test_a_transition_by_hand_is_counted_as_the_event_that_it_is(api: Api) -> None:
    await api.send(did("seen", "ann"))
    writer = await api.key("customers:write")
    body = {"model": "shop", "stage": "loyal"}
    done = await api.client.post("/v1/customers/ann/transitions", json=body, headers=writer)

    days = await told(api)

    assert done.status_code == 201
    assert [each["accepted"] for each in days] == [1, 1]


async def test_usage_is_told_by_day_and_key_in_parts(api: Api) -> None:
    (key,) = (await api.get("/v1/api-keys")).json()["data"]
    for _ in range(4):
        await api.send(did("seen", "ann"))
        api.clock.turn(days=1)
    await api.services.uses.write_all()

    first = (await api.get("/v1/usage", params={"limit": 2})).json()
    rest = await told(api, limit=2, cursor=first["next_cursor"])
    narrowed = await told(api, since="2026-03-03T18:00:00Z", until="2026-03-05", key=key["id"])

    assert [each["day"] for each in first["data"]] == ["2026-03-05", "2026-03-04"]
    assert [each["day"] for each in rest] == ["2026-03-03", "2026-03-02"]
    assert [each["day"] for each in narrowed] == ["2026-03-04", "2026-03-03"]
    assert await told(api, key="nobody") == []


async def test_a_tenant_sees_its_own_usage_only(api: Api) -> None:
    made = await api.client.post("/v1/tenants", json={"id": "acme"})
    theirs = {"Authorization": f"Bearer {made.json()['admin_key']['key']}"}
    await api.send(did("seen", "ann"))
    await api.get("/v1/api-keys", headers=theirs)
    await api.services.uses.write_all()

    read = await api.get("/v1/usage", headers=theirs)

    assert [each["key_id"] for each in read.json()["data"]] == [made.json()["admin_key"]["id"]]


class _Breaking:
    """Breaks down once, then keeps what it is given."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_broken = True

    async def keep(self, script: Script[Any]) -> Any:  # noqa: ANN401 -- whatever the script returns
        """Return what *script* returns, but for the first time."""
        if self._is_broken:
            self._is_broken = False
            raise StoreUnavailable("the disk is full")
        return await self._store.keep(script)


async def test_what_could_not_be_written_is_written_the_next_time() -> None:
    store, clock = memory_store(), TurnedClock()
    uses = Uses(_Breaking(store), clock)
    uses.count_events("default", "k", ["accepted", "conflict"])
    with pytest.raises(StoreUnavailable):
        await uses.write()
    uses.count_request("default", "k")

    await uses.write_all()
    await uses.write_all()

    expected = Usage("default", clock.now() // DAY, "k", requests=1, events=1, rejected=1)
    assert await store.look(entries(USAGE), of=EVERYBODY) == [expected]


async def test_a_transaction_writes_a_bounded_number_of_counts() -> None:
    store = memory_store()
    uses = Uses(store, SystemClock())
    for number in range(WRITTEN_AT_ONCE + 1):
        uses.count_request("default", f"k{number}")

    assert await uses.write()
    assert len(await store.look(entries(USAGE), of=EVERYBODY)) == WRITTEN_AT_ONCE
    assert not await uses.write()
    assert len(await store.look(entries(USAGE), of=EVERYBODY)) == WRITTEN_AT_ONCE + 1
