"""Seals over the API: newest first, page by page, for those who may see figures."""

from __future__ import annotations

import pytest

from service.loops import sealer_of
from tests.http.conftest import MakeApi, did

pytestmark = pytest.mark.anyio


async def test_seals_are_listed_newest_first_and_the_newest_is_measured(make_api: MakeApi) -> None:
    api = await make_api(STAGEFOLD_SEAL_EVENTS="2")
    await api.client.post("/v1/events", json=[did("seen", f"c{n}") for n in range(5)])
    newest = await sealer_of(api.services).seal_everything()
    assert newest is not None

    first = (await api.client.get("/v1/seals", params={"limit": 2})).json()
    rest = (
        await api.client.get("/v1/seals", params={"limit": 2, "cursor": first["next_cursor"]})
    ).json()
    figures = (await api.client.get("/metrics")).text

    found = [*first["data"], *rest["data"]]
    assert [(one["from_position"], one["to_position"]) for one in found] == [(5, 5), (3, 4), (1, 2)]
    assert found[0]["root"] == newest.root.hex()
    assert [one["previous"] for one in found[:2]] == [one["root"] for one in found[1:]]
    assert rest["has_more"] is False
    assert "stagefold_sealed_position 5.0" in figures
