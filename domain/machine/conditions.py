"""Conditions and values of a model as Python that never raises.

A condition in error is not matched. One that cannot fail is pasted where it is asked; one that can
becomes a function that catches what the language may raise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from domain.cel.compiler import compile_expression
from domain.cel.syntax import Expression, Has, Ident, Select, walk
from domain.machine import flips, names
from domain.machine.signals import next_change

if TYPE_CHECKING:
    from collections.abc import Iterable

    from domain.cel.compiler import Compiled
    from domain.cel.syntax import Node
    from domain.cel.types import Environment
    from domain.durations import Duration
    from domain.machine.signals import Slot
    from domain.machine.source import Source
    from domain.model import Model

ALWAYS = "True"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition ready to be asked.

    Attributes:
        source: Python expression, True or False.
        reads: Name paths it reads, such as `signals.orders`.
        signals: Names of the signals among them.
        changes: Sources of the instants after `now` at which time alone may change it.
        rises_only: Time alone makes it false at most, never true.
    """

    source: str
    reads: tuple[str, ...] = ()
    signals: frozenset[str] = frozenset()
    changes: tuple[str, ...] = ()
    rises_only: bool = True

    @property
    def reads_traits(self) -> bool:
        """Whether the subject's traits matter to it."""
        return any(name.partition(".")[0] == "traits" for name in self.reads)


class Conditions:
    """Compiles the expressions of one model into *source*."""

    def __init__(self, model: Model, places: tuple[Slot, ...], source: Source) -> None:
        """Write into *source*; *places* are the model's signals in the state."""
        self.zone = ZoneInfo(model.timezone)
        self.places = places
        self.of_event = names.of_event()
        self.of_state = names.of_state(places)
        self.of_both = names.of_both(places)
        self._source = source
        self._windowed = {p.signal.name: p for p in places if p.is_windowed}
        self._counts = {name for name, p in self._windowed.items() if p.never_falls_by_event}

    def on_event(self, expression: Expression | None) -> Condition:
        """Return the condition of an `on` trigger: it may read the event, signals and traits."""
        return self._condition(expression, self.of_both, "s, e, p, now")

    def on_taking_in(self, expression: Expression | None) -> Condition:
        """Return the `where` of a signal: it may read the event and traits."""
        return self._condition(expression, self.of_event, "s, e, p, now")

    def at_deadline(self, expression: Expression | None) -> Condition:
        """Return a condition tested when a deadline falls: it may read `now` in any way."""
        return self._condition(expression, self.of_state, "s, now")

    def at_any_time(self, expression: Expression | None) -> Condition:
        """Return a level condition: with the instants at which time alone can change it."""
        asked = self.at_deadline(expression)
        if expression is None:
            return asked
        compared, _ = flips.thresholds(expression.root)
        shrinking = [place for name, place in self._windowed.items() if name in asked.signals]
        changes = [next_change(place) for place in shrinking]
        changes += [self._threshold(expression, node) for node in compared]
        rises = flips.rises_only(expression.root, self._windowed.keys(), self._counts)
        return Condition(asked.source, asked.reads, asked.signals, tuple(changes), rises)

    def value(self, expression: Expression) -> Compiled:
        """Return what a signal takes of an event; its source may raise `ERRORS`."""
        return compile_expression(expression, self.of_event)

    def date(self, expression: Expression, offset: Duration | None) -> str:
        """Return a call that yields the instant of an `at` trigger, NEVER where it has none."""
        compiled = compile_expression(expression, self.of_state)
        number = self._source.numbered("date")
        shifted = "x"
        if offset is not None:
            shifted = f"_add(x, {self._source.constant(f'_offset_of_{number}', offset)}, _zone)"
        body = ["try:", f"    x = {compiled.source}"]
        if compiled.type.kind == "timestamp":
            body += ["    if x is None: return NEVER"]
        else:
            body += ["    x = _instant(x, _zone)"]
        body += ["except _date_errors:", "    return NEVER"]
        body += [f"return {shifted} if x < NEVER else NEVER"]
        return self._source.function(number, "s, now", body) + "(s, now)"

    def reads(self, expression: Expression) -> frozenset[str]:
        """Return the names of the signals that *expression* reads."""
        return frozenset(
            name for part in walk(expression.root) if (name := flips.signal_name(part))
        )

    def _condition(
        self, expression: Expression | None, environment: Environment, parameters: str
    ) -> Condition:
        if expression is None:
            return Condition(ALWAYS)
        compiled = compile_expression(expression, environment)
        text = compiled.source
        if compiled.can_fail or str(compiled.type) != "bool":
            body = ["try:", f"    return ({text}) is True", "except _errors:", "    return False"]
            name = self._source.function(self._source.numbered("c"), parameters, body)
            text = f"{name}({parameters})"
        return Condition(text, compiled.reads, self.reads(expression))

    def _threshold(self, expression: Expression, node: Node) -> str:
        compiled = compile_expression(Expression(expression.source, node), self.of_state)
        is_known = compiled.type.kind == "timestamp"
        threshold = compiled.source if is_known else f"_micros({compiled.source})"
        body = ["try:", f"    return _flip({threshold}, now)"]
        body += ["except _errors:", "    return NEVER"]
        return self._source.function(self._source.numbered("flip"), "s, now", body) + "(s, now)"


def trait_names(expressions: Iterable[Expression]) -> frozenset[str] | None:
    """Return the traits that *expressions* read by name; None where one reads them as a whole."""
    found: set[str] = set()
    for expression in expressions:
        named = {
            id(node.operand): node.field
            for node in walk(expression.root)
            if isinstance(node, Select | Has)
        }
        for node in walk(expression.root):
            if isinstance(node, Ident) and node.name == "traits":
                if id(node) not in named:
                    return None
                found.add(named[id(node)])
    return frozenset(found)
