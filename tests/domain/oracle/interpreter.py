"""The life of one subject, told by going through every instant at which anything could happen.

The paragraphs of the specification are named where they are obeyed. `Life` is mutable and slow on
purpose: there is nothing here to be clever about.
"""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from domain.durations import add
from domain.events import ALIAS, IDENTIFY, STAGE_SET, VOID, Event
from domain.instants import format_instant, parse_date_or_instant
from domain.model import Model
from domain.transitions import Cause, CauseKind, RecordKind, Transition
from tests.domain.oracle.candidates import durations_of, literal_instants_of
from tests.domain.oracle.conditions import ConditionError, Instant, evaluate
from tests.domain.oracle.signals import Taken, is_among, take, value_at
from tests.domain.oracle.watches import Watch, watches_of


def live(model: Model, events: Iterable[Event], until: int | None = None) -> Life:
    """Return the life of the subject of *events*, in any order, up to *until* or the last event."""
    life = Life(model)
    for event in in_fold_order(events):
        life.meet(event)
    if until is not None:
        life.pass_time(until)
    return life


def in_fold_order(events: Iterable[Event]) -> list[Event]:
    """Return what counts of *events*: each id once, nothing void, by (effective_at, position)."""
    seen: set[tuple[str, str]] = set()
    once: list[Event] = []
    for event in sorted(events, key=lambda event: event.position):
        if (event.source, event.event_id) not in seen:
            seen.add((event.source, event.event_id))
            once.append(event)
    void = {event.properties["event_id"] for event in once if event.type == VOID}
    counting = [e for e in once if e.type not in (VOID, ALIAS) and e.event_id not in void]
    return sorted(counting, key=lambda event: (event.effective_at, event.position))


class Life:
    """One subject in one model, from its first event on."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.zone = ZoneInfo(model.timezone)
        self.order = {stage.id: place for place, stage in enumerate(model.stages)}
        self.durations = durations_of(model)
        self.fixed_instants = literal_instants_of(model)
        self.watches = watches_of(model)
        self.records: list[Transition] = []
        self.history: list[Taken] = []
        self.traits: dict[str, object] = {}
        self.stage: str | None = None
        self.entered_at = 0
        self.cycle = 1
        self.sequence = 0
        self.position = 0
        self.now = 0
        self.entries: dict[str, int] = {}
        self.cycle_began_with = 0  # how much of the history was taken in before the cycle
        self.stage_began_with = 0
        self.entered_this_instant: tuple[int, set[str]] = (-1, set())

    # -- what conditions see

    def signal(self, name: str, instant: int) -> object:
        """Return the value of a signal at *instant*."""
        signal = next(signal for signal in self.model.signals if signal.name == name)
        begin = {"all": 0, "cycle": self.cycle_began_with, "stage": self.stage_began_with}
        return value_at(signal, self.history[begin[signal.scope] :], instant, self.zone)

    def signals(self, instant: int) -> dict[str, object]:
        """Return every signal at *instant*, instants as RFC 3339 text."""
        values = {signal.name: self.signal(signal.name, instant) for signal in self.model.signals}
        return {
            name: format_instant(value.count) if isinstance(value, Instant) else value
            for name, value in values.items()
        }

    def names(self, instant: int, event: Event | None = None) -> dict[str, object]:
        """Return what a condition may read at *instant*; an event only where one has arrived."""
        names: dict[str, object] = {
            "traits": self.traits,
            "signals": {s.name: self.signal(s.name, instant) for s in self.model.signals},
            "stage": self.stage,
            "cycle": self.cycle,
            "entered_at": Instant(self.entered_at),
            "now": Instant(instant),
        }
        if event is not None:
            names["properties"] = event.properties
            names["event"] = {
                "type": self.model.events.get(event.type, event.type),
                "occurred_at": Instant(event.occurred_at),
                "source": event.source,
            }
        return names

    def is_true(self, watch: Watch, instant: int, event: Event | None = None) -> bool:
        """Return whether the condition of *watch* holds; an error is not matched, none is true."""
        if watch.trigger.when is None:
            return True
        try:
            return evaluate(watch.trigger.when.root, self.names(instant, event)) is True
        except ConditionError:
            return False

    def watching(self, watch: Watch) -> bool:
        """Return whether the subject is where *watch* looks."""
        return self.stage in watch.stages

    def personas(self, instant: int) -> tuple[str, ...]:
        """Return the ids of the personas that fit at *instant*."""
        fitting = []
        for persona in self.model.personas:
            try:
                if evaluate(persona.when.root, self.names(instant)) is True:
                    fitting.append(persona.id)
            except ConditionError:
                continue
        return tuple(fitting)

    # -- §3.2: an event

    def meet(self, event: Event) -> None:
        """Let time pass up to *event*, then take it in and do what follows from it at once."""
        if self.stage is not None:
            self.pass_time(event.effective_at)
        self.now, self.position = event.effective_at, event.position
        if self.stage is None:  # §3.5
            self.enter(self.model.initial, "$initial", "event", event.event_id)
        self.take_in(event)
        self.begin_and_break_runs(event)
        self.act_on(event)
        self.settle(event.event_id)

    def take_in(self, event: Event) -> None:
        """Add *event* to the history, and its traits to the subject's."""
        self.history.append(take(self.model, event, self.names(event.effective_at, event)))
        traits = event.properties.get("traits")
        if event.type == IDENTIFY and isinstance(traits, dict):  # §3.8
            merged = self.traits | traits
            self.traits = {name: value for name, value in merged.items() if value is not None}

    def begin_and_break_runs(self, event: Event) -> None:
        """Note for each `on … for` whether *event* begins, continues or breaks its run."""
        for watch in self.watches:
            trigger = watch.trigger
            if trigger.kind != "on" or trigger.hold is None or not self.watching(watch):
                continue
            if not is_among(trigger.types, self.model, event):
                continue
            if not self.is_true(watch, self.now, event):
                watch.release()
            elif watch.held_since is None:
                watch.held_since = self.now

    def act_on(self, event: Event) -> None:
        """Raise the alerts on *event*; then a manual transition, or the first rule on it."""
        for watch in self.watches:
            if watch.is_alert and self.answers(watch, event):
                self.record(watch.name, "event", event.event_id)
        if event.type == STAGE_SET:  # §3.7
            self.set_stage(event)
            return
        for watch in self.watches:
            if not watch.is_alert and self.answers(watch, event):
                self.go(watch, "event", event.event_id)
                return

    def answers(self, watch: Watch, event: Event) -> bool:
        """Return whether *watch* is triggered by *event* at once."""
        trigger = watch.trigger
        return (
            trigger.kind == "on"
            and trigger.hold is None
            and self.watching(watch)
            and is_among(trigger.types, self.model, event)
            and self.is_true(watch, self.now, event)
        )

    def set_stage(self, event: Event) -> None:
        """Obey a `$stage.set` that is meant for this model and names another of its stages."""
        wanted = event.properties.get("stage")
        meant = event.properties.get("model") == self.model.key
        if meant and isinstance(wanted, str) and wanted in self.order and wanted != self.stage:
            if self.is_refused(wanted):
                self.record("$manual", "manual", event.event_id, refused=wanted)
            else:
                self.enter(wanted, "$manual", "manual", event.event_id)

    # -- §3.3, §3.4: time

    def pass_time(self, until: int) -> None:
        """Go through every instant after now, up to and with *until*, that could change anything.

        Being asked to go further or less far at a time makes no difference.
        """
        while (instant := self.next_candidate(until)) is not None:
            self.now = instant
            self.settle(None)
        self.now = max(self.now, until)

    def next_candidate(self, until: int) -> int | None:
        """Return the first instant after now, up to *until*, at which anything could change."""
        bases = {self.entered_at, *self.fixed_instants, *self.trait_instants()}
        bases |= {taken.event.effective_at for taken in self.history}
        bases |= {watch.held_since for watch in self.watches if watch.held_since is not None}
        found = {add(base, duration, self.zone) for base in bases for duration in self.durations}
        found |= bases
        for watch in self.watches:
            acts = (self.due(watch), self.falls(watch) if watch.is_dated else None)
            found |= {instant for instant in acts if instant is not None}
        found |= {instant + 1 for instant in found}  # `now > x` becomes true just after x
        return min((instant for instant in found if self.now < instant <= until), default=None)

    def trait_instants(self) -> set[int]:
        """Return the instants among the traits, which conditions may compare with `now`."""
        found = set()
        for value in self.traits.values():
            try:
                found.add(parse_date_or_instant(str(value), self.zone))
            except ValueError:
                continue
        return found

    def base(self, watch: Watch) -> int | None:
        """Return the instant from which a silence or a date counts, if there is one."""
        trigger = watch.trigger
        if trigger.kind == "after":
            since = trigger.since and self.signal(trigger.since, self.now)
            return since.count if isinstance(since, Instant) else self.entered_at
        if trigger.at is None:
            return None
        try:
            value = evaluate(trigger.at.root, self.names(self.now))
            if isinstance(value, str):
                return parse_date_or_instant(value, self.zone)
        except (ConditionError, ValueError):
            return None
        return value.count if isinstance(value, Instant) else None

    def falls(self, watch: Watch) -> int | None:
        """Return when the silence or the date of *watch* is complete, if it has a base."""
        base = self.base(watch)
        length = watch.trigger.after or watch.trigger.offset
        return base if base is None or length is None else add(base, length, self.zone)

    def due(self, watch: Watch) -> int | None:
        """Return when *watch* acts of itself, if it is on: a deadline, or a hold's completion."""
        trigger = watch.trigger
        if not self.watching(watch):
            return None
        if trigger.hold is not None:
            waits = watch.held_since is not None and not watch.told
            return add(watch.held_since or 0, trigger.hold, self.zone) if waits else None
        if not watch.is_dated or self.base(watch) == watch.spent:
            return None
        return self.falls(watch)

    def is_due(self, watch: Watch) -> bool:
        """Return whether *watch* is due by now; one that is overdue falls due now."""
        due = self.due(watch)
        return due is not None and due <= self.now

    # -- holds

    def holds(self, watch: Watch) -> bool:
        """Return whether what has to hold for *watch* holds now.

        A silence or a date with a hold is a condition too: that it is complete, and its `when`.
        """
        falls = self.falls(watch) if watch.is_dated else self.now
        return falls is not None and falls <= self.now and self.is_true(watch, self.now)

    def observe_holds(self) -> None:
        """Begin and break the holds of conditions, as things stand when an instant has settled."""
        for watch in self.watches:
            trigger = watch.trigger
            if trigger.hold is None or trigger.kind == "on" or not self.watching(watch):
                continue
            if not self.holds(watch):
                watch.release()
            elif watch.held_since is None:
                watch.held_since = self.now

    # -- one instant

    def settle(self, event_id: str | None) -> None:
        """Follow the first rule in document order that matches or is due, until none does.

        Alerts on silence, dates and runs come before any rule; alerts on conditions, and what
        holds or has broken, are decided when the stage has settled.
        """
        while any(self.act(watch, event_id) for watch in self.watches):
            pass
        self.observe_holds()
        for watch in self.watches:
            if watch.is_alert and watch.trigger.kind == "when" and self.watching(watch):
                self.raise_if_true(watch, event_id)

    def act(self, watch: Watch, event_id: str | None) -> bool:
        """Let *watch* do what it has to do now; return whether the subject changed stage."""
        if watch.is_alert and watch.trigger.kind == "when":
            return False
        if watch.is_level:
            return self.follow(watch, event_id)
        return self.is_due(watch) and self.fall(watch, event_id)

    def fall(self, watch: Watch, event_id: str | None) -> bool:
        """Let the deadline of *watch* fall now; return whether the subject changed stage."""
        if watch.trigger.kind == "on":
            watch.release()  # the run is complete; another event may begin another
        elif watch.trigger.hold is not None:
            if not self.holds(watch):
                return False  # broken at the last microsecond
            watch.told = True
        else:
            watch.spent = self.base(watch)
            if not self.is_true(watch, self.now):
                return False  # it lapses
        if watch.is_alert:
            self.record(watch.name, "deadline", event_id)
            return False
        return not self.is_barred(watch) and self.go(watch, "deadline", event_id)

    def follow(self, watch: Watch, event_id: str | None) -> bool:
        """Follow a level-triggered rule; return whether the subject changed stage."""
        if not self.watching(watch):
            return False
        if not self.is_true(watch, self.now):
            watch.told = False
            return False
        if watch.told or self.is_barred(watch):
            return False
        watch.told = True
        return self.go(watch, "condition", event_id)

    def raise_if_true(self, watch: Watch, event_id: str | None) -> None:
        """Raise a level alert if its condition has become true, or has held for long enough."""
        if watch.is_level:
            true = self.is_true(watch, self.now)
            if true and not watch.told:
                self.record(watch.name, "condition", event_id)
            watch.told = true
        elif self.is_due(watch):
            self.fall(watch, event_id)

    # -- transitions

    def is_barred(self, watch: Watch) -> bool:
        """Return whether conditions or deadlines have led to the target at this instant already."""
        instant, stages = self.entered_this_instant
        return instant == self.now and watch.target in stages

    def is_refused(self, target: str) -> bool:
        """Return whether a forward-only model keeps the subject from *target* (§3.6)."""
        earlier = self.stage is not None and self.order[target] < self.order[self.stage]
        return earlier and self.model.direction == "forward_only"

    def go(self, watch: Watch, cause: CauseKind, event_id: str | None) -> bool:
        """Fire *watch*; return whether the subject changed stage."""
        if watch.target is None or self.is_refused(watch.target):
            self.record(watch.name, cause, event_id, refused=watch.target)
            return False
        if cause != "event":
            instant, stages = self.entered_this_instant
            stages = stages if instant == self.now else set()
            self.entered_this_instant = (self.now, stages | {watch.target})
        self.enter(watch.target, watch.name, cause, event_id)
        return True

    def enter(self, target: str, rule: str, cause: CauseKind, event_id: str | None) -> None:
        """Enter *target* now, and forget what was watched only where the subject was before."""
        previous, steps = self.stage, 0
        if previous is not None:
            steps = self.order[target] - self.order[previous]
        self.sequence += 1
        self.cycle += steps < 0  # §3.9
        kept = {id(watch) for watch in self.watches if self.watching(watch)}
        self.write("transition", (previous, target), Cause(cause, rule, event_id, {}))
        self.stage, self.entered_at = target, self.now
        self.entries[target] = self.entries.get(target, 0) + 1
        self.stage_began_with = len(self.history)
        if steps < 0:
            self.cycle_began_with = len(self.history)
        for watch in self.watches:
            if not (id(watch) in kept and self.watching(watch)):
                watch.forget()

    def record(
        self, rule: str, cause: CauseKind, event_id: str | None, *, refused: str | None = None
    ) -> None:
        """Record an alert, or a transition to *refused* that was suppressed."""
        assert self.stage is not None
        kind: RecordKind = "alert" if refused is None else "suppressed"
        self.write(kind, (self.stage, refused or self.stage), Cause(cause, rule, event_id, {}))

    def write(self, kind: RecordKind, way: tuple[str | None, str], cause: Cause) -> None:
        """Add one record as of now."""
        source, target = way
        steps = 0 if source is None else self.order[target] - self.order[source]
        self.records.append(
            Transition(
                kind=kind,
                sequence=self.sequence,
                from_stage=source,
                to_stage=target,
                direction="forward" if steps > 0 else "backward" if steps < 0 else "none",
                steps=steps,
                effective_at=self.now,
                cause=cause,
                time_in_previous=None if source is None else self.now - self.entered_at,
                cycle=self.cycle,
                position=self.position,
            )
        )
