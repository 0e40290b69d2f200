"""Versions of a model that took over from one another: who tells of which instant.

A version may be activated for what comes (`from_now`): history before that instant stays as the
version before told it. So what tells of a subject is a lineage of versions, each in force from its
activation until the next one's. It is as pure as one machine: the activations are its arguments,
and where a subject starts in a version follows from its events by the version before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise
from operator import or_
from typing import TYPE_CHECKING

from domain.machine.start import Start

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from domain.events import Event
    from domain.machine import Machine, State
    from domain.machine.needs import Needs
    from domain.transitions import Transition

ALWAYS = -(1 << 62)
"""Before any instant: since when the first version of a lineage is in force."""


@dataclass(frozen=True, slots=True)
class Era:
    """A version and since when it is in force.

    Attributes:
        stage_map: Where subjects start that stood in a stage of the version before: that stage ->
            a stage of this one. Others start in the stage with the same id, else the initial one.
    """

    version: int
    machine: Machine
    since: int = ALWAYS
    stage_map: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What a lineage tells of a history: the version in force at its end, and what it came to."""

    era: Era
    state: State
    recorded: list[Transition]


class Lineage:
    """The versions that tell of a model, the first since always and each next one since later.

    Attributes:
        eras: Oldest first.
        since: Since when the newest version is in force; `ALWAYS` where it is the only one.
    """

    __slots__ = ("eras", "machine", "since")

    def __init__(self, eras: Sequence[Era]) -> None:
        """Let *eras* follow upon one another.

        Raises:
            ValueError: The first is not in force since always, or one not later than the one
                before.
        """
        starts = [era.since for era in eras]
        if starts[:1] != [ALWAYS] or any(later <= earlier for earlier, later in pairwise(starts)):
            raise ValueError(f"eras: expected ALWAYS and then later and later, found {starts}")
        self.eras = tuple(eras)
        self.machine = self.eras[-1].machine
        self.since = self.eras[-1].since

    @property
    def needs(self) -> Needs:
        """What its versions look at in an event."""
        return reduce(or_, (era.machine.needs for era in self.eras))

    def fold(
        self, events: Iterable[Event], state: State | None = None
    ) -> tuple[State, list[Transition]]:
        """Return the state after *events* and everything recorded, as `Machine.fold` does.

        *state* is one of the newest version, or one before the first event. A whole history that
        ends before the newest activation is brought forward to it.
        """
        if len(self.eras) == 1 or (state is not None and state.stage >= 0):
            return self.machine.fold(events, state)
        told = self._told(list(events), self.eras)
        return told.state, told.recorded

    def carry_on(self, events: Iterable[Event], state: State) -> tuple[State, list[Transition]]:
        """Return what `fold` returns; *state* is the caller's alone, and of no use afterwards."""
        if len(self.eras) == 1 or state.stage >= 0:
            return self.machine.carry_on(events, state)
        return self.fold(events, state)

    def told_at(self, history: Iterable[Event], instant: int) -> Told:
        """Return what was so at *instant*: later events are left out, and time runs to it."""
        events = [event for event in history if event.effective_at <= instant]
        told = self._told(events, [era for era in self.eras if era.since <= instant])
        if told.state.stage < 0:
            return told
        state, passed = told.era.machine.advance(told.state, instant)
        return Told(told.era, state, [*told.recorded, *passed])

    def era_at(self, instant: int) -> Era:
        """Return the version in force at *instant*."""
        return next(era for era in reversed(self.eras) if era.since <= instant)

    def end_of(self, era: Era) -> int | None:
        """Return when the next version took over from *era*; None for the newest."""
        following = self.eras[self.eras.index(era) + 1 :]
        return following[0].since if following else None

    def _told(self, events: Sequence[Event], eras: Sequence[Era]) -> Told:
        """Return what *eras* tell of *events*, as of the last of both."""
        first = eras[0]
        state, recorded = first.machine.fold(_before(events, eras, 1))
        for number, era in enumerate(eras[1:], start=2):
            known = _before(events, eras, number)
            if state.stage < 0:
                state, later = era.machine.fold(known)
                recorded += later
                continue
            before = eras[number - 2].machine
            state, passed = before.advance(state, era.since - 1)
            state, later = era.machine.fold_from(_start(era, state), known)
            recorded += [*passed, *later]
        return Told(eras[-1], state, recorded)


def _before(events: Sequence[Event], eras: Sequence[Era], number: int) -> Sequence[Event]:
    """Return those of *events* that happened before era *number* began, all if there is none."""
    if number == len(eras):
        return events
    return [event for event in events if event.effective_at < eras[number].since]


def _start(era: Era, state: State) -> Start:
    stage = str(state.stage_id)
    return Start(
        at=era.since,
        stage=era.stage_map.get(stage, stage),
        entered_at=state.entered_at,
        source=stage,
        sequence=state.sequence,
        cycle=state.cycle,
    )


def of_one(version: int, machine: Machine) -> Lineage:
    """Return the lineage of a version that tells of all history."""
    return Lineage((Era(version, machine),))
