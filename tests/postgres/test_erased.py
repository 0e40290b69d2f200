"""Erased in one process, and every other process on the database knows of it at once."""

from __future__ import annotations

import pytest

from projections.registers.erasure import MODES, ErasureMode, Order
from service.ports import SubjectKey
from tests.contract.saying import LATER, SHOP, TEAM, TENANT, post, publish, sent
from tests.postgres.telling import OpenStore

pytestmark = pytest.mark.anyio

ANN, ACME = SubjectKey("customer", "ann"), SubjectKey("account", "acme")


@pytest.mark.parametrize("mode", MODES)
async def test_another_process_forgets_as_well(open_store: OpenStore, mode: ErasureMode) -> None:
    one, other = await open_store(), await open_store()
    await publish(one, SHOP)
    await publish(one, TEAM)
    await post(other, sent("order-of-ann", "ordered", 1, account_id="acme"))
    for store in (one, other):
        assert await store.snapshot(TENANT, ANN) is not None
        assert await store.snapshot(TENANT, ACME) is not None

    await one.erase(Order(TENANT, ANN, mode, bytes(32)), LATER)

    assert await other.snapshot(TENANT, ANN) is None
    account = await other.snapshot(TENANT, ACME)
    assert "order-of-ann" not in repr(account)
    (again,) = await post(other, sent("order-of-ann", "ordered", 1, account_id="acme"))
    assert again.status == "duplicate"
    (new,) = await post(other, sent("new", "ordered", 2))
    assert new.status == "accepted"
    found = await one.snapshot(TENANT, ANN)
    assert found is not None
    assert found.subject.events == 1
