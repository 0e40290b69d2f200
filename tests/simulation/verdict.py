"""The verdict: what was said is held against the log, and the log against the pure fold."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

from domain.instants import format_instant
from domain.lineage import Lineage
from projections.events.log import StoredEvent, SubjectKey
from projections.registers.erasure import event_id_at, is_erased_name
from service.ports import Store
from tests.contract.judging import (
    assert_feed_is_dense,
    assert_true,
    lineage_of,
    true_history,
    true_traits,
    whole_log,
)
from tests.contract.saying import TENANT
from tests.simulation.claims import Answered, Claim, Forgotten, Ledger, is_private
from tests.simulation.persons import assert_forgotten


async def assert_kept(
    store: Store, ledger: Ledger, now: int, path: Path | None
) -> list[StoredEvent]:
    """Assert that all that was said is true, and return the log; *path* is the file it is in."""
    log = await whole_log(store)
    assert_claims(log, ledger)
    await assert_forgotten(store, log, ledger.forgotten, path)
    await assert_followed(store, log, ledger)
    lineages = [
        (one.model, await lineage_of(store, one))
        for one in await store.generations(TENANT, limit=1_000)
    ]
    for answered in ledger.answers:
        assert_answered(logs_then(log, answered, ledger.forgotten), answered, lineages)
    await assert_feed_is_dense(store)
    await assert_true(store, now)
    assert not await store.parked(TENANT)
    for generation in await store.generations(TENANT, limit=1_000):
        assert generation.status not in {"building", "ready"}, f"never ended: {generation}"
    assert not await store.inspect(thorough=True)
    return log


def assert_claims(log: Sequence[StoredEvent], ledger: Ledger) -> None:
    """Assert that every acknowledged event is in the log once, with its content."""
    count = Counter(event.event_id for event in log)
    twice = [event_id for event_id, times in count.items() if times > 1]
    assert not twice, f"more than once in the log: {twice}"
    of = {event.event_id: event for event in log}
    stored = [event_id for event_id in ledger.absent if event_id in of]
    assert not stored, f"refused as a whole, and stored: {stored}"
    accepted = Counter(claim.position for claim in ledger.claims if claim.status == "accepted")
    assert max(accepted.values(), default=1) == 1, "two were told to be the first"
    for claim in ledger.claims:
        assert claim.event_id in of, f"lost: {claim}"
        assert_claim(of[claim.event_id], claim)


def assert_claim(event: StoredEvent, claim: Claim) -> None:
    """Assert that *event* is what its sender was told it is."""
    told = f"{claim} and {event}"
    if claim.status == "conflict":
        assert json.loads(event.payload) != json.loads(str(claim.text)), told
        return
    assert event.position == claim.position, told
    if claim.status == "accepted" and claim.text is not None:
        assert event.payload == claim.text, told
    elif claim.text is not None:
        assert json.loads(event.payload) == json.loads(claim.text), told


async def assert_followed(store: Store, log: Sequence[StoredEvent], ledger: Ledger) -> None:
    """Assert that what followers were given stands there still."""
    for position, event_id in ledger.followed:
        found = log[position - 1].event_id
        assert found == event_id or (is_private(event_id) and found == event_id_at(position))
    feed = (await store.feed(TENANT, limit=500_000)).rows
    for position, kind, transition_id in ledger.heard:
        record = feed[position - 1]
        if is_erased_name(record.transition.subject.id):
            continue  # its id was made of the name
        assert (record.kind, record.transition.id) == (kind, transition_id), (
            f"{kind} {transition_id} {position} {record}"
        )


def logs_then(
    log: Sequence[StoredEvent], answered: Answered, forgotten: Sequence[Forgotten]
) -> list[list[StoredEvent]]:
    """Return what the log may have been when *answered* was told: who was erased since is in it.

    Of whom it is not known when they were erased, either everything is or nothing.
    """
    known = log[: answered.position]
    later = [one for one in forgotten if (one.erased_at or 0) > answered.position]
    unknown = [one for one in forgotten if one.erased_at is None]
    return [_as_sent(known, later), *([_as_sent(known, later + unknown)] if unknown else [])]


def _as_sent(log: Sequence[StoredEvent], persons: Sequence[Forgotten]) -> list[StoredEvent]:
    texts = {position: text for person in persons for position, text in person.texts.items()}
    return [replace(one, payload=texts.get(one.position, one.payload)) for one in log]


def assert_answered(
    logs: Sequence[Sequence[StoredEvent]],
    answered: Answered,
    lineages: Sequence[tuple[str, Lineage]],
) -> None:
    """Assert that an answer is the fold of one of *logs*, up to the position that it tells.

    It is told by one of the generations there have been, *lineages* by model, and by all of it.
    """
    model = "team" if answered.kind == "account" else "shop"
    instants = {answered.as_of or answered.asked_at, answered.as_of or answered.told_at}
    possible: list[dict[str, object]] = []
    for instant in sorted(instants):
        for known, (named, lineage) in product(logs, lineages):
            if named == model:
                true = true_answer(known, answered, instant, lineage)
                possible += [true] if true not in possible else []
    found = said(answered)
    assert found in possible, f"{answered}\nexpected one of {possible}\nfound {found}"


def said(answered: Answered) -> dict[str, object]:
    """Return what is compared of an answer."""
    body = answered.body
    stages = [
        tuple(
            row[name]
            for name in ("model_version", "stage", "entered_at", "sequence", "cycle", "next")
        )
        for row in body["stages"]
    ]
    names = ("events", "traits", "first_seen_at", "last_event_at")
    return {"stages": stages, **{name: body[name] for name in names}}


def true_answer(
    log: Sequence[StoredEvent], answered: Answered, instant: int, lineage: Lineage
) -> dict[str, object]:
    """Return the answer that the pure fold gives."""
    history = true_history(log, members_of(answered))
    if answered.as_of is None:
        state, _ = lineage.fold(history)
        era = lineage.eras[-1]
        if state.stage_id is not None:
            state, _ = era.machine.advance(state, instant)
    else:
        history = [event for event in history if event.effective_at <= answered.as_of]
        told = lineage.told_at(history, answered.as_of)
        state, era = told.state, told.era
    stages = []
    if state.stage_id is not None:
        machine = era.machine
        view, ahead = machine.view(state, instant), machine.next_transition(state)
        upcoming = ahead and {
            "stage": ahead.stage,
            "at": format_instant(ahead.at),
            "rule": ahead.rule,
        }
        entered_at = format_instant(view.entered_at)
        stages = [(era.version, view.stage, entered_at, view.sequence, view.cycle, upcoming)]
    seen = [format_instant(event.effective_at) for event in history]
    return {
        "stages": stages,
        "events": len(history),
        "traits": true_traits(history, of_account=answered.kind == "account"),
        "first_seen_at": seen[0] if seen else None,
        "last_event_at": seen[-1] if seen else None,
    }


def members_of(answered: Answered) -> set[SubjectKey]:
    """Return the names that the answer says are one subject."""
    body = answered.body
    if answered.kind == "account":
        return {SubjectKey("account", body["id"])}
    return {SubjectKey.of_customer(name) for name in (body["id"], *body["aliases"])}
