"""The life of one subject, told by going through every instant at which anything could happen.

The paragraphs of the specification are named where they are obeyed. `Life` is mutable and slow on
purpose: there is nothing here to be clever about.
"""

from __future__ import annotations

from collections.abc import Iterable

from domain.events import STAGE_SET, Event
from domain.model import Model
from domain.transitions import Cause, CauseKind, RecordKind, Transition
from tests.domain.oracle.history import in_fold_order
from tests.domain.oracle.signals import is_among
from tests.domain.oracle.subject import Subject
from tests.domain.oracle.watches import Watch


def live(model: Model, events: Iterable[Event], until: int | None = None) -> Life:
    """Return the life of the subject of *events*, in any order, up to *until* or the last event."""
    life = Life(model)
    for event in in_fold_order(events):
        life.meet(event)
    if until is not None:
        life.pass_time(until)
    return life


class Life(Subject):
    """One subject in one model, from its first event on."""

    # -- §3.2: an event

    def meet(self, event: Event) -> None:
        """Let time pass up to *event*, then take it in and do what follows from it at once."""
        if self.stage is not None:
            self.pass_time(event.effective_at)
        self.now, self.position, self.arriving = event.effective_at, event.position, event
        if self.stage is None:  # §3.5
            self.enter(self.model.initial, "$initial", "event", event.event_id)
        self.take_in(event)
        self.raise_alerts_on(event)
        self.begin_and_break_runs(event)
        self.raise_due_alerts(event.event_id)
        self.act_on(event)
        self.settle(event.event_id)
        self.arriving = None

    def raise_alerts_on(self, event: Event) -> None:
        """Raise the alerts that *event* triggers, where the subject is when it arrives."""
        for watch in self.watches:
            if watch.is_alert and self.answers(watch, event):
                self.record(watch.name, "event", event.event_id)

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
        """Make the manual transition that *event* asks for, or follow the first rule on it."""
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

    # -- holds

    def observe(self) -> None:
        """Begin and break what holds, as things stand when the stage has settled."""
        for watch in self.watches:
            lasts = watch.is_level or (watch.trigger.hold and watch.trigger.kind != "on")
            if not lasts or not self.watching(watch):
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
        self.entered_by_themselves = set()
        self.raise_due_alerts(event_id)
        while any(self.act(watch, event_id) for watch in self.watches):
            pass
        self.raise_due_alerts(event_id)
        self.observe()
        for watch in self.watches:
            if watch.is_alert and watch.trigger.kind == "when" and self.watching(watch):
                self.raise_if_true(watch, event_id)

    def raise_due_alerts(self, event_id: str | None) -> None:
        """Raise the alerts on silence, dates and runs that are due by now."""
        for watch in self.watches:
            if watch.is_alert and watch.trigger.kind != "when" and self.is_due(watch):
                self.fall(watch, event_id)

    def act(self, watch: Watch, event_id: str | None) -> bool:
        """Let a rule do what it has to do now; return whether the subject changed stage."""
        if watch.is_alert:
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
        if watch.told or not self.watching(watch) or not self.is_true(watch, self.now):
            return False
        watch.told = True
        return not self.is_barred(watch) and self.go(watch, "condition", event_id)

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
        """Return whether conditions or deadlines have led to the target in this settling."""
        return watch.target in self.entered_by_themselves

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
            self.entered_by_themselves.add(watch.target)
        self.enter(watch.target, watch.name, cause, event_id)
        return True

    def enter(self, target: str, rule: str, cause: CauseKind, event_id: str | None) -> None:
        """Enter *target* now, and forget what was watched only where the subject was before."""
        previous, steps = self.stage, 0
        if previous is not None:
            steps = self.order[target] - self.order[previous]
        why = Cause(cause, rule, event_id, self.snapshot())
        self.sequence += 1
        self.cycle += steps < 0  # §3.9
        kept = {id(watch) for watch in self.watches if self.watching(watch)}
        self.write("transition", (previous, target), why)
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
        self.write(
            kind, (self.stage, refused or self.stage), Cause(cause, rule, event_id, self.snapshot())
        )

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
