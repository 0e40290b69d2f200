"""What is answered before the routes are looked through is what the routes would answer."""

from __future__ import annotations

import pytest

from tests.http.conftest import Api, did

pytestmark = pytest.mark.anyio


async def test_the_short_way_and_the_long_way_tell_the_same(api: Api) -> None:
    """A plain read may be answered from what was told before; time and events end that."""
    await api.send(did("ordered", "ann", "2026-02-20T00:00:00Z", amount=600))
    for step in range(8):
        plain = [await api.get("/v1/customers/ann") for _ in range(2)]
        long = await api.get("/v1/customers/ann", params={"min_position": 0})

        for each in plain:
            assert each.content == long.content
            assert each.headers["ETag"] == long.headers["ETag"]
            assert each.headers["Stagefold-Position"] == long.headers["Stagefold-Position"]
        api.clock.turn(days=9)
        if step == 4:
            await api.send(did("ordered", "ann", "2026-02-20T00:00:00Z", amount=step))


async def test_an_answer_told_again_is_of_the_position_at_which_it_is_asked_for(api: Api) -> None:
    """Nothing about Ann has changed, so only where the log ends may; no header comes twice."""
    await api.send(did("ordered", "ann", "2026-02-20T00:00:00Z", amount=600))
    told = []
    for visitor in ("bob", "cyd", "dan"):
        await api.send(did("ordered", visitor, "2026-02-20T00:00:00Z", amount=1))
        told += [await api.get("/v1/customers/ann") for _ in range(2)]

    assert [each.headers["Stagefold-Position"] for each in told] == ["2", "2", "3", "3", "4", "4"]
    assert len({each.content for each in told}) == 1
    for each in told:
        names = [name.lower() for name, _ in each.headers.raw]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/customers/nobody", "customer_not_found"),
        ("/v1/accounts/nobody", "account_not_found"),
    ],
)
async def test_both_ways_refuse_alike(api: Api, path: str, code: str) -> None:
    plain = await api.get(path)
    long = await api.get(path, params={"min_position": 0})

    assert plain.status_code == long.status_code == 404
    assert plain.json()["code"] == long.json()["code"] == code
    assert plain.headers["content-type"] == long.headers["content-type"]
