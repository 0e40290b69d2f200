"""What every store must come to, told again from its log by the pure fold alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from statistics import median

from domain.events import IDENTIFY, Event, canonical_history, traits_in
from domain.instants import SECOND
from domain.lineage import ALWAYS, Era, Lineage
from domain.machine import Machine
from domain.transitions import Transition
from projections.events.log import StoredEvent, SubjectKey
from projections.events.payloads import decoder
from projections.models.catalogue import Generation
from projections.models.machines import compile_document
from projections.reading.answers import BoardQuery, CustomerQuery, TransitionRecord
from projections.registers.erasure import is_erased_name
from projections.rows.records import content_of
from service.ports import Store
from service.safekeeping.verifying import verify_projections
from tests.builders import DAY
from tests.contract.saying import TENANT

MODELS = ("shop", "team")
BACK_DAYS = (0, 1, 20, 45, 100)
BORDERS_MAX = 5
"""How long before now boards are looked at as well."""


@cache
def machine_of(document: str) -> Machine:
    """Return the machine of a model document, whose states are those that stores keep."""
    return compile_document(document)


async def lineage_of(store: Store, generation: Generation) -> Lineage:
    """Return what tells of history by *generation*, from what the store says of its making."""
    eras: list[Era] = []
    one: Generation | None = generation
    while one is not None:
        version = await store.model(TENANT, one.model, one.version)
        assert version is not None
        since = ALWAYS if one.since is None else one.since
        eras.insert(0, Era(one.version, machine_of(version.document), since, one.stage_map))
        one = None if one.base is None else await store.generation(TENANT, one.base)
    return Lineage(eras)


async def active_lineages(store: Store) -> dict[str, Lineage]:
    """Return what tells of history at present, by model."""
    found = await store.generations(TENANT, limit=1_000)
    active = [one for one in found if one.status == "active"]
    return {one.model: await lineage_of(store, one) for one in active}


async def whole_log(store: Store) -> list[StoredEvent]:
    """Return every event, asserting that positions have no holes."""
    found: list[StoredEvent] = []
    while True:
        page = await store.log(TENANT, after=len(found), limit=100)
        found += page.rows
        if page.next_after is None:
            break
    assert [event.position for event in found] == list(range(1, len(found) + 1))
    return found


async def assert_true(store: Store, now: int) -> None:
    """Assert that everybody stands, and came to stand, where the pure fold says, as of *now*."""
    log = await whole_log(store)
    await assert_feed_is_dense(store)
    names = {event.subject for event in log}
    accounts = {SubjectKey("account", event.account_id) for event in log if event.account_id}
    lineages = await active_lineages(store)
    histories: dict[str, list[list[Event]]] = {model: [] for model in MODELS}
    judged: set[SubjectKey] = set()
    for name in sorted(names | accounts, key=lambda key: (key.kind, key.id)):
        snapshot = await store.snapshot(TENANT, name)
        if snapshot is None and is_erased_name(name.id):
            continue  # purged: no model knows them
        assert snapshot is not None
        key = snapshot.subject.key
        if key in judged:
            continue
        judged.add(key)
        members = {key, *snapshot.subject.aliases}
        assert name in members
        model = "team" if key.kind == "account" else "shop"
        history = true_history(log, members)
        await assert_subject(store, key, lineages[model], history, now)
        histories[model].append(history)
    for model, known in histories.items():
        for as_of in instants_to_look_at(lineages[model], known, now):
            await assert_board(store, lineages[model], model, known, as_of)
    await assert_lists(store, judged, now)


def instants_to_look_at(
    lineage: Lineage, histories: Sequence[Sequence[Event]], now: int
) -> set[int]:
    """Return instants of boards: some days back, and the borders of what happened, to the last us.

    Behind a border lies the rest of its day, and before an activation the version that it ended.
    """
    borders = [event.effective_at for history in histories for event in history][-BORDERS_MAX:]
    borders += [era.since for era in lineage.eras[1:]]
    near = {at + apart for at in borders for apart in (-1, 0, DAY // 7)}
    back = {now - days * DAY - part for days in BACK_DAYS for part in (0, DAY // 3)}
    return {at for at in near | back if 0 <= at <= now}


def true_history(log: Sequence[StoredEvent], members: set[SubjectKey]) -> list[Event]:
    """Return the canonical history of a cluster, straight from the log."""
    return canonical_history(
        [
            Event(
                position=event.position,
                effective_at=event.effective_at,
                type=event.type,
                event_id=event.event_id,
                source=event.source,
                occurred_at=event.occurred_at,
                customer_id=event.subject.text,
                text=event.payload,
                decode=decoder(event.api_format),
            )
            for event in log
            if event.subject in members or SubjectKey("account", event.account_id or "") in members
        ]
    )


def true_traits(history: Sequence[Event], *, of_account: bool = False) -> dict[str, object]:
    """Return the traits that *history* leaves, told once in fold order."""
    traits: dict[str, object] = {}
    for event in history:
        if event.type == IDENTIFY or (of_account and event.type == "group"):
            traits |= traits_in(event.properties, of_account=of_account, event_type=event.type)
    return {name: value for name, value in traits.items() if value is not None}


async def assert_subject(
    store: Store, key: SubjectKey, lineage: Lineage, history: Sequence[Event], now: int
) -> None:
    """Assert that the subject's state, records and history are the fold's."""
    machine = lineage.machine
    state, recorded = lineage.fold(history)
    passed: tuple[Transition, ...] = ()
    if state.stage_id is not None:
        state, passed = machine.advance(state, now)
    snapshot = await store.snapshot(TENANT, key)
    assert snapshot is not None
    instants = [event.effective_at for event in history]
    subject = snapshot.subject
    assert subject.events == len(history)
    assert subject.first_seen_at == min(instants, default=None)
    assert subject.last_event_at == max(instants, default=None)
    assert subject.traits == true_traits(history, of_account=subject.key.kind == "account")
    row = next(iter(snapshot.stages), None)
    assert (row is None) is (state.stage_id is None)
    if row is not None:
        found, pending = machine.advance(machine.decode(row.state), now)
        assert machine.encode(found) == machine.encode(state)
        rows = await all_transitions(store, key)
        told = [*map(said, rows), *map(telling, pending)]
        assert told == [*map(telling, recorded), *map(telling, passed)]
        assert (row.stage, row.sequence) == (rows[-1].to_stage, rows[-1].sequence)
        versions = [lineage.era_at(record.effective_at).version for record in rows]
        assert [record.version for record in rows] == versions
    stored = [event.position for event in await store.history(TENANT, key)]
    assert stored == [event.position for event in history]


async def assert_boards(store: Store, instants: Iterable[int], now: int) -> None:
    """Assert what boards of the shop say of *instants*, swept up to *now*."""
    await store.sweep(now)
    log = await whole_log(store)
    histories = [true_history(log, {key}) for key in {event.subject for event in log}]
    lineage = (await active_lineages(store))["shop"]
    for as_of in instants:
        await assert_board(store, lineage, "shop", histories, as_of)


async def assert_board(
    store: Store, lineage: Lineage, model: str, histories: Sequence[Sequence[Event]], as_of: int
) -> None:
    """Assert that a board counts who stood where at an instant, and for how long."""
    entered: dict[str, list[int]] = {}
    for history in histories:
        state = lineage.told_at(history, as_of).state
        if state.stage_id is not None:
            entered.setdefault(state.stage_id, []).append(state.entered_at)
    board = await store.board(BoardQuery(TENANT, model, as_of))
    told = {
        each.stage: (each.count, each.median_seconds_in_stage)
        for each in board.stages
        if each.count
    }
    assert told == {
        stage: (len(instants), (as_of - median(instants)) / SECOND)
        for stage, instants in entered.items()
    }
    assert board.version == lineage.era_at(as_of).version


async def all_transitions(store: Store, key: SubjectKey) -> list[TransitionRecord]:
    """Return every record that holds of the subject, however many pages they fill."""
    page = await store.transitions(TENANT, key, limit=500)
    rows = list(page.rows)
    while page.next_after is not None:
        page = await store.transitions(TENANT, key, limit=500, after=page.next_after)
        rows += page.rows
    return rows


def telling(transition: Transition) -> tuple[object, ...]:
    """Return what *transition* says, its position left out: records keep a later one."""
    return content_of(replace(transition, position=0))


def said(record: TransitionRecord) -> tuple[object, ...]:
    """Return what *record* says of the transition, without what tells when it was recorded."""
    return telling(
        Transition(
            kind=record.kind,
            sequence=record.sequence,
            from_stage=record.from_stage,
            to_stage=record.to_stage,
            direction=record.direction,
            steps=record.steps,
            effective_at=record.effective_at,
            cause=record.cause,
            time_in_previous=record.time_in_previous,
            cycle=record.cycle,
            position=0,
        )
    )


async def differences(store: Store) -> list[str]:
    """Return what `stagefold verify --thorough` would say of the projections."""
    verdict = await verify_projections(store, lambda *_: None, limit=10)
    return [finding.message for finding in verdict.findings]


async def assert_feed_is_dense(store: Store) -> None:
    """Assert that the feed has no holes, and that what it says in all is what holds."""
    page = await store.feed(TENANT, limit=500_000)
    assert [record.position for record in page.rows] == list(range(1, len(page.rows) + 1))
    standing: Counter[tuple[int, SubjectKey, int]] = Counter()
    for record in page.rows:
        one = record.transition
        standing[one.generation, one.subject, one.number] += 1 if record.kind == "asserted" else -1
        unheard_of = 0 if one.announced else 1
        held = standing[one.generation, one.subject, one.number] + unheard_of
        assert held in (0, 1)


async def assert_lists(store: Store, judged: set[SubjectKey], now: int) -> None:
    """Assert that paging through customers finds everybody once, in order."""
    for sort in ("id", "last_event_at"):
        query = CustomerQuery(TENANT, now, sort=sort, limit=2, descending=sort != "id")
        found: list[SubjectKey] = []
        for _ in range(1_000):
            page = await store.customers(query)
            found += [row.subject.key for row in page.rows]
            parted = [row.subject.key for row in page.rows if not row.subject.events]
            judged = judged.union(parted)
            if page.next_after is None:
                break
            query = replace(query, after=page.next_after)
        assert len(found) == len(set(found))
        assert set(found) == {key for key in judged if key.kind != "account"}
    await assert_accounts(store, judged, now)


async def assert_accounts(store: Store, judged: set[SubjectKey], now: int) -> None:
    """Assert that the list of a model of accounts has every account that has a stage, with it."""
    query = CustomerQuery(TENANT, now, model="team", sort="entered_at", limit=2, descending=True)
    found: list[SubjectKey] = []
    for _ in range(1_000):
        page = await store.customers(query)
        found += [row.subject.key for row in page.rows]
        assert all([stage.model for stage in row.stages] == ["team"] for row in page.rows)
        if page.next_after is None:
            break
        query = replace(query, after=page.next_after)
    assert len(found) == len(set(found))
    snapshots = [await store.snapshot(TENANT, key) for key in judged if key.kind == "account"]
    assert set(found) == {one.subject.key for one in snapshots if one is not None and one.stages}
