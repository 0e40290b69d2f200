"""Imports as rows: claimed by one, carried on by whoever still holds them, ended once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.instants import SECOND
from projections.asking import EVERYBODY
from projections.registers import imports
from projections.registers.imports import ImportJob
from service.ports import Store

pytestmark = pytest.mark.anyio

JOB = ImportJob("default", "imp_1", "a.csv", "{}", "k", "", "[]", "/spool/imp_1", created_at=1)


async def begun(store: Store, *jobs: ImportJob) -> None:
    """Write *jobs*."""
    for job in jobs:
        assert await store.keep(imports.begin(job, at_once_max=5, kept_max=3))


async def running(store: Store) -> ImportJob:
    """Return an import whose file is whole."""
    await begun(store, JOB)
    found = await store.keep(imports.received(JOB, 10, is_whole=True))
    assert found is not None
    return found


async def test_a_tenant_has_only_so_many_imports_under_way(store: Store) -> None:
    await begun(store, *(replace(JOB, id=f"imp_{n}") for n in range(5)))

    more = imports.begin(replace(JOB, id="imp_6"), at_once_max=5, kept_max=3)

    assert await store.keep(more) is False
    assert await store.keep(imports.begin(replace(JOB, tenant="other"), at_once_max=5, kept_max=3))


async def test_the_oldest_that_ended_are_forgotten(store: Store) -> None:
    for number in range(5):
        job = replace(JOB, id=f"imp_{number}", created_at=number)
        await begun(store, job)
        await store.keep(imports.end(job, "done", 9, None))

    found = await store.look(imports.of_tenant("default"), of=EVERYBODY)

    assert [each.id for each in found] == ["imp_4", "imp_3", "imp_2"]


async def test_a_held_import_is_nobody_elses_until_its_lease_ends(store: Store) -> None:
    job = await running(store)

    first = await store.keep(imports.claim(job, "a", 0, until=SECOND))
    second = await store.keep(imports.claim(job, "b", 0, until=SECOND))
    again = await store.keep(imports.claim(job, "a", 0, until=SECOND))
    later = await store.keep(imports.claim(job, "b", SECOND, until=2 * SECOND))

    holders = [each and each.holder for each in (first, second, again, later)]
    assert holders == ["a", None, "a", "b"]


async def test_who_lost_an_import_writes_nothing_more(store: Store) -> None:
    job = await running(store)
    first = await store.keep(imports.claim(job, "a", 0, until=SECOND))
    assert first is not None
    second = await store.keep(imports.claim(job, "b", SECOND, until=2 * SECOND))
    assert second is not None

    late = await store.keep(imports.carry_on(first, replace(first, border=7)))
    fair = await store.keep(imports.carry_on(second, replace(second, border=9)))

    assert (late, fair) == (False, True)
    found = await store.look(imports.find("default", "imp_1"), of=EVERYBODY)
    assert found == replace(second, border=9)


async def test_one_that_was_let_go_is_free_at_once(store: Store) -> None:
    job = await running(store)
    held = await store.keep(imports.claim(job, "a", 0, until=SECOND))
    assert held is not None

    await store.keep(imports.let_go(held))

    assert await store.keep(imports.claim(job, "b", 0, until=SECOND))


async def test_an_import_ends_once(store: Store) -> None:
    job = await running(store)

    cancelled = await store.keep(imports.end(job, "cancelled", 5, None))
    done = await store.keep(imports.end(job, "done", 6, None))

    assert (cancelled.status, done.status, done.finished_at) == ("cancelled", "cancelled", 5)
    assert await store.keep(imports.claim(job, "a", 0, until=SECOND)) is None
    assert await store.keep(imports.received(job, 11, is_whole=True)) is None


async def test_what_is_running_is_found_oldest_first_over_all_tenants(store: Store) -> None:
    jobs = [replace(JOB, id="imp_2", created_at=2), replace(JOB, tenant="other"), JOB]
    await begun(store, *jobs)
    for job in jobs[:2]:
        await store.keep(imports.received(job, 1, is_whole=True))

    found = await store.look(imports.with_status("running"), of=EVERYBODY)

    assert [(each.tenant, each.id) for each in found] == [("other", "imp_1"), ("default", "imp_2")]
