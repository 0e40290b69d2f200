"""A subject's transitions are a dense sequence; alerts and the rest are there for the asking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.http.conftest import Api

pytestmark = pytest.mark.anyio


async def listed(api: Api, query: str = "") -> list[tuple[str, int, str]]:
    """Return (kind, sequence, to) of what is listed of ann, who bought for much."""
    await api.send(
        {
            "id": "o-1",
            "type": "ordered",
            "customer_id": "ann",
            "occurred_at": "2026-03-01T00:00:00Z",
            "properties": {"amount": 2000},
        }
    )
    answer = await api.get(f"/v1/customers/ann/transitions{query}")
    return [(one["kind"], one["sequence"], one["to"]) for one in answer.json()["data"]]


async def test_only_transitions_are_listed_unasked(api: Api) -> None:
    assert await listed(api) == [("transition", 1, "visitor"), ("transition", 2, "customer")]


async def test_alerts_are_listed_for_the_asking(api: Api) -> None:
    assert ("alert", 1, "visitor") in await listed(api, "?include=alerts,suppressed")


async def test_what_cannot_be_included_is_named(api: Api) -> None:
    await listed(api)

    answer = await api.get("/v1/customers/ann/transitions?include=alerts,everything")

    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_parameter"
    assert "retracted, alerts, suppressed" in answer.json()["message"]
