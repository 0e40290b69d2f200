"""Rules and alerts as the fold watches them: what each keeps in the state, and how it is decided.

A *watch* is a rule or an alert with its place. Without `for`, a level condition keeps one flag: it
was answered (refused or alerted) and waits to become false. A deadline keeps the due instant that
was last tested, so that it is tested once. With `for`, a watch keeps since when it has held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.machine.source import indent, when
from domain.machine.state import Field

if TYPE_CHECKING:
    from domain.durations import Duration
    from domain.machine.conditions import Conditions
    from domain.machine.source import Source
    from domain.model import Alert, Model, Rule, Trigger


@dataclass(frozen=True, slots=True)
class Watch:
    """A rule or an alert with its place.

    Attributes:
        index: Its number; rules first, then alerts, each in document order.
        mask: Bit per stage in which it watches.
        target: Order of the stage a rule leads to; -1 for an alert.
    """

    index: int
    id: str
    trigger: Trigger
    mask: int
    target: int

    @property
    def is_alert(self) -> bool:
        """Whether it only raises an alert."""
        return self.target < 0

    @property
    def is_immediate(self) -> bool:
        """Whether it fires, if at all, at the arrival of an event."""
        return self.trigger.kind == "on" and self.trigger.hold is None

    def watches(self, stage: int) -> bool:
        """Whether it can fire in *stage*; a rule never leads to the stage itself."""
        return bool(self.mask >> stage & 1) and self.target != stage


def of_model(model: Model) -> tuple[Watch, ...]:
    """Return the rules and alerts of *model* as watches."""
    order = {stage.id: place for place, stage in enumerate(model.stages)}

    def mask(stages: tuple[str, ...]) -> int:
        return sum(1 << order[stage] for stage in stages)

    watched: list[tuple[Rule | Alert, int, int]] = [
        (rule, mask(rule.sources), order[rule.target]) for rule in model.transitions
    ]
    watched += [(alert, mask(alert.stages), -1) for alert in model.alerts]
    return tuple(
        Watch(index, one.id, one.trigger, stages, target)
        for index, (one, stages, target) in enumerate(watched)
    )


def fields(watch: Watch) -> tuple[Field, ...]:
    """Return the slots that the watch keeps in the state."""
    index, trigger = watch.index, watch.trigger
    if watch.is_immediate:
        return ()
    if trigger.hold is not None:
        held = (Field(f"h{index}", "value", -1),)
        return held if trigger.kind == "on" else (*held, Field(f"a{index}", "value", 0))
    if trigger.kind == "when":
        return (Field(f"a{index}", "value", 0),)
    return (Field(f"d{index}", "value", -1),)


@dataclass(frozen=True, slots=True)
class Decision:
    """How one watch that time can decide is asked, as statements for one stage function.

    Attributes:
        asking: Statements that decide it at `now`; the rules of a stage are asked again until none
            fires.
        settled: Statements for when the instant has settled: only then does a condition count as
            broken, so that what is false between two transitions of one instant breaks nothing.
        awaiting: Statements that lower `best` to the next instant at which to ask again.
        signals: Names of the signals on which the answer depends at once.
        since: Name of the signal a deadline counts from, where moving it only delays the deadline.
        renewed: The due instant if that signal is renewed at `now`.
        reads_traits: Whether the subject's traits matter.
        question: A condition that is false only where asking would change nothing; None where
            there is no such condition and it must be asked.
        sooner: Statements that lower `s.due` where the question is false.
    """

    watch: Watch
    asking: tuple[str, ...]
    awaiting: tuple[str, ...]
    settled: tuple[str, ...] = ()
    signals: frozenset[str] = frozenset()
    since: str | None = None
    renewed: str = ""
    reads_traits: bool = False
    question: str | None = None
    sooner: tuple[str, ...] = ()


class Decisions:
    """Writes the decisions of one model's watches."""

    def __init__(self, conditions: Conditions, source: Source) -> None:
        """Compile conditions through *conditions*; put constants into *source*."""
        self._conditions = conditions
        self._source = source
        self._signal_index = {place.signal.name: place.index for place in conditions.places}

    def of(self, watch: Watch) -> Decision:
        """Return how *watch* is decided; it must not be immediate."""
        if watch.trigger.kind == "on":
            return self._held_event(watch)
        if watch.trigger.hold is not None:
            return self._held(watch)
        return self._level(watch) if watch.trigger.kind == "when" else self._deadline(watch)

    def due(self, watch: Watch) -> str:
        """Return source of the instant at which an `after` or `at` falls due."""
        trigger = watch.trigger
        if trigger.at is not None:
            return self._conditions.date(trigger.at, trigger.offset)
        base = "s.entered_at"
        if trigger.since is not None:
            value = f"s.v{self._signal_index[trigger.since]}"
            base = f"({base} if {value} is None else {value})"
        return self._plus(base, trigger.after, f"_after{watch.index}")

    def hold_ends(self, watch: Watch) -> str:
        """Return source of the instant at which the hold of *watch* completes."""
        return self._plus(f"s.h{watch.index}", watch.trigger.hold, f"_hold{watch.index}")

    def _plus(self, base: str, duration: Duration | None, name: str) -> str:
        if duration is None or duration.is_fixed:
            return f"{base} + {duration.microseconds if duration else 0}"
        return f"_add({base}, {self._source.constant(name, duration)}, _zone)"

    def _level(self, watch: Watch) -> Decision:
        k = watch.index
        condition = self._conditions.at_any_time(watch.trigger.when)
        asking = [f"if not s.a{k} and {condition.source}:", *indent([*_fire(watch), f"s.a{k} = 1"])]
        rises = condition.rises_only
        changes = _sooner(condition.changes)
        return Decision(
            watch,
            tuple(asking),
            tuple(when(f"s.a{k}", changes) if rises and changes else changes),
            (f"if s.a{k} and not {condition.source}: s.a{k} = 0",),
            condition.signals,
            reads_traits=condition.reads_traits,
            question=f"{condition.source} or s.a{k}",
            sooner=() if rises else tuple(_sooner(condition.changes, "s.due")),
        )

    def _deadline(self, watch: Watch) -> Decision:
        k, due = watch.index, self.due(watch)
        condition = self._conditions.at_deadline(watch.trigger.when)
        asking = [
            f"d = {due}",
            f"if d <= now and s.d{k} != d:",
            f"    s.d{k} = d",
            *indent(when(condition.source, _fire(watch))),
        ]
        awaiting = [f"d = {due}", "if now < d < best: best = d"]
        if watch.trigger.at is None:
            renewed = self._plus("now", watch.trigger.after, f"_after{k}")
            since = watch.trigger.since
            return Decision(watch, tuple(asking), tuple(awaiting), since=since, renewed=renewed)
        dated = self._conditions.reads(watch.trigger.at)
        return Decision(watch, tuple(asking), tuple(awaiting), (), dated, reads_traits=True)

    def _held(self, watch: Watch) -> Decision:
        k = watch.index
        condition = self._conditions.at_any_time(watch.trigger.when)
        is_dated = watch.trigger.kind != "when"
        dated = [f"d = {self.due(watch)}"] if is_dated else []
        holding = f"d <= now and {condition.source}" if is_dated else condition.source
        asking = [
            *dated,
            f"if {holding}:",
            f"    if s.h{k} < 0: s.h{k} = now",
            f"    if not s.a{k} and {self.hold_ends(watch)} <= now:",
            f"        s.a{k} = 1",
            *indent(indent(_fire(watch))),
        ]
        settled = [
            f"if s.h{k} >= 0:",
            *indent(dated),
            f"    if not ({holding}): s.h{k} = -1; s.a{k} = 0",
        ]
        changes = _sooner(condition.changes)
        if condition.rises_only and changes:
            changes = when(f"s.h{k} >= 0", changes)
        awaiting = [*dated, "if now < d < best: best = d"] if is_dated else []
        awaiting += [
            f"if s.h{k} >= 0 and not s.a{k}:",
            f"    x = {self.hold_ends(watch)}",
            "    if now < x < best: best = x",
            *changes,
        ]
        based = {watch.trigger.since} if watch.trigger.since else set()
        if watch.trigger.at is not None:
            based |= self._conditions.reads(watch.trigger.at)
        return Decision(
            watch,
            tuple(asking),
            tuple(awaiting),
            tuple(settled),
            condition.signals | frozenset(based),
            reads_traits=is_dated or condition.reads_traits,
        )

    def _held_event(self, watch: Watch) -> Decision:
        k, ends = watch.index, self.hold_ends(watch)
        asking = [f"if s.h{k} >= 0 and {ends} <= now:", f"    s.h{k} = -1", *indent(_fire(watch))]
        awaiting = [f"if s.h{k} >= 0:", f"    x = {ends}", "    if now < x < best: best = x"]
        return Decision(watch, tuple(asking), tuple(awaiting))


def _fire(watch: Watch) -> list[str]:
    if watch.is_alert:
        return [f"_alert(s, {watch.index}, e, out)"]
    return [f"if _fire_by_time(s, {watch.index}, e, out): return True"]


def _sooner(changes: tuple[str, ...], lowest: str = "best") -> list[str]:
    return [
        line for change in changes for line in (f"x = {change}", f"if x < {lowest}: {lowest} = x")
    ]
