"""An open page is told when to look again, if whoever looks at it may see it."""

from __future__ import annotations

import re

import pytest

from tests.pages.conftest import Shop

pytestmark = pytest.mark.anyio

NOWHERE = "&after=999"
"""A stream from a place that is not there ends at once."""


async def test_a_page_says_where_it_stands_and_who_tells_it_more(shop: Shop) -> None:
    await shop.did("order_completed", "ann/1", 3)

    board = await shop.page("/")
    customer = await shop.page("/customers/ann%2F1")

    assert 'data-place="2" data-stream="/live?model=shop"' in board
    assert 'data-place="2" data-stream="/live?customer_id=ann/1"' in customer
    assert "data-stream" not in await shop.page("/?as_of=2020-01-01")


async def test_who_is_signed_in_is_told(shop: Shop) -> None:
    answer = await shop.client.get(f"/live?model=shop{NOWHERE}")

    assert answer.headers["content-type"] == "text/event-stream"
    assert re.search("^event: reset$", answer.text, re.MULTILINE)


async def test_a_browser_that_is_not_signed_in_is_told_to_stay_away(shop: Shop) -> None:
    shop.client.cookies.clear()

    answer = await shop.client.get(f"/live?model=shop{NOWHERE}")

    assert (answer.status_code, answer.content) == (204, b"")
