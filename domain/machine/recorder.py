"""How transitions, suppressed transitions and alerts are recorded, whatever made them happen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from domain.events import GROUP, traits_in
from domain.transitions import ACTIVATION_RULE, INITIAL_RULE, MANUAL_RULE, Cause, Transition

if TYPE_CHECKING:
    from domain.events import Event
    from domain.machine.start import Start
    from domain.machine.state import State
    from domain.machine.watches import Watch
    from domain.transitions import CauseKind

Records = list[Transition]
Evidence = Callable[[Any, Any], Mapping[str, object]]
"""Of a state and the event being stepped or None: the names a rule read, and their values."""


@dataclass(slots=True)  # `enter` comes from the generated text, which in turn calls the recorder
class Recorder:
    """Changes a state's stage and writes down why.

    Attributes:
        initial: Order of the stage a subject's first event enters.
        evidence: Per watch, what it read.
        traits: Traits the model reads by name; None for all.
        is_of_accounts: Whether the model is about accounts, which have traits of their own.
        enter: Generated: sets the stage and renews what its scope or stage ends.
    """

    key: str
    stages: tuple[str, ...]
    initial: int
    is_forward_only: bool
    watches: tuple[Watch, ...]
    evidence: tuple[Evidence, ...]
    traits: frozenset[str] | None
    is_of_accounts: bool
    enter: Callable[[Any, int, int], None]

    def begin(self, s: State, e: Event, out: Records) -> None:
        """Enter the initial stage."""
        cause = Cause("event", INITIAL_RULE, e.event_id, {})
        self._change(s, self.initial, cause, e.position, out)

    def start(self, s: State, start: Start, out: Records) -> None:
        """Enter the stage in which a version activated from now on starts."""
        stage = start.stage
        self.enter(s, self.stages.index(stage) if stage in self.stages else self.initial, s.at)
        s.entered_at = min(start.entered_at, s.at)
        s.sequence, s.cycle = start.sequence + 1, start.cycle
        out.append(
            Transition(
                kind="transition",
                sequence=s.sequence,
                from_stage=start.source,
                to_stage=self.stages[s.stage],
                direction="none",
                steps=0,
                effective_at=s.at,
                cause=Cause("model", ACTIVATION_RULE, None, {}),
                time_in_previous=None if start.source is None else s.at - s.entered_at,
                cycle=s.cycle,
                position=s.last_position,
            )
        )

    def fire(self, s: State, index: int, e: Event, out: Records) -> bool:
        """Make the transition of an `on` rule; return whether it was made, not suppressed."""
        return self._by_rule(s, index, "event", e, out)

    def fire_by_time(self, s: State, index: int, e: Event | None, out: Records) -> bool:
        """Make the transition of a rule that a condition or a deadline fires.

        Whenever an instant is settled, a stage is entered at most once in this way, so that the
        fold ends.
        """
        bit = 1 << self.watches[index].target
        if s.barred & bit:
            return False
        trigger = self.watches[index].trigger
        level = trigger.kind == "when" and trigger.hold is None
        kind: CauseKind = "condition" if level else "deadline"
        if not self._by_rule(s, index, kind, e, out):
            return False
        s.barred |= bit
        return True

    def alert(self, s: State, index: int, e: Event | None, out: Records) -> None:
        """Raise an alert."""
        trigger = self.watches[index].trigger
        kind: CauseKind = "deadline"
        if trigger.hold is None and trigger.kind in ("on", "when"):
            kind = "event" if trigger.kind == "on" else "condition"
        stage = self.stages[s.stage]
        out.append(
            Transition(
                kind="alert",
                sequence=s.sequence,
                from_stage=stage,
                to_stage=stage,
                direction="none",
                steps=0,
                effective_at=s.at,
                cause=self._cause(s, index, kind, e),
                time_in_previous=s.at - s.entered_at,
                cycle=s.cycle,
                position=s.last_position if e is None else e.position,
            )
        )

    def manual(self, s: State, p: Mapping[str, Any], e: Event, out: Records) -> bool:
        """Obey a `$stage.set` event that names this model and another of its stages."""
        target = p.get("stage")
        if p.get("model") != self.key or target not in self.stages:
            return False
        to = self.stages.index(target)
        if to == s.stage:
            return False
        evidence = {name: p[name] for name in ("reason", "actor") if p.get(name) is not None}
        cause = Cause("manual", MANUAL_RULE, e.event_id, evidence)
        return self._change(s, to, cause, e.position, out)

    def identify(self, s: State, p: Mapping[str, Any]) -> None:
        """Merge the traits that an `$identify` sets; null removes one."""
        self._merge(s, traits_in(p, of_account=self.is_of_accounts))

    def join(self, s: State, p: Mapping[str, Any]) -> None:
        """Merge the traits of an account that a `group` sets; null removes one."""
        self._merge(s, traits_in(p, of_account=True, event_type=GROUP))

    def _merge(self, s: State, traits: Mapping[str, Any]) -> None:
        for name, value in traits.items():
            if self.traits is not None and name not in self.traits:
                continue
            if value is None:
                s.traits.pop(name, None)
            else:
                s.traits[name] = value

    def _by_rule(
        self, s: State, index: int, kind: CauseKind, e: Event | None, out: Records
    ) -> bool:
        cause = self._cause(s, index, kind, e)
        position = s.last_position if e is None else e.position
        return self._change(s, self.watches[index].target, cause, position, out)

    def _cause(self, s: State, index: int, kind: CauseKind, e: Event | None) -> Cause:
        event_id = None if e is None else e.event_id
        return Cause(kind, self.watches[index].id, event_id, self.evidence[index](s, e))

    def _change(self, s: State, to: int, cause: Cause, position: int, out: Records) -> bool:
        """Record the transition to *to*, and make it unless the model only goes forward."""
        now, begins, steps = s.at, s.stage < 0, to - s.stage
        suppressed = self.is_forward_only and steps < 0
        source = None if begins else self.stages[s.stage]
        time_in_previous = None if begins else now - s.entered_at
        if not suppressed:
            s.sequence += 1
            self.enter(s, to, now)
        out.append(
            Transition(
                kind="suppressed" if suppressed else "transition",
                sequence=s.sequence,
                from_stage=source,
                to_stage=self.stages[to],
                direction="none" if begins else "forward" if steps > 0 else "backward",
                steps=0 if begins else steps,
                effective_at=now,
                cause=cause,
                time_in_previous=time_in_previous,
                cycle=s.cycle,
                position=position,
            )
        )
        return not suppressed
