"""Readers who ask at once share a batch, and nobody is left waiting in between two of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from projections.events.log import SubjectKey
from service.adapters.postgres.together import AT_ONCE, Answers, Together, Wanted

pytestmark = pytest.mark.anyio

GIVEN_UP_SECONDS = 60.0


def wanted(name: str, tenant: str = "default") -> Wanted:
    """Return a question for somebody."""
    return Wanted(tenant, SubjectKey("customer", name), None)


async def test_whoever_asks_again_as_soon_as_it_is_answered_is_answered() -> None:
    """Batches that end in the same moment once left those waiting who asked right after."""
    gate = asyncio.Event()

    async def read(asked: Sequence[Wanted]) -> Answers:
        await gate.wait()
        return [None for _ in asked]

    together = Together(read)

    async def ask(name: str, *, times: int) -> None:
        for _ in range(times):
            await together.ask(wanted(name))

    async with asyncio.timeout(GIVEN_UP_SECONDS), asyncio.TaskGroup() as callers:
        for number in range(AT_ONCE):
            callers.create_task(ask(str(number), times=1 if number else 2))
            for _ in range(5):
                await asyncio.sleep(0)  # until its batch is being read
        gate.set()


@pytest.mark.parametrize("is_apart", [True, False])
async def test_only_a_wall_keeps_tenants_apart(*, is_apart: bool) -> None:
    batches: list[set[str]] = []

    async def read(asked: Sequence[Wanted]) -> Answers:
        batches.append({one.tenant for one in asked})
        return [None for _ in asked]

    together = Together(read, is_apart=is_apart)
    await asyncio.gather(*(together.ask(wanted(str(n), f"t{n % 3}")) for n in range(30)))

    assert all(len(batch) == 1 for batch in batches) is is_apart
    assert set().union(*batches) == {"t0", "t1", "t2"}
