"""One subject as it stands: what has been taken in, what conditions see, what is due and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from domain.durations import add
from domain.events import IDENTIFY, STAGE_SET, Event
from domain.instants import format_instant, parse_date_or_instant
from domain.model import Model
from domain.transitions import Transition
from tests.domain.oracle.candidates import durations_of, literal_instants_of
from tests.domain.oracle.conditions import ConditionError, Instant, evaluate
from tests.domain.oracle.signals import Taken, take, value_at
from tests.domain.oracle.watches import Watch, watches_of


class SignalsAt(Mapping[str, object]):
    """The signals of a subject at an instant, each computed when somebody asks for it."""

    def __init__(self, subject: Subject, instant: int) -> None:
        self.subject = subject
        self.instant = instant

    def __getitem__(self, name: str) -> object:
        return self.subject.signal(name, self.instant)

    def __iter__(self) -> Iterator[str]:
        return (signal.name for signal in self.subject.model.signals)

    def __len__(self) -> int:
        return len(self.subject.model.signals)


class Subject:
    """What is known of one subject in one model at `now`; nothing is decided here."""

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
        self.arriving: Event | None = None
        self.entries: dict[str, int] = {}
        self.cycle_began_with = 0  # how much of the history was taken in before the cycle
        self.stage_began_with = 0
        self.entered_by_themselves: set[str] = set()  # in one settling, by conditions or time

    # -- what conditions see

    def signal(self, name: str, instant: int) -> object:
        """Return the value of a signal at *instant*."""
        signal = next(signal for signal in self.model.signals if signal.name == name)
        begin = {"all": 0, "cycle": self.cycle_began_with, "stage": self.stage_began_with}
        return value_at(signal, self.history[begin[signal.scope] :], instant, self.zone)

    def signals(self, instant: int) -> dict[str, object]:
        """Return every signal at *instant*, instants as RFC 3339 text."""
        return {
            name: format_instant(value.count) if isinstance(value, Instant) else value
            for name, value in SignalsAt(self, instant).items()
        }

    def names(self, instant: int, event: Event | None = None) -> dict[str, object]:
        """Return what a condition may read at *instant*; an event only where one has arrived."""
        names: dict[str, object] = {
            "traits": self.traits,
            "signals": SignalsAt(self, instant),
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

    def snapshot(self) -> dict[str, object]:
        """Return every name that a condition could read now, and its value as JSON."""
        found: dict[str, object] = {
            "entered_at": format_instant(self.entered_at),
            "now": format_instant(self.now),
            "stage": self.stage,
            "cycle": self.cycle,
        }
        found |= {f"signals.{name}": value for name, value in self.signals(self.now).items()}
        found |= {f"traits.{name}": value for name, value in self.traits.items()}
        if self.arriving is not None:
            sent = self.arriving.properties
            prefix = "" if self.arriving.type == STAGE_SET else "properties."
            found |= {f"{prefix}{name}": value for name, value in sent.items()}
            found["event.type"] = self.model.events.get(self.arriving.type, self.arriving.type)
            found["event.source"] = self.arriving.source
            found["event.occurred_at"] = format_instant(self.arriving.occurred_at)
        return found

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

    def take_in(self, event: Event) -> None:
        """Add *event* to the history, and its traits to the subject's."""
        self.history.append(take(self.model, event, self.names(event.effective_at, event)))
        traits = event.properties.get("traits")
        if event.type == IDENTIFY and isinstance(traits, dict):  # §3.8
            merged = self.traits | traits
            self.traits = {name: value for name, value in merged.items() if value is not None}

    # -- what is due, and when to look again

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

    def holds(self, watch: Watch) -> bool:
        """Return whether what has to hold for *watch* holds now.

        A silence or a date with a hold is a condition too: that it is complete, and its `when`.
        """
        falls = self.falls(watch) if watch.is_dated else self.now
        return falls is not None and falls <= self.now and self.is_true(watch, self.now)
