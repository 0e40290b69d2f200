"""Laws of the machine: true for every model and every history that nobody wrote a story of."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.events import ALIAS, Event, canonical_history
from domain.machine import Machine, State, StateCodecError, compile_model
from domain.model import Model
from domain.transitions import Transition, transition_id
from tests.builders import DAY, at, did, numbered
from tests.domain.golden import golden_bytes, golden_ids
from tests.domain.ready_made import ready_cases
from tests.domain.stories.telling import machine_of
from tests.domain.strategies import Case, cases, histories, models

FAR = 400 * DAY

any_cases = cases() | ready_cases()


def whole(machine: Machine, history: list[Event], until: int) -> tuple[State, list[Transition]]:
    """Return the state and everything recorded up to *until*, folded in one go."""
    state, records = machine.fold(canonical_history(history))
    state, later = machine.advance(state, until)
    return state, [*records, *later]


@given(any_cases, st.sets(st.integers(0, 10)))
def test_a_history_folds_in_any_number_of_pieces(case: Case, cuts: set[int]) -> None:
    """A snapshot anywhere, through its bytes, gives the answer of a replay from the start."""
    machine = machine_of(case.model)
    history = canonical_history(case.history)
    edges = [0, *sorted(cut for cut in cuts if cut < len(history)), len(history)]

    state = machine.initial()
    records: list[Transition] = []
    for begin, end in pairwise(edges):
        state, caused = machine.fold(history[begin:end], machine.decode(machine.encode(state)))
        records += caused
    state, later = machine.advance(state, case.until)

    expected, told = whole(machine, case.history, case.until)
    assert [*records, *later] == told
    assert machine.encode(state) == machine.encode(expected)


@given(any_cases, st.lists(st.floats(0, 1, exclude_max=True), max_size=5))
def test_until_the_instant_it_names_a_state_reads_the_same(case: Case, shares: list[float]) -> None:
    """What was told of somebody may be told again until then, without looking."""
    machine = machine_of(case.model)
    state, _ = whole(machine, case.history, case.until)
    assume(state.stage >= 0)
    now, until = case.until, min(machine.steady_until(state, case.until), case.until + FAR)

    told = (machine.view(state, now), machine.personas(state, now))

    for share in shares:
        instant = now + int((until - now) * share)
        later, recorded = machine.advance(state, instant)
        assert not recorded
        assert (machine.view(later, instant), machine.personas(later, instant)) == told


_ticks = st.sets(st.builds(at, st.integers(0, 120), st.sampled_from([-1, 0, 0, 1])), max_size=40)


@given(any_cases, _ticks)
def test_ticking_never_changes_history(case: Case, ticks: set[int]) -> None:
    """The clock may be advanced often, rarely or never, between any two events."""
    machine = machine_of(case.model)

    state = machine.initial()
    records: list[Transition] = []
    for event in [*canonical_history(case.history), None]:
        begin, end = state.last_key[0], event.effective_at if event else case.until
        for tick in sorted(tick for tick in ticks if begin <= tick <= end):
            state, fallen = machine.advance(state, tick)
            records += fallen
        if event:
            state, caused = machine.step(state, event)
            records += caused
    state, later = machine.advance(state, case.until)

    expected, told = whole(machine, case.history, case.until)
    assert [*records, *later] == told
    assert machine.view(state, case.until) == machine.view(expected, case.until)


_gaps = st.builds(lambda days, off: days * DAY + off, st.integers(0, 30), st.sampled_from([0, 1]))


@given(any_cases, _gaps, _gaps)
def test_advancing_twice_is_advancing_once(case: Case, first: int, second: int) -> None:
    """advance(advance(s, a), b) = advance(s, b) for a <= b, and never moves the last event key."""
    machine = machine_of(case.model)
    state, _ = machine.fold(canonical_history(case.history))
    instant = state.last_key[0] + first
    later = instant + second

    halfway, early = machine.advance(state, instant)
    there, rest = machine.advance(halfway, later)

    at_once, all_of_it = machine.advance(state, later)
    assert (*early, *rest) == tuple(all_of_it)
    assert machine.view(there, later) == machine.view(at_once, later)
    assert there.last_key == state.last_key


@given(any_cases)
def test_looking_twice_at_one_instant_tells_nothing_new(case: Case) -> None:
    machine = machine_of(case.model)
    state, _ = whole(machine, case.history, case.until)

    again, records = machine.advance(state, case.until)

    assert tuple(records) == ()
    assert machine.encode(again) == machine.encode(state)


@given(any_cases, st.data())
def test_an_event_id_seen_twice_changes_nothing(case: Case, data: st.DataObject) -> None:
    """Deliveries repeat; whatever a repeat says, the first arrival stands."""
    machine = machine_of(case.model)
    original = data.draw(st.sampled_from(case.history))
    moved = data.draw(st.integers(-5, 5)) * DAY
    repeat = replace(
        original,
        position=len(case.history) + 1,
        effective_at=original.effective_at + moved,
    )

    _, records = whole(machine, [*case.history, repeat], case.until)

    assert records == whole(machine, case.history, case.until)[1]


@given(any_cases, st.randoms(use_true_random=False))
def test_any_order_of_arrival_tells_the_order_of_the_facts(case: Case, random: Random) -> None:
    """The fold sorts by (effective_at, position); where events stand in a list means nothing."""
    machine = machine_of(case.model)
    shuffled = list(case.history)
    random.shuffle(shuffled)

    _, records = whole(machine, shuffled, case.until)

    assert records == whole(machine, case.history, case.until)[1]


@given(models, histories(), histories())
def test_a_merge_is_one_customer_from_the_start(
    model: Model, anonymous: list[Event], known: list[Event]
) -> None:
    """Two histories and the link between them tell what one history tells; no states are merged."""
    machine = compile_model(model)
    second = [
        replace(event, position=event.position + len(anonymous), event_id=f"known-{number}")
        for number, event in enumerate(known)
    ]
    link = replace(did(ALIAS, 3, anonymous_id="x", customer_id="ann"), position=99, event_id="link")
    until = max(event.effective_at for event in [*anonymous, *second]) + FAR

    _, records = whole(machine, [*second, link, *anonymous], until)

    from_start = sorted([*anonymous, *second], key=lambda event: event.fold_key)
    assert records == whole(machine, from_start, until)[1]


@given(any_cases)
def test_the_bytes_of_a_state_are_json_without_blanks(case: Case) -> None:
    """They are written by generated code; this is what any encoder would write."""
    machine = machine_of(case.model)
    state, _ = whole(machine, case.history, case.until)

    encoded = machine.encode(state)

    assert json.dumps(json.loads(encoded), separators=(",", ":")).encode() == encoded


@given(any_cases)
def test_a_state_is_its_bytes(case: Case) -> None:
    """Decoding and encoding give the same bytes; another model's bytes are refused."""
    machine = machine_of(case.model)
    state, _ = whole(machine, case.history, case.until)

    encoded = machine.encode(state)
    decoded = machine.decode(encoded)

    assert machine.encode(decoded) == encoded
    assert machine.view(decoded, case.until) == machine.view(state, case.until)
    assert decoded.last_key == state.last_key


@given(models, models)
def test_the_bytes_of_another_model_are_refused(one: Model, other: Model) -> None:
    machine = compile_model(one)
    stranger = compile_model(other)
    assume(machine.hash != stranger.hash)
    state, _ = machine.fold(numbered([did("a", 0)]))

    with pytest.raises(StateCodecError):
        stranger.decode(machine.encode(state))


@given(any_cases)
def test_nothing_changes_by_time_alone_before_the_next_deadline(case: Case) -> None:
    """Up to one microsecond before it: no record, and the same deadline still lies ahead."""
    machine = machine_of(case.model)
    state, _ = whole(machine, case.history, case.until)
    deadline = machine.next_deadline(state)
    quiet_until = case.until + FAR if deadline is None else deadline - 1
    assume(quiet_until >= case.until)

    later, records = machine.advance(state, quiet_until)

    assert tuple(records) == ()
    assert machine.next_deadline(later) == deadline


@given(any_cases)
def test_deadlines_lie_ahead(case: Case) -> None:
    """Whoever has advanced to an instant has nothing left to do at it."""
    machine = machine_of(case.model)
    state, _ = whole(machine, case.history, case.until)

    deadline = machine.next_deadline(state)

    assert deadline is None or deadline > case.until


@given(any_cases)
def test_what_is_told_to_come_comes_if_nothing_happens(case: Case) -> None:
    """`next_transition` names the next stage, instant and rule, or rightly says there is none."""
    machine = machine_of(case.model)
    state, _ = whole(machine, case.history, case.until)

    upcoming = machine.next_transition(state)

    _, records = machine.advance(state, case.until + FAR)
    first = next((record for record in records if record.kind == "transition"), None)
    if upcoming is None:
        assert first is None
    elif first is None:
        assert upcoming.at > case.until + FAR
    else:
        assert (upcoming.at, upcoming.stage, upcoming.rule) == (
            first.effective_at,
            first.to_stage,
            first.cause.rule,
        )


@given(any_cases)
def test_a_forward_only_subject_never_goes_back(case: Case) -> None:
    """Whatever asks for it: event, silence, condition or person."""
    model = replace(case.model, direction="forward_only")
    order = {stage.id: place for place, stage in enumerate(model.stages)}

    _, records = whole(compile_model(model), case.history, case.until)

    stages = [order[record.to_stage] for record in records if record.kind == "transition"]
    assert stages == sorted(stages)


@given(any_cases)
def test_a_history_is_a_chain(case: Case) -> None:
    """Sequences are dense, each transition leaves where the last one led, and time never turns."""
    _, records = whole(machine_of(case.model), case.history, case.until)

    transitions = [record for record in records if record.kind == "transition"]
    assert [record.sequence for record in transitions] == list(range(1, len(transitions) + 1))
    chain = [None, *(record.to_stage for record in transitions)]
    assert [record.from_stage for record in transitions] == chain[:-1]
    assert all(record.from_stage != record.to_stage for record in transitions)
    instants = [record.effective_at for record in records]
    assert instants == sorted(instants)
    cycles = [record.cycle for record in records]
    assert cycles == sorted(cycles)


@given(any_cases)
def test_no_two_records_of_a_history_share_an_id(case: Case) -> None:
    _, records = whole(machine_of(case.model), case.history, case.until)

    ids = [
        transition_id(record, subject="ann", model=case.model.key, version=1) for record in records
    ]
    assert len(set(ids)) == len(ids)


@given(any_cases)
def test_a_machine_can_be_sent_to_another_process(case: Case) -> None:
    """What comes out of a pickle answers alike and reads the same bytes."""
    machine = machine_of(case.model)
    state, records = whole(machine, case.history, case.until)

    sent = pickle.loads(pickle.dumps(machine))  # noqa: S301 - our own bytes, made one line above

    assert whole(sent, case.history, case.until)[1] == records
    assert sent.hash == machine.hash
    assert sent.encode(sent.decode(machine.encode(state))) == machine.encode(state)


@pytest.mark.parametrize(
    "surroundings",
    [
        {"PYTHONHASHSEED": "1", "TZ": "UTC"},
        {"PYTHONHASHSEED": "2", "TZ": "America/New_York", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "3", "TZ": "Australia/Lord_Howe"},
    ],
    ids=["utc", "new-york", "lord-howe"],
)
def test_no_process_lives_in_a_world_of_its_own(surroundings: dict[str, str]) -> None:
    """Hash seed, time zone and locale of a process leave no trace in records or bytes."""
    root = Path(__file__).parents[2]
    code = "import sys, tests.domain.golden as g; sys.stdout.buffer.write(g.golden_bytes())"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, **surroundings},
        capture_output=True,
        check=True,
    )

    assert answer.stdout == golden_bytes()


def test_ids_are_frozen_for_ever() -> None:
    """Receivers know transitions by them: a new release tells an old history under the old ids."""
    assert golden_ids() == [
        "tr_1ae8340efa9d74a42f2d5b9f694e019b",
        "tr_37e501474b184145105ee8c4732eb8e2",
        "tr_a391595faef63a94164fadc8e981b335",
        "tr_cbf8aa650f921ab886995cc6578743f9",
        "tr_e1eb46e2d7868b8f01618e03e695acd7",
        "tr_9beec0ddd882532f39bb53fb9bf4acb1",
        "tr_f596ec210781454069d5a5a3465f08f3",
        "tr_b34fd9f92909976f01335f3c2519ee80",
        "tr_c327f0985ebb431fc24d50e68757b124",
        "tr_050b7e2eb211b959b89935ed2659e4d3",
        "tr_be26111f3ed6616b7501e59fc2682365",
    ]
