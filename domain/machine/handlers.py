"""What each type of event does to a state, as one generated function per type.

In order: the first event enters the initial stage; signals take the event in; alerts on the event
are decided; the first matching `on` transition is made; then conditions are settled, but only in
stages where something the event touched is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from domain.events import GROUP, IDENTIFY, STAGE_SET, identifies
from domain.machine import signals
from domain.machine.source import indent, when
from domain.machine.upcasting import VIEW
from domain.model import ANY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.machine.conditions import Conditions
    from domain.machine.signals import Slot
    from domain.machine.source import Source
    from domain.machine.watches import Decision, Decisions, Watch
    from domain.model import Model

BEHAVIOUR = "*"
"""Name of the handler of behaviour events that the model does not name."""

CONTROL = "$"
"""Name of the handler of `$…` events that the model does not name."""

_SETTLED = "return settle(s, now, e, out)"
_NUMERIC = frozenset({"sum", "avg", "min", "max"})


@dataclass(slots=True)  # filled while one handler is written, then thrown away
class _Handler:
    type: str
    identifies: bool = False
    touched: set[str] = field(default_factory=set)
    reads_properties: bool = False
    passes_properties: bool = False
    body: list[str] = field(default_factory=list)


class Handlers:
    """Writes the handlers of one model."""

    def __init__(
        self,
        model: Model,
        conditions: Conditions,
        decisions: Decisions,
        watches: tuple[Watch, ...],
    ) -> None:
        """Prepare to decide *watches*, those that time can decide through *decisions*."""
        self._model = model
        self._conditions = conditions
        self._watches = watches
        self._ends = decisions.hold_ends
        self._is_of_accounts = model.subject == "account"
        self._properties = f"{VIEW}(e)" if model.upcasts else "e.properties"
        self._timed = tuple(decisions.of(w) for w in watches if not w.is_immediate)
        self.reading: set[str] = set()
        """Canonical types whose handlers, once written, read properties."""

    def write(self, source: Source) -> dict[str, str]:
        """Write a handler per type the model names, and return their names by canonical type."""
        named = {BEHAVIOUR, CONTROL, IDENTIFY, STAGE_SET}
        named |= {name for signal in self._model.signals for name in signal.types}
        named |= {name for watch in self._watches for name in watch.trigger.types}
        written: dict[str, str] = {}
        if self._is_of_accounts:
            named.add(GROUP)
        for index, name in enumerate(sorted(named)):
            handler = _Handler(name, identifies(name, of_account=self._is_of_accounts))
            self._write_body(handler)
            if _reads_properties(handler):
                self.reading.add(name)
            body = [*_opening(handler, self._properties), *handler.body]
            written[name] = source.function(f"on{index}", "s, e, now, out", body)
        return written

    def _write_body(self, handler: _Handler) -> None:
        for place in self._conditions.places:
            if _concerns(handler.type, place.signal.types):
                self._take_in(handler, place)
        entry = len(handler.body)
        self._raise_alerts(handler)
        self._begin_holds(handler)
        self._decide_early(handler)
        if handler.type == STAGE_SET:
            handler.body += ["s.at = now", "if _manual(s, p, e, out):", f"    {_SETTLED}"]
        self._decide_by_stage(handler)
        if len(handler.body) > entry:
            handler.body.insert(entry, "g = s.stage")

    def _take_in(self, handler: _Handler, place: Slot) -> None:
        signal = place.signal
        handler.touched.add(signal.name)
        where = self._conditions.on_taking_in(signal.where)
        _note_reading(handler, where.reads, where.source)
        value = None
        if signal.value is not None:
            compiled = self._conditions.value(signal.value)
            _note_reading(handler, compiled.reads, compiled.source)
            value = compiled.source
            if signal.kind in _NUMERIC:
                value = f"_number({value})"
            elif signal.kind == "latest":
                value = f"_plain({value}, {str(compiled.type)!r})"
        elif signal.by_customer:
            value = "e.customer_id"
        lines = when(where.source, signals.taking_in(place, value))
        if value is not None:
            lines = ["try:", *indent(lines), "except _errors:", "    pass"]
        handler.body += lines

    def _raise_alerts(self, handler: _Handler) -> None:
        for watch in self._on(handler, alerts=True):
            if watch.is_immediate:
                raising = ["s.at = now", f"_alert(s, {watch.index}, e, out)"]
                asked = when(self._condition(handler, watch), raising)
                handler.body += when(f"{watch.mask} >> g & 1", asked)

    def _begin_holds(self, handler: _Handler) -> None:
        for watch in (*self._on(handler, alerts=True), *self._on(handler, alerts=False)):
            if watch.is_immediate:
                continue
            k = watch.index
            begun = [f"s.h{k} = now", f"x = {self._ends(watch)}", "if x < s.due: s.due = x"]
            condition = self._condition(handler, watch)
            lines = when(condition, [f"if s.h{k} < 0:", *indent(begun)])
            if condition != "True":
                lines.append(f"else: s.h{k} = -1")
            handler.body += when(f"{watch.mask} >> g & 1", lines)

    def _decide_early(self, handler: _Handler) -> None:
        needed = 0
        for decision in self._affected(handler):
            if decision.watch.is_alert and decision.watch.trigger.kind in ("after", "at"):
                needed |= decision.watch.mask
        if needed:
            early = ["s.at = now", "early(s, now, e, out)"]
            handler.body += when(f"{needed} >> g & 1", early)

    def _decide_by_stage(self, handler: _Handler) -> None:
        rules = [watch for watch in self._on(handler, alerts=False) if watch.is_immediate]
        condition_of = {watch.index: self._condition(handler, watch) for watch in rules}
        affected = self._affected(handler)
        word = "if"
        for stage in range(len(self._model.stages)):
            chosen = [watch for watch in rules if watch.watches(stage)]
            lines = _first_of(chosen, condition_of)
            lines += _delayed(stage, handler, self._timed)
            lines += _questions([one for one in affected if one.watch.watches(stage)])
            if lines:
                handler.body += [f"{word} g == {stage}:", *indent(lines)]
                word = "elif"

    def _affected(self, handler: _Handler) -> list[Decision]:
        """Return the decisions whose answer the event may change at once."""
        return [
            decision
            for decision in self._timed
            if decision.signals & handler.touched or (handler.identifies and decision.reads_traits)
        ]

    def _on(self, handler: _Handler, *, alerts: bool) -> list[Watch]:
        return [
            watch
            for watch in self._watches
            if watch.trigger.kind == "on"
            and watch.is_alert == alerts
            and _concerns(handler.type, watch.trigger.types)
        ]

    def _condition(self, handler: _Handler, watch: Watch) -> str:
        condition = self._conditions.on_event(watch.trigger.when)
        _note_reading(handler, condition.reads, condition.source)
        return condition.source


def _concerns(name: str, types: tuple[str, ...]) -> bool:
    return name in types or (ANY in types and not name.startswith("$"))


def _note_reading(handler: _Handler, reads: tuple[str, ...], source: str) -> None:
    if any(name.partition(".")[0] == "properties" for name in reads):
        handler.reads_properties = True
    if "p" in source:
        handler.passes_properties = True


def _reads_properties(handler: _Handler) -> bool:
    return handler.reads_properties or handler.identifies or handler.type == STAGE_SET


def _opening(handler: _Handler, properties: str) -> list[str]:
    if handler.type == IDENTIFY:
        return ["p = e.properties", "_identify(s, p)"]
    if handler.identifies:
        return [f"p = {properties}", "_join(s, e.properties)"]
    if _reads_properties(handler):
        return [f"p = {properties}"]
    return ["p = None"] if handler.passes_properties else []


def _first_of(chosen: list[Watch], condition_of: Mapping[int, str]) -> list[str]:
    """Return statements that make the first transition whose condition holds, and settle."""
    lines: list[str] = []
    for watch in chosen:
        fire = ["s.at = now", f"if _fire(s, {watch.index}, e, out):", f"    {_SETTLED}"]
        condition = condition_of[watch.index]
        if condition == "True":
            return [*lines, "else:", *indent(fire)] if lines else fire
        lines += [f"{'elif' if lines else 'if'} {condition}:", *indent(fire)]
    return lines


def _delayed(stage: int, handler: _Handler, timed: tuple[Decision, ...]) -> list[str]:
    """Return statements for deadlines that count from what the event has just renewed."""
    return [
        line
        for decision in timed
        if decision.since in handler.touched and decision.watch.watches(stage)
        for line in (f"x = {decision.renewed}", "if x < s.due: s.due = x")
    ]


def _questions(affected: list[Decision]) -> list[str]:
    """Return statements that settle if any of *affected* may now be answered otherwise."""
    if not affected:
        return []
    settle = ["s.at = now", _SETTLED]
    if any(decision.question is None for decision in affected):
        return settle
    question = " or ".join(dict.fromkeys(str(decision.question) for decision in affected))
    sooner = [line for decision in affected for line in decision.sooner]
    return [*when(question, settle), *sooner]
