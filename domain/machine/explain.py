"""Why a subject is where it is: every rule that leaves its stage, clause by clause.

Written apart from the fold, because nobody explains a million times a second: each clause of each
condition becomes a function of its own, and says its value or why it has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from domain.cel.compiler import ERRORS, compile_expression
from domain.cel.errors import CelCheckError, CelError
from domain.cel.explain import clauses, reason
from domain.cel.parser import parse
from domain.machine import names, watches
from domain.machine.conditions import Conditions
from domain.machine.runtime import plain
from domain.machine.source import Source
from domain.machine.state import NEVER
from domain.machine.upcasting import Upcaster
from domain.machine.watches import Decisions, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from domain.events import Event
    from domain.machine.state import State
    from domain.model import Model, TriggerKind


@dataclass(frozen=True, slots=True)
class ClauseValue:
    """One operand of a condition's `&&` or `||` and what it came to.

    Attributes:
        value: JSON; None where there is an error (or null).
        error: Why it has no value; None where it has one.
        reads: The names in it and their values, those without a value left out.
    """

    source: str
    value: object
    error: str | None
    reads: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RuleExplanation:
    """One rule or alert that watches the current stage.

    Attributes:
        to: Stage it leads to; None for an alert.
        on: Event types of an `on` trigger.
        matched: Whether its trigger is met at the instant asked: for `on`, by the event given; for
            a deadline, whether it has fallen due; and its condition holds.
        due_at: When a deadline falls or fell due; None where there is none.
        holds_since: Since when a condition with `for` has held; None where it does not hold.
        changes_at: Next instant at which time alone may change the answer; None where none can.
    """

    rule: str
    to: str | None
    kind: TriggerKind
    on: tuple[str, ...]
    matched: bool
    clauses: tuple[ClauseValue, ...]
    due_at: int | None
    holds_since: int | None
    changes_at: int | None


@dataclass(frozen=True, slots=True)
class _Clause:
    source: str
    value: tuple[str, str]
    reads: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class _Explained:
    watch: Watch
    clauses: tuple[_Clause, ...]
    condition: str
    due: str | None
    awaiting: str | None


class Explainer:
    """Explains the states of one model."""

    def __init__(self, model: Model, namespace: dict[str, Any]) -> None:
        """Compile every clause of *model*; *namespace* is what generated code may call."""
        self._model = model
        self._source = Source(namespace)
        self._upcaster = Upcaster(model, self._source)
        self._conditions = Conditions(model, names.slots(model), self._source)
        self._decisions = Decisions(self._conditions, self._source)
        self._explained = tuple(self._explain(watch) for watch in watches.of_model(model))
        self._functions = self._source.run()
        self._upcaster.bind(self._functions)

    def explain(self, state: State, now: int, event: Event | None) -> tuple[RuleExplanation, ...]:
        """Return every rule and alert that watches the stage of *state*, in document order."""
        return tuple(
            self._told(explained, state, now, event)
            for explained in self._explained
            if state.stage >= 0 and explained.watch.watches(state.stage)
        )

    def _explain(self, watch: Watch) -> _Explained:
        trigger = watch.trigger
        immediate = trigger.kind == "on"
        environment = self._conditions.of_both if immediate else self._conditions.of_state
        found = () if trigger.when is None else clauses(trigger.when)
        ask = self._conditions.on_event if immediate else self._conditions.at_deadline
        due = self._function("due", self._decisions.due(watch)) if _is_dated(watch) else None
        return _Explained(
            watch=watch,
            clauses=tuple(self._clause(clause.source, environment) for clause in found),
            condition=self._function("condition", ask(trigger.when).source),
            due=due,
            awaiting=None if watch.is_immediate else self._awaiting(watch),
        )

    def _awaiting(self, watch: Watch) -> str:
        body = ["best = NEVER", *self._decisions.of(watch).awaiting, "return best"]
        return self._source.function(self._source.numbered("awaiting"), "s, now", body)

    def _clause(self, text: str, environment: Any) -> _Clause:  # noqa: ANN401 - an Environment, which is a Mapping alias
        compiled = compile_expression(parse(text), environment)
        value = (self._function("clause", compiled.source), compiled.type.kind)
        reads = []
        for name in compiled.reads:
            try:
                read = compile_expression(parse(name), environment)
            except CelCheckError:
                continue
            reads.append((name, self._function("read", read.source), str(read.type.kind)))
        return _Clause(text, value, tuple(reads))

    def _function(self, prefix: str, source: str) -> str:
        name = self._source.numbered(prefix)
        return self._source.function(name, "s, e, p, now", [f"return {source}"])

    def _told(
        self, explained: _Explained, state: State, now: int, event: Event | None
    ) -> RuleExplanation:
        watch, run = explained.watch, self._functions
        arguments = (
            (state, _NO_EVENT, {}, now)
            if event is None
            else (state, event, self._upcaster.view(event), now)
        )
        due = run[explained.due](*arguments) if explained.due else NEVER
        waits = run[explained.awaiting](state, now) if explained.awaiting else NEVER
        since = getattr(state, f"h{watch.index}", -1)
        return RuleExplanation(
            rule=watch.id,
            to=None if watch.is_alert else self._model.stages[watch.target].id,
            kind=watch.trigger.kind,
            on=watch.trigger.types,
            matched=self._is_met(watch, due, now, event) and run[explained.condition](*arguments),
            clauses=tuple(_evaluated(clause, run, arguments) for clause in explained.clauses),
            due_at=None if due >= NEVER else due,
            holds_since=None if since < 0 else since,
            changes_at=None if waits >= NEVER else waits,
        )

    def _is_met(self, watch: Watch, due: int, now: int, event: Event | None) -> bool:
        if watch.trigger.kind == "on":
            if event is None:
                return False
            name = self._model.events.get(event.type, event.type)
            types = watch.trigger.types
            return name in types or ("*" in types and not name.startswith("$"))
        return watch.trigger.kind == "when" or due <= now


class _NoEvent:
    """Stands for the event where there is none: whatever is read of it is an error."""

    def __getattr__(self, name: str) -> object:
        message = f"event.{name} has no value: no event is at hand"
        raise CelError(message)


_NO_EVENT = _NoEvent()


def _is_dated(watch: Watch) -> bool:
    return watch.trigger.kind in ("after", "at")


def _evaluated(
    clause: _Clause, run: Mapping[str, Callable[..., object]], arguments: tuple[object, ...]
) -> ClauseValue:
    reads: dict[str, object] = {}
    for name, function, kind in clause.reads:
        try:
            reads[name] = plain(run[function](*arguments), kind)
        except ERRORS:
            continue
    function, kind = clause.value
    try:
        return ClauseValue(clause.source, plain(run[function](*arguments), kind), None, reads)
    except ERRORS as error:
        return ClauseValue(clause.source, None, reason(error), reads)
