"""What each type of event does to a state, as one generated function per type.

In order: the first event enters the initial stage; signals take the event in; alerts on the event
are decided; the first matching `on` transition is made; then conditions are settled, but only in
stages where something the event touched is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from domain.events import IDENTIFY, STAGE_SET
from domain.machine import signals
from domain.machine.source import indent, when
from domain.model import ANY

if TYPE_CHECKING:
    from domain.machine.conditions import Conditions
    from domain.machine.signals import Slot
    from domain.machine.source import Source
    from domain.machine.watches import Decision, Decisions, Watch
    from domain.model import Model

BEHAVIOUR = "*"
"""Name of the handler of behaviour events that the model does not name."""

CONTROL = "$"
"""Name of the handler of `$…` events that the model does not name."""

_PARAMETERS = "s, e, now, out"
_NUMERIC = frozenset({"sum", "avg", "min", "max"})


@dataclass(slots=True)  # noqa: RUF100 - filled while one handler is written, then thrown away
class _Handler:
    type: str
    touched: set[str] = field(default_factory=set)
    reads_properties: bool = False
    needs_properties_argument: bool = False
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
        """Prepare the decisions that events may call for."""
        self._model = model
        self._conditions = conditions
        self._decisions = decisions
        self._watches = watches
        self._timed: tuple[Decision, ...] = ()

    def write(self, source: Source, timed: tuple[Decision, ...]) -> dict[str, str]:
        """Write a handler per type the model names, and return their names by canonical type."""
        self._timed = timed
        named = {BEHAVIOUR, CONTROL, IDENTIFY, STAGE_SET}
        named |= {name for signal in self._model.signals for name in signal.types}
        named |= {name for watch in self._watches for name in watch.trigger.types}
        written: dict[str, str] = {}
        for index, name in enumerate(sorted(named)):
            body = self._body(_Handler(name))
            written[name] = source.function(f"on{index}", _PARAMETERS, body)
        return written

    def _body(self, handler: _Handler) -> list[str]:
        for place in self._conditions.places:
            if _concerns(handler.type, place.signal.types):
                self._take_in(handler, place)
        handler.body.append("g = s.stage")
        self._alerts(handler)
        self._holds(handler)
        self._early(handler)
        self._transitions(handler)
        self._deadlines_moved(handler)
        needed = self._stages_needing(handler, alerts_only=False)
        settle = f"moved or {needed} >> g & 1" if needed else "moved"
        first = ["moved = s.stage < 0", "if moved: _begin(s, e, out)"]
        return [
            *first,
            *self._opening(handler),
            *handler.body,
            *when(settle, ["settle(s, now, e, out)"]),
        ]

    def _opening(self, handler: _Handler) -> list[str]:
        lines = []
        if handler.reads_properties or handler.type in (IDENTIFY, STAGE_SET):
            lines.append("p = e.properties")
        elif handler.needs_properties_argument:
            lines.append("p = None")
        if handler.type == IDENTIFY:
            lines.append("_identify(s, p)")
        return lines

    def _take_in(self, handler: _Handler, place: Slot) -> None:
        signal = place.signal
        handler.touched.add(signal.name)
        where = self._conditions.on_taking_in(signal.where)
        self._note_reading(handler, where.reads, where.source)
        value = None
        if signal.value is not None:
            compiled = self._conditions.value(signal.value)
            self._note_reading(handler, compiled.reads, compiled.source)
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

    def _alerts(self, handler: _Handler) -> None:
        for watch in self._on(handler, alerts=True):
            if watch.is_immediate:
                raising = [f"_alert(s, {watch.index}, e, out)"]
                asked = when(self._asked(handler, watch), raising)
                handler.body += when(f"{watch.mask} >> g & 1", asked)

    def _holds(self, handler: _Handler) -> None:
        for watch in (*self._on(handler, alerts=True), *self._on(handler, alerts=False)):
            if watch.is_immediate:
                continue
            k = watch.index
            begin = [f"if s.h{k} < 0: s.h{k} = now; moved = True"]
            asked = self._asked(handler, watch)
            lines = when(asked, begin)
            if len(lines) > 1:
                lines += [f"else: s.h{k} = -1"]
            handler.body += when(f"{watch.mask} >> g & 1", lines)

    def _early(self, handler: _Handler) -> None:
        needed = self._stages_needing(handler, alerts_only=True)
        if needed:
            handler.body.append(f"if {needed} >> g & 1: early(s, now, e, out)")

    def _transitions(self, handler: _Handler) -> None:
        rules = [watch for watch in self._on(handler, alerts=False) if watch.is_immediate]
        if handler.type == STAGE_SET:
            handler.body.append("if _manual(s, p, e, out): moved = True")
        asked = {watch.index: self._asked(handler, watch) for watch in rules}
        word = "elif" if handler.type == STAGE_SET else "if"
        for stage in range(len(self._model.stages)):
            chosen = [watch for watch in rules if watch.watches(stage)]
            if chosen:
                handler.body.append(f"{word} g == {stage}:")
                handler.body += indent(_first_of(chosen, asked))
                word = "elif"

    def _deadlines_moved(self, handler: _Handler) -> None:
        for decision in self._timed:
            if decision.since in handler.touched:
                due = self._decisions.due(decision.watch)
                sooner = [f"x = {due}", "if x < s.due: s.due = x"]
                handler.body += when(f"{decision.watch.mask} >> s.stage & 1", sooner)

    def _stages_needing(self, handler: _Handler, *, alerts_only: bool) -> int:
        needed = 0
        for decision in self._timed:
            read = bool(decision.signals & handler.touched)
            read = read or (handler.type == IDENTIFY and decision.reads_traits)
            dated = decision.watch.is_alert and decision.watch.trigger.kind in ("after", "at")
            if read and (dated or not alerts_only):
                needed |= decision.watch.mask
        return needed

    def _on(self, handler: _Handler, *, alerts: bool) -> list[Watch]:
        return [
            watch
            for watch in self._watches
            if watch.trigger.kind == "on"
            and watch.is_alert == alerts
            and _concerns(handler.type, watch.trigger.types)
        ]

    def _asked(self, handler: _Handler, watch: Watch) -> str:
        condition = self._conditions.on_event(watch.trigger.when)
        self._note_reading(handler, condition.reads, condition.source)
        return condition.source

    @staticmethod
    def _note_reading(handler: _Handler, reads: tuple[str, ...], source: str) -> None:
        if any(name.partition(".")[0] == "properties" for name in reads):
            handler.reads_properties = True
        if "p" in source:
            handler.needs_properties_argument = True


def _concerns(name: str, types: tuple[str, ...]) -> bool:
    return name in types or (ANY in types and not name.startswith("$"))


def _first_of(chosen: list[Watch], asked: dict[int, str]) -> list[str]:
    lines: list[str] = []
    for watch in chosen:
        fire = f"moved = _fire(s, {watch.index}, e, out) or moved"
        condition = asked[watch.index]
        if condition == "True":
            return [*lines, "else:", f"    {fire}"] if lines else [fire]
        lines += [f"{'elif' if lines else 'if'} {condition}:", f"    {fire}"]
    return lines
