"""Where a subject stands at an instant: stored states brought forward, or histories folded anew.

A reader never waits for the sweeper: a stored state is advanced to the reader's own instant in
memory. A question about another instant, or about what was known then, folds the history again;
it is the same fold, so the answers agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from domain.events import Event, identifies, traits_in
from domain.machine import Machine, StageView, State, Upcoming
from domain.transitions import Cause, Transition, transition_id
from service.ports import StageRow, Subject, SubjectKey, TransitionRecord

_KNOWN_STATES_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a subject stands in one model at one instant.

    Attributes:
        state: The state, advanced to that instant.
        cause: Why it is in its stage.
        upcoming: What comes next if nothing happens.
        pending: What time alone brought about and no sweep has written down yet.
        until: Before this instant everything here reads the same, if no event comes.
    """

    model: str
    version: int
    machine: Machine
    state: State
    view: StageView
    cause: Cause | None
    upcoming: Upcoming | None
    personas: tuple[str, ...]
    pending: tuple[Transition, ...] = ()
    until: int = 0


def standing_now(row: StageRow, now: int) -> Standing:
    """Return where *row* stands at *now*, swept or not."""
    state, due, upcoming = _known(row.machine, row.state)
    if due is None or now < due:
        return _standing(row, state, now, cause=row.cause, upcoming=upcoming)
    state, pending = row.machine.advance(state, now)
    upcoming = row.machine.next_transition(state)
    cause = _newest_cause(pending) or row.cause
    return _standing(row, state, now, cause=cause, upcoming=upcoming, pending=pending)


@lru_cache(_KNOWN_STATES_MAX)
def _known(machine: Machine, encoded: bytes) -> tuple[State, int | None, Upcoming | None]:
    """Return the state in *encoded*, when it next changes by itself, and what comes next.

    All of that follows from the bytes alone, so the subjects people look at are decoded once.
    """
    state = machine.decode(encoded)
    return state, machine.next_deadline(state), machine.next_transition(state)


def standing_then(row: StageRow, history: Sequence[Event], instant: int) -> Standing | None:
    """Return where the subject of *history* stood at *instant*; None before its first event.

    *history* is in fold order and holds what was known; later events are left out here.
    """
    told = row.lineage.told_at(history, instant)
    machine, state = told.era.machine, told.state
    if state.stage_id is None:
        return None
    cause, upcoming = _newest_cause(told.recorded), machine.next_transition(state)
    then = replace(row, version=told.era.version, machine=machine)
    return _standing(then, state, instant, cause=cause, upcoming=upcoming)


def _standing(
    row: StageRow,
    state: State,
    instant: int,
    *,
    cause: Cause | None,
    upcoming: Upcoming | None,
    pending: tuple[Transition, ...] = (),
) -> Standing:
    machine = row.machine
    return Standing(
        model=row.model,
        version=row.version,
        machine=machine,
        state=state,
        view=machine.view(state, instant),
        cause=cause,
        upcoming=upcoming,
        personas=machine.personas(state, instant),
        pending=pending,
        until=machine.steady_until(state, instant),
    )


def _newest_cause(recorded: Sequence[Transition]) -> Cause | None:
    for each in reversed(recorded):
        if each.kind == "transition":
            return each.cause
    return None


def subject_then(subject: Subject, history: Sequence[Event], instant: int) -> Subject:
    """Return *subject* as it was at *instant*; *history* is in fold order."""
    past = [each for each in history if each.effective_at <= instant]
    traits: dict[str, object] = {}
    of_account = subject.key.kind == "account"
    for each in past:
        if identifies(each.type, of_account=of_account):
            traits |= traits_in(each.properties, of_account=of_account, event_type=each.type)
    return replace(
        subject,
        first_seen_at=past[0].effective_at if past else None,
        last_event_at=past[-1].effective_at if past else None,
        events=len(past),
        traits={name: value for name, value in traits.items() if value is not None},
        parked=None,
    )


def pending_records(
    row: StageRow, standing: Standing, *, tenant: str, subject: SubjectKey
) -> list[TransitionRecord]:
    """Return what the sweeper will write for *row*, as it will read."""
    return [
        TransitionRecord(
            id=transition_id(each, subject=subject.text, model=row.model, version=row.version),
            tenant=tenant,
            subject=subject,
            model=row.model,
            version=row.version,
            generation=row.generation,
            number=0,
            kind=each.kind,
            sequence=each.sequence,
            from_stage=each.from_stage,
            to_stage=each.to_stage,
            direction=each.direction,
            steps=each.steps,
            effective_at=each.effective_at,
            recorded_at=each.effective_at,
            cause=each.cause,
            time_in_previous=each.time_in_previous,
            cycle=each.cycle,
            asserted_position=each.position,
        )
        for each in standing.pending
    ]
