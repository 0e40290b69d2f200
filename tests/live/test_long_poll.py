"""The feed asked for with `wait`: an answer as soon as there is one."""

from __future__ import annotations

import asyncio

import pytest

from tests.http.conftest import Api, did

pytestmark = pytest.mark.anyio


async def test_an_answer_waits_for_news_and_no_longer(api: Api) -> None:
    asking = asyncio.create_task(api.get("/v1/transitions", params={"wait": "30"}))
    await asyncio.sleep(0)

    await api.send(did("ordered", "ann"))

    told = (await asking).json()
    assert told["data"][0]["position"] == 1
    assert told["next_after"] >= 1


async def test_nothing_new_is_told_in_the_end(api: Api) -> None:
    answer = await api.get("/v1/transitions", params={"wait": "1"})

    assert answer.json() == {"data": [], "next_after": 0, "has_more": False}


async def test_who_waits_is_let_go_when_the_process_leaves(api: Api) -> None:
    asking = asyncio.create_task(api.get("/v1/transitions", params={"wait": "30"}))
    await asyncio.sleep(0)

    api.services.live.tail.leave()

    assert (await asking).status_code == 200
