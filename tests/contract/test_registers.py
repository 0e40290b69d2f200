"""Registers: what every store keeps beside the log, and in which order it gives it back."""

from __future__ import annotations

import asyncio
from dataclasses import astuple, replace

import pytest

from domain.instants import DAY, HOUR
from projections.asking import EVERYBODY, Script, ask
from projections.registers.access import (
    AUDIT_LOG,
    KEPT_ANSWERS,
    TENANTS,
    USAGE,
    AuditEntry,
    KeptAnswer,
    Tenant,
    Usage,
    add_tenant,
    add_usage,
    claim,
    forget_answers,
    release,
    write_down,
)
from projections.registers.register import AskEntries, entries, entry, firsts, put, remove
from service import notes
from service.ports import ApiKey, Store
from tests.contract.saying import OpenStore

pytestmark = pytest.mark.anyio

CALL = AuditEntry("default", 0, 100, "k1", "POST /v1/models", "/v1/models/shop", "done")
ANSWER = KeptAnswer("default", "k1", "POST /v1/api-keys", "once", "print", HOUR)


async def test_a_tenant_is_added_once(store: Store) -> None:
    first = await store.keep(add_tenant(Tenant("acme", "Acme", 1)))
    second = await store.keep(add_tenant(Tenant("acme", "Somebody else", 2)))

    assert (first, second) == (True, False)
    assert await store.look(entries(TENANTS), of=EVERYBODY) == [Tenant("acme", "Acme", 1)]


async def test_entries_come_in_the_order_of_their_keys(store: Store) -> None:
    used = [Usage("b", 1, "k"), Usage("a", 10, "k"), Usage("a", 2, "z"), Usage("a", 2, "Z")]
    await store.keep(put(USAGE, *used))

    assert await store.look(entries(USAGE), of=EVERYBODY) == [used[3], used[2], used[1], used[0]]
    assert await store.look(entries(USAGE, "a", 2), of=EVERYBODY) == [used[3], used[2]]
    known, unknown = entry(USAGE, "b", 1, "k"), entry(USAGE, "b", 2, "k")
    assert await store.look(known, of=EVERYBODY) == used[0]
    assert await store.look(unknown, of=EVERYBODY) is None


async def test_an_entry_takes_the_place_of_the_one_with_its_key(store: Store) -> None:
    await store.keep(put(USAGE, Usage("a", 1, "k", 1, 2, 3), Usage("a", 2, "k")))
    await store.keep(put(USAGE, Usage("a", 1, "k", 7, 8, 9)))
    await store.keep(remove(USAGE, Usage("a", 2, "k"), Usage("a", 3, "never-there")))

    assert await store.look(entries(USAGE), of=EVERYBODY) == [Usage("a", 1, "k", 7, 8, 9)]


async def test_usage_adds_up(store: Store) -> None:
    await store.keep(add_usage((Usage("a", 1, "k", 1, 2, 3, 4),)))
    await store.keep(add_usage((Usage("a", 1, "k", 10, 20, 30, 40), Usage("a", 2, "k", 1))))

    assert await store.look(entries(USAGE), of=EVERYBODY) == [
        Usage("a", 1, "k", 11, 22, 33, 44),
        Usage("a", 2, "k", 1),
    ]


async def test_usage_is_read_from_its_newest_day_for_one_key_in_parts(store: Store) -> None:
    await store.keep(put(USAGE, *(Usage("a", day, key) for day in range(5) for key in "kz")))
    asked = AskEntries(
        USAGE, ("a",), newest_first=True, equal=(("key_id", "k"),), since=1, until=4, limit=2
    )

    first = await store.look(ask(asked), of=EVERYBODY)
    second = await store.look(ask(replace(asked, after=first[-1][1:3])), of=EVERYBODY)

    assert [row[1] for row in first] == [3, 2]
    assert [row[1] for row in second] == [1]


async def test_calls_are_numbered_without_a_hole_per_tenant(store: Store) -> None:
    await asyncio.gather(*(store.keep(write_down(CALL)) for _ in range(5)))
    other = await store.keep(write_down(replace(CALL, tenant="other")))

    log = await store.look(entries(AUDIT_LOG, "default"), of=EVERYBODY)
    assert [each.number for each in log] == [1, 2, 3, 4, 5]
    assert other.number == 1


def _page(asked: AskEntries) -> Script[list[int]]:
    rows = yield from ask(asked)
    return [AUDIT_LOG.value(row).number for row in rows]


async def test_the_audit_log_is_read_from_either_end_and_by_what_it_says(store: Store) -> None:
    for at, actor in ((100, "k1"), (200, "k2"), (300, "k1"), (400, "k1")):
        await store.keep(write_down(replace(CALL, at=at, actor=actor)))
    tenant = ("default",)

    async def numbers(**asked: object) -> list[int]:
        return await store.look(_page(AskEntries(AUDIT_LOG, tenant, **asked)), of=EVERYBODY)  # type: ignore[arg-type]  # the fields of a question

    assert await numbers(newest_first=True, limit=3) == [4, 3, 2]
    assert await numbers(newest_first=True, after=(3,), limit=3) == [2, 1]
    assert await numbers(after=(3,)) == [4]
    assert await numbers(equal=(("actor", "k1"),), after=(1,)) == [3, 4]
    assert await numbers(since=200, until=400) == [2, 3]


async def test_a_request_is_run_once_whoever_asks(store: Store) -> None:
    """Of many who claim at the same time one may run it."""
    wanted = [store.keep(claim(ANSWER, running_since=0, kept_since=0)) for _ in range(5)]

    verdicts = [verdict for verdict, _ in await asyncio.gather(*wanted)]

    assert sorted(verdicts) == ["fresh", "running", "running", "running", "running"]


async def test_an_answer_is_kept_for_repeats_and_refused_to_others(store: Store) -> None:
    await store.keep(claim(ANSWER, running_since=0, kept_since=0))
    done = replace(ANSWER, status=201, headers="{}", body=b"\x00sealed")
    await store.keep(put(KEPT_ANSWERS, done))

    again = await store.keep(claim(ANSWER, running_since=0, kept_since=0))
    other = replace(ANSWER, fingerprint="another")
    refused, _ = await store.keep(claim(other, running_since=0, kept_since=0))
    elsewhere = replace(ANSWER, key_id="k2")
    fresh, _ = await store.keep(claim(elsewhere, running_since=0, kept_since=0))

    assert again == ("kept", done)
    assert (refused, fresh) == ("other", "fresh")


async def test_a_claim_ends_by_release_by_age_and_is_swept_away(store: Store) -> None:
    await store.keep(claim(ANSWER, running_since=0, kept_since=0))
    await store.keep(release(ANSWER))
    released, _ = await store.keep(claim(ANSWER, running_since=0, kept_since=0))
    stale, _ = await store.keep(claim(ANSWER, running_since=2 * HOUR, kept_since=0))

    assert (released, stale) == ("fresh", "fresh")
    assert await store.keep(forget_answers(HOUR, 10)) == 0
    assert await store.keep(forget_answers(DAY, 10)) == 1
    assert await store.look(entries(KEPT_ANSWERS), of=EVERYBODY) == []


async def test_registers_of_two_stores_are_two(open_store: OpenStore) -> None:
    one, other = await open_store(), await open_store()

    await one.keep(add_tenant(Tenant("acme", "Acme", 1)))

    assert await other.look(entries(TENANTS), of=EVERYBODY) == []


KEY = ApiKey("AAAAAAAA", "default", "ci", bytes(32), ("admin",), created_at=1)


async def test_a_change_and_its_note_are_one(store: Store) -> None:
    """The first change of a call takes its note along; what follows is part of the same call."""
    note = notes.Note(CALL)

    with notes.noting(note):
        await store.create_key(KEY)
        await store.keep(add_tenant(Tenant("acme", "Acme", 1)))
    await store.revoke_key("default", KEY.id, 2)

    (noted,) = await store.look(entries(AUDIT_LOG, "default"), of=EVERYBODY)
    assert (noted.number, noted.action, noted.outcome) == (1, CALL.action, "done")


async def test_a_change_that_fails_leaves_no_note_and_a_note_that_fails_no_change(
    store: Store,
) -> None:
    def broken() -> Script[None]:
        yield from put(TENANTS, Tenant("acme", "Acme", 1))
        raise ValueError("broken")

    with notes.noting(notes.Note(CALL)) as note, pytest.raises(ValueError, match="broken"):
        await store.keep(broken())

    assert not note.is_written
    assert await store.look(entries(AUDIT_LOG), of=EVERYBODY) == []


async def test_a_call_that_finds_nothing_to_change_is_not_noted_as_a_change(store: Store) -> None:
    await store.create_key(KEY)
    revoked = await store.revoke_key("default", KEY.id, 2)

    with notes.noting(notes.Note(CALL)) as note:
        note.tell(before=revoked)
        await store.revoke_key("default", KEY.id, 3)

    assert not note.is_written


async def test_a_key_is_kept_with_all_that_it_is_held_to(store: Store) -> None:
    key = replace(
        KEY,
        event_types=("order.*", "a b"),
        networks=("10.0.0.0/8",),
        origins=("https://shop.example",),
        events_per_second=0,
        requests_per_second=7,
        former_hash=bytes(range(32)),
        former_until=9,
    )
    await store.create_key(key)

    rotated = await store.rotate_key("default", KEY.id, b"x" * 32, former_until=5)

    assert rotated == replace(key, secret_hash=b"x" * 32, former_hash=bytes(32), former_until=5)
    assert await store.key(KEY.id) == rotated
    assert await store.rotate_key("other", KEY.id, b"y" * 32, former_until=5) is None
    await store.revoke_key("default", KEY.id, 2)
    assert await store.rotate_key("default", KEY.id, b"y" * 32, former_until=5) is None


async def test_the_first_entries_under_several_keys_are_found_at_once(store: Store) -> None:
    used = [Usage(tenant, day, "k") for tenant in "abc" for day in (3, 1, 2)]
    await store.carry(put(USAGE, *used))

    two = await store.look(firsts(USAGE, [("c",), ("a",), ("z",)], each=2), of=EVERYBODY)
    whole = await store.carry(firsts(USAGE, [("b", 2, "k"), ("b", 9, "k")]))

    assert sorted(two, key=astuple) == [
        Usage(tenant, day, "k") for tenant in "ac" for day in (1, 2)
    ]
    assert whole == [Usage("b", 2, "k")]


async def test_what_is_carried_is_of_one_transaction(store: Store, adapter: str) -> None:
    def failing() -> Script[None]:
        yield from put(USAGE, Usage("a", 1, "k"))
        raise LookupError("in the middle")

    with pytest.raises(LookupError):
        await store.carry(failing())

    left = await store.look(entries(USAGE), of=EVERYBODY)
    assert (left == []) or adapter == "memory"  # which nobody looks at in the middle of a script
