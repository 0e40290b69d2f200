"""A model that runs: events in, transitions out, and nothing else.

`step` is the whole semantics; `fold` repeats it. Both copy the state once and change only the copy,
so that from outside a state is a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.machine.build import build, namespace
from domain.machine.codec import JSON, Form, StateCodec
from domain.machine.explain import Explainer
from domain.machine.runtime import plain
from domain.machine.start import Start
from domain.machine.state import NEVER, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from domain.events import Event
    from domain.machine.build import Program
    from domain.machine.explain import RuleExplanation
    from domain.machine.needs import Needs
    from domain.machine.upcasting import Upcaster
    from domain.model import Model
    from domain.transitions import Transition

ENGINE = 1
"""Which way of folding this is; another number wherever the same events may come to another answer.

What was folded by another engine is folded anew and not folded on: two halves would not fit.
"""

_LOOKAHEAD_MAX = 1_000
"""Instants at which `next_transition` looks before it answers that none is in sight."""


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The transition that comes if nothing happens: when, to which stage, by which rule."""

    at: int
    stage: str
    rule: str


@dataclass(frozen=True, slots=True)
class StageView:
    """Where a subject stands, for people and programs to read.

    Attributes:
        stage: None before the first event; then `entered_at` means nothing.
        previous: The stage before; None where there was none.
        entries: Per stage, how often it was entered.
        signals: Values as JSON; instants as RFC 3339 text.
        coarse: Signals whose window outgrew its bound: their values are lower bounds.
    """

    stage: str | None
    entered_at: int
    cycle: int
    sequence: int
    previous: str | None
    entries: Mapping[str, int]
    signals: Mapping[str, object]
    coarse: tuple[str, ...]


class Machine:
    """A compiled model. Pure: the same state and event always give the same answer."""

    def __init__(self, model: Model, form: Form = JSON) -> None:
        """Compile *model*; its states are written in *form*.

        Raises:
            CelCheckError: A condition names what does not exist, or its types do not fit.
        """
        self.model = model
        self.hash = model.hash
        self._program = build(model)
        self._form = form
        state_class = self._program.state_class
        self._codec = StateCodec(model.hash, self._program.fields, state_class, form)
        self._explainer: Explainer | None = None
        self._mute: Program | None = None

    def __reduce__(self) -> tuple[type[Machine], tuple[Model, Form]]:
        """Pickle by the model; it is compiled again where it arrives."""
        return (Machine, (self.model, self._form))

    @property
    def source(self) -> str:
        """The generated Python, for those who want to read what runs."""
        return self._program.text

    @property
    def needs(self) -> Needs:
        """What it looks at in an event beside type and instants."""
        return self._program.needs

    @property
    def upcaster(self) -> Upcaster:
        """What reads the properties of events as the newest schema version."""
        return self._program.upcaster

    def initial(self) -> State:
        """Return the state before the first event."""
        state: State = self._program.new()
        return state

    def step(self, state: State, event: Event) -> tuple[State, tuple[Transition, ...]]:
        """Return the state after *event*, and what was recorded on the way to it.

        Deadlines due at or before the event's instant fire first. *event* must not stand before
        the newest event folded.
        """
        after, recorded = self.fold((event,), state)
        return after, tuple(recorded)

    def advance(self, state: State, instant: int) -> tuple[State, tuple[Transition, ...]]:
        """Return the state at *instant* if nothing happens, and what time alone brought about.

        Never moves the newest event's key, so looking early or often changes no later answer.
        """
        if instant < state.due:
            return state, ()
        after: State = self._program.copy(state)
        recorded: list[Transition] = []
        self._pass_time(after, instant, recorded)
        return after, tuple(recorded)

    def fold(
        self, events: Iterable[Event], state: State | None = None
    ) -> tuple[State, list[Transition]]:
        """Return the state after *events*, and everything recorded, in order.

        *events* are in fold order (`canonical_history`), none before the newest event of *state*.
        """
        return self.carry_on(events, self.initial() if state is None else self._program.copy(state))

    def carry_on(self, events: Iterable[Event], after: State) -> tuple[State, list[Transition]]:
        """Return what `fold` returns, changing the state itself that is given.

        For a caller whom it belongs to alone, and who lets go of it should this fail half-way: a
        copy costs as much as folding an event or two.
        """
        program = self._program
        recorded: list[Transition] = []
        coming = iter(events)
        if after.stage < 0:
            self._fold_first(after, coming, recorded)
        handlers, behaviour, control = program.handlers, program.behaviour, program.control
        event = None
        for following in coming:
            now = following.effective_at
            if now >= after.due:
                _note_folded(after, event)
                self._pass_time(after, now, recorded)
            event = following
            handler = handlers.get(event.type)
            if handler is None:
                handler = control if event.type.startswith("$") else behaviour
            handler(after, event, now, recorded)
        _note_folded(after, event)
        return after, recorded

    def fold_from(self, start: Start, events: Iterable[Event]) -> tuple[State, list[Transition]]:
        """Return the state after *events* of a version that was activated from *start* on.

        Signals take in the whole history. What happened before the activation makes no transition;
        the first record is the entry into the stage to start in, of cause `model`, and whatever is
        due or true then follows at the same instant. A subject unknown at the activation begins as
        in any model. *events* are the whole history, in fold order.
        """
        before: list[Event] = []
        after: list[Event] = []
        for event in events:
            (before if event.effective_at < start.at else after).append(event)
        if not before:
            return self.fold(after)
        state, recorded = self._start(start, before)
        state, later = self.fold(after, state)
        return state, recorded + later

    def next_deadline(self, state: State) -> int | None:
        """Return the earliest instant at which time alone may bring a record about, if any.

        Nothing is recorded before it. Signals that no rule of the stage reads may shrink earlier.
        """
        due = self._due(state)
        return None if due >= NEVER else due

    def next_transition(self, state: State) -> Upcoming | None:
        """Return the transition that comes if nothing happens, None where none is in sight."""
        after: State = self._program.copy(state)
        recorded: list[Transition] = []
        for _ in range(_LOOKAHEAD_MAX):
            due = self._due(after)
            if due >= NEVER:
                return None
            self._pass_time(after, due, recorded)
            for record in recorded:
                if record.kind == "transition":
                    return Upcoming(record.effective_at, record.to_stage, record.cause.rule)
            recorded.clear()
        return None

    def view(self, state: State, now: int) -> StageView:
        """Return where *state*, already advanced to *now*, stands."""
        stages, read = state.stage_ids, self._program.read
        named = enumerate(self.model.signals)
        return StageView(
            stage=state.stage_id,
            entered_at=state.entered_at,
            cycle=state.cycle,
            sequence=state.sequence,
            previous=stages[state.previous] if state.previous >= 0 else None,
            entries=dict(zip(stages, state.entries, strict=True)),
            signals={name: plain(value(state, now), kind) for name, (value, kind) in read.items()},
            coarse=tuple(signal.name for bit, signal in named if state.coarse >> bit & 1),
        )

    def personas(self, state: State, now: int) -> tuple[str, ...]:
        """Return the personas that a subject in *state* answers to at *now*."""
        return tuple(name for name, holds in self._program.personas if holds(state, now))

    def steady_until(self, state: State, now: int) -> int:
        """Return the instant up to which `view` and `personas` of *state* read as they do at *now*.

        That is no later than the next deadline, and *now* where it cannot be told.
        """
        if self._program.personas:
            return now
        return min(self._program.steady(state, now), self._due(state))

    def explain(
        self, state: State, now: int, event: Event | None = None
    ) -> tuple[RuleExplanation, ...]:
        """Return why each rule that leaves the stage of *state* does or does not fire at *now*.

        *state* is already advanced to *now*. `on` rules are asked as if *event* arrived then;
        without one their conditions on `event` and `properties` have no value.
        """
        if self._explainer is None:
            self._explainer = Explainer(self.model, namespace(self.model))
        return self._explainer.explain(state, now, event)

    def encode(self, state: State) -> bytes:
        """Return the canonical bytes of *state*, marked with the model's hash."""
        return self._codec.encode(state)

    def decode(self, data: bytes | str) -> State:
        """Return the state that *data* holds.

        Raises:
            StateCodecError: They were not written by this model version.
        """
        return self._codec.decode(data)

    def _start(self, start: Start, before: list[Event]) -> tuple[State, list[Transition]]:
        """Return the state at the activation: signals of *before*, and the stage to start in."""
        if self._mute is None:
            self._mute = build(self.model, is_mute=True)
        mute, known = self._mute, self._mute.new()
        recorded: list[Transition] = []
        for event in before:
            known.at = event.effective_at
            if known.stage < 0:
                mute.begin(known, event, [])
            _handle(mute, known, event, [])
            if event.effective_at <= start.entered_at:
                mute.renew_stage(known)
        state = self.initial()
        _note_folded(state, before[-1])
        state.at = start.at
        self._program.start(state, start, recorded)
        for field in mute.fields:
            setattr(state, field.name, getattr(known, field.name))
        state.traits, state.coarse = known.traits, known.coarse
        self._program.settle(state, start.at, None, recorded)
        return state, recorded

    def _fold_first(
        self, state: State, coming: Iterator[Event], recorded: list[Transition]
    ) -> None:
        """Fold the event with which the subject enters the initial stage, if one is coming."""
        program = self._program
        for event in coming:
            now = state.at = event.effective_at
            program.begin(state, event, recorded)
            _handle(program, state, event, recorded)
            program.settle(state, now, event, recorded)
            _note_folded(state, event)
            return

    def _due(self, state: State) -> int:
        return NEVER if state.stage < 0 else self._program.due[state.stage](state, state.at)

    def _pass_time(self, state: State, instant: int, recorded: list[Transition]) -> None:
        """Settle every instant up to *instant* at which time alone may change something."""
        due, settle = self._program.due, self._program.settle
        state.due = due[state.stage](state, state.at)
        while state.due <= instant:
            state.at = state.due
            settle(state, state.at, None, recorded)


def _handle(program: Program, state: State, event: Event, recorded: list[Transition]) -> None:
    """Do what *event* does; the loop of `fold` has the same written out, since it runs for all."""
    handler = program.handlers.get(event.type)
    if handler is None:
        handler = program.control if event.type.startswith("$") else program.behaviour
    handler(state, event, event.effective_at, recorded)


def _note_folded(state: State, event: Event | None) -> None:
    """Move the state's key to *event*, the newest folded; the loop does so only when it matters."""
    if event is not None:
        state.at = state.last_at = event.effective_at
        state.last_position = event.position


def compile_model(model: Model, form: Form = JSON) -> Machine:
    """Return the machine of *model*, which writes states in *form*.

    Raises:
        CelCheckError: A condition names what does not exist, or its types do not fit.
    """
    return Machine(model, form)
