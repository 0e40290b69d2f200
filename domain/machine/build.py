"""From a model to running functions: the text is written once, when the model is loaded."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from domain.cel.compiler import ERRORS, GLOBALS
from domain.durations import add
from domain.machine import evidence, names, runtime, signals, watches
from domain.machine.conditions import Conditions, trait_names
from domain.machine.handlers import BEHAVIOUR, CONTROL, Handlers
from domain.machine.needs import Needs, needs_of
from domain.machine.recorder import Recorder
from domain.machine.source import Source, indent
from domain.machine.state import NEVER, Field, State
from domain.machine.upcasting import Upcaster
from domain.machine.watches import Decision, Decisions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from domain.events import Event
    from domain.machine.recorder import Records
    from domain.machine.signals import Slot
    from domain.machine.start import Start
    from domain.model import Model


@dataclass(frozen=True, slots=True)
class Program:
    """The functions a model was compiled to.

    Attributes:
        handlers: By event type as sent, other names included.
        behaviour, control: For behaviour events and `$…` events that the model does not name.
        begin: Enters the initial stage.
        start: Enters the stage in which a version activated from now on starts.
        renew_stage: Empties the signals whose scope is the stage.
        settle: Decides everything that may fire at an instant.
        due: Per stage: the next instant at which time alone may change anything.
        read: Per signal: its value at an instant.
        upcaster: Reads the properties of events.
        personas: Whether a subject answers to each persona.
        steady: The next instant at which time alone changes the value of a signal.
        text: The generated source.
        needs: What it looks at in an event.
    """

    state_class: type[State]
    fields: tuple[Field, ...]
    handlers: Mapping[str, Callable[[Any, Event, int, Records], None]]
    behaviour: Callable[[Any, Event, int, Records], None]
    control: Callable[[Any, Event, int, Records], None]
    begin: Callable[[Any, Event, Records], None]
    start: Callable[[Any, Start, Records], None]
    renew_stage: Callable[[Any], None]
    settle: Callable[[Any, int, Event | None, Records], None]
    due: tuple[Callable[[Any, int], int], ...]
    read: Mapping[str, tuple[Callable[[Any, int], object], str]]
    personas: tuple[tuple[str, Callable[[Any, int], bool]], ...]
    steady: Callable[[Any, int], int]
    new: Callable[[], Any]
    copy: Callable[[Any], Any]
    upcaster: Upcaster
    text: str
    needs: Needs


def build(model: Model, *, is_mute: bool = False) -> Program:
    """Return the program of *model*; a mute one keeps its signals and makes no transition.

    Raises:
        CelCheckError: A condition names what does not exist, or its types do not fit.
    """
    return _Builder(model, is_mute=is_mute).program()


class _Builder:
    def __init__(self, model: Model, *, is_mute: bool) -> None:
        self.model = model
        self.is_mute = is_mute
        self.places = names.slots(model)
        self.watches = () if is_mute else watches.of_model(model)
        self.source = Source(namespace(model))
        self.upcaster = Upcaster(model, self.source)
        self.conditions = Conditions(model, self.places, self.source)
        self.decisions = Decisions(self.conditions, self.source)
        self.fields = tuple(_fields(self.places, self.watches))

    def program(self) -> Program:
        timed = tuple(self.decisions.of(w) for w in self.watches if not w.is_immediate)
        reading = self._write_readings()
        personas = self._write_personas()
        steady = self._write_steady()
        found = tuple(self._evidence_readers(watch) for watch in self.watches)
        handlers = Handlers(self.model, self.conditions, self.decisions, self.watches)
        written = handlers.write(self.source)
        stages = range(len(self.model.stages))
        self.source.table("dues", [self._write_due(stage, timed) for stage in stages])
        self._write_settle(timed)
        self._write_enter()
        state_class = _state_class(self.model, self.fields)
        new, copy = self._write_new(state_class), self._write_copy()
        recorder = self._recorder()
        self.source.names |= {
            "_fire": recorder.fire,
            "_fire_by_time": recorder.fire_by_time,
            "_alert": recorder.alert,
            "_manual": _refuse if self.is_mute else recorder.manual,
            "_identify": recorder.identify,
            "_join": recorder.join,
        }
        run = self.source.run()
        self.upcaster.bind(run)
        recorder.enter = run["enter"]
        recorder.evidence = tuple(evidence.of_trigger(readers, run) for readers in found)
        run_by_type = {name: run[function] for name, function in written.items()}
        return Program(
            state_class=state_class,
            fields=self.fields,
            handlers=_by_sent_name(self.model, run_by_type),
            behaviour=run_by_type[BEHAVIOUR],
            control=run_by_type[CONTROL],
            begin=recorder.begin,
            start=recorder.start,
            renew_stage=run["renew_stage"],
            settle=run["settle"],
            due=run["dues"],
            read={name: (run[function], kind) for name, function, kind in reading},
            personas=tuple((name, run[function]) for name, function in personas),
            steady=run[steady],
            new=run[new],
            copy=run[copy],
            upcaster=self.upcaster,
            text=self.source.text,
            needs=self._needs(handlers.reading, run_by_type),
        )

    def _needs(self, reading: Iterable[str], run_by_type: Mapping[str, Any]) -> Needs:
        """Return what handlers look at, of which those of the types *reading* read properties."""
        return needs_of(
            [run_by_type[name] for name in reading],
            _by_sent_name(self.model, run_by_type),
            (run_by_type[BEHAVIOUR], run_by_type[CONTROL]),
            self.source.text,
        )

    def _recorder(self) -> Recorder:
        stages = tuple(stage.id for stage in self.model.stages)
        return Recorder(
            key=self.model.key,
            stages=stages,
            initial=stages.index(self.model.initial),
            is_forward_only=self.model.direction == "forward_only",
            watches=self.watches,
            evidence=(),
            traits=_traits_read(self.model),
            is_of_accounts=self.model.subject == "account",
            enter=_not_built,
        )

    def _evidence_readers(self, watch: watches.Watch) -> tuple[evidence.Reader, ...]:
        immediate = watch.is_immediate
        environment = self.conditions.of_both if immediate else self.conditions.of_state
        if watch.trigger.kind == "on" and not immediate:
            return ()
        return evidence.readers(watch.trigger, environment, self.source)

    def _write_readings(self) -> list[tuple[str, str, str]]:
        written: list[tuple[str, str, str]] = []
        for place in self.places:
            binding = signals.binding(place)
            function = self.source.function(
                f"signal{place.index}", "s, now", [f"return {binding.source}"]
            )
            written.append((place.signal.name, function, str(binding.type.kind)))
            if place.signal.within is not None and not place.signal.within.is_fixed:
                self.source.constant(f"_within{place.index}", place.signal.within)
        return written

    def _write_personas(self) -> list[tuple[str, str]]:
        written = []
        for index, persona in enumerate(self.model.personas):
            condition = self.conditions.at_deadline(persona.when)
            body = [f"return {condition.source}"]
            written.append((persona.id, self.source.function(f"persona{index}", "s, now", body)))
        return written

    def _write_steady(self) -> str:
        changes = [signals.next_change(place) for place in self.places if place.is_windowed]
        return self.source.function(
            "steady", "s, now", [f"return min({', '.join(['NEVER', 'NEVER', *changes])})"]
        )

    def _write_due(self, stage: int, timed: tuple[Decision, ...]) -> str:
        awaiting = [
            line
            for decision in timed
            if decision.watch.watches(stage)
            for line in decision.awaiting
        ]
        body = ["best = NEVER", *awaiting, "return best"] if awaiting else ["return NEVER"]
        return self.source.function(f"due{stage}", "s, now", body)

    def _write_settle(self, timed: tuple[Decision, ...]) -> None:
        rules = [decision for decision in timed if not decision.watch.is_alert]
        alerts = [decision for decision in timed if decision.watch.is_alert]
        dated = [decision for decision in alerts if decision.watch.trigger.kind != "when"]
        level = [decision for decision in alerts if decision.watch.trigger.kind == "when"]
        tables = [
            self._by_stage("rule", rules, _asking),
            self._by_stage("dated", dated, _asking),
            self._by_stage("level", level, _asking),
            self._by_stage("settled", timed, _settled),
        ]
        body = [
            "s.barred = 0",
            *(["early(s, now, e, out)"] if dated else []),
            f"while {tables[0]}[s.stage](s, now, e, out): pass",
            *(["early(s, now, e, out)"] if dated else []),
            *([f"{tables[2]}[s.stage](s, now, e, out)"] if level else []),
            *([f"{tables[3]}[s.stage](s, now, e, out)"] if any(d.settled for d in timed) else []),
            "s.due = dues[s.stage](s, now)",
        ]
        early = f"{tables[1]}[s.stage](s, now, e, out)"
        self.source.function("early", "s, now, e, out", [early])
        self.source.function("settle", "s, now, e, out", body)

    def _by_stage(
        self, name: str, decisions: Iterable[Decision], part: Callable[[Decision], tuple[str, ...]]
    ) -> str:
        written = []
        for stage in range(len(self.model.stages)):
            asking = [
                line
                for decision in decisions
                if decision.watch.watches(stage)
                for line in part(decision)
            ]
            body = [*asking, "return False"]
            written.append(self.source.function(f"{name}{stage}", "s, now, e, out", body))
        return self.source.table(f"{name}s", written)

    def _write_enter(self) -> None:
        body = ["g = s.stage", "s.previous = g", "s.stage = to", "s.entered_at = now"]
        body += ["s.entries[to] += 1"]
        cycle = [line for p in self._scoped("cycle") for line in signals.renewal(p)]
        body += ["if to < g:", *indent(["s.cycle += 1", *cycle])]
        renewed = [line for p in self._scoped("stage") for line in signals.renewal(p)]
        self.source.function("renew_stage", "s", renewed)
        body += renewed
        body += ["if g < 0: return", "both = 1 << g | 1 << to"]
        for watch in self.watches:
            kept = [f"s.{field.name} = {field.source}" for field in watches.fields(watch)]
            if kept:
                body.append(f"if {watch.mask} & both != both: {'; '.join(kept)}")
        self.source.function("enter", "s, to, now", body)

    def _scoped(self, scope: str) -> list[Slot]:
        return [place for place in self.places if place.signal.scope == scope]

    def _write_new(self, state_class: type[State]) -> str:
        self.source.constant("_new", object.__new__)
        self.source.constant("_state_class", state_class)
        body = ["n = _new(_state_class)"]
        body.append("n.stage = n.previous = n.last_at = n.at = -1")
        body.append("n.entered_at = n.sequence = n.last_position = n.barred = n.coarse = 0")
        never_entered = [0] * len(self.model.stages)
        body.append(f"n.cycle, n.due, n.entries, n.traits = 1, NEVER, {never_entered}, {{}}")
        body += [f"n.{field.name} = {field.source}" for field in self.fields]
        return self.source.function("new", "", [*body, "return n"])

    def _write_copy(self) -> str:
        body = ["n = _new(_state_class)"]
        body += [f"n.{name} = s.{name}" for name in State.__slots__ if name not in _COPIED]
        body += [f"n.{name} = s.{name}.copy()" for name in _COPIED]
        for field in self.fields:
            suffix = "" if field.kind == "value" else ".copy()"
            body.append(f"n.{field.name} = s.{field.name}{suffix}")
        return self.source.function("copy", "s", [*body, "return n"])


_COPIED = ("entries", "traits")


def _asking(decision: Decision) -> tuple[str, ...]:
    return decision.asking


def _settled(decision: Decision) -> tuple[str, ...]:
    return decision.settled


def namespace(model: Model) -> dict[str, Any]:
    """Return what generated code of *model* may call."""
    canonical = model.events
    stages = tuple(stage.id for stage in model.stages)
    return {
        **GLOBALS,
        "__builtins__": {},
        "len": len,
        "max": max,
        "min": min,
        "NEVER": NEVER,
        "_add": add,
        "_bisect": bisect_right,
        "_date_errors": (*ERRORS, ValueError),
        "_errors": ERRORS,
        "_flip": runtime.flip,
        "_instant": runtime.instant,
        "_live": runtime.live,
        "_micros": runtime.micros,
        "_next": runtime.following,
        "_next_live": runtime.next_live,
        "_number": runtime.number,
        "_plain": runtime.plain,
        "_stages": stages,
        "_take_apart": runtime.take_apart,
        "_take_in": runtime.take_in,
        "_type": lambda event: canonical.get(event.type, event.type),
        "_window_avg": runtime.window_avg,
        "_window_first": runtime.window_first,
        "_window_max": runtime.window_max,
        "_window_min": runtime.window_min,
        "_window_sum": runtime.window_sum,
        "_zone": ZoneInfo(model.timezone),
    }


def _fields(places: Iterable[Slot], watched: Iterable[watches.Watch]) -> Iterable[Field]:
    for place in places:
        yield from signals.fields(place)
    for watch in watched:
        yield from watches.fields(watch)


def _state_class(model: Model, fields: tuple[Field, ...]) -> type[State]:
    return type(
        "ModelState",
        (State,),
        {
            "__slots__": tuple(field.name for field in fields),
            "__doc__": f"State of one subject in {model.key}.",
            "stage_ids": tuple(stage.id for stage in model.stages),
        },
    )


def _by_sent_name(model: Model, handlers: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: run for name, run in handlers.items() if name not in (BEHAVIOUR, CONTROL)}
    for sent, canonical in model.events.items():
        named.setdefault(sent, handlers.get(canonical, handlers[BEHAVIOUR]))
    return named


def _traits_read(model: Model) -> frozenset[str] | None:
    triggers = [rule.trigger for rule in model.transitions]
    triggers += [alert.trigger for alert in model.alerts]
    read = [x for trigger in triggers for x in (trigger.at, trigger.when) if x is not None]
    read += [x for s in model.signals for x in (s.value, s.where) if x is not None]
    read += [persona.when for persona in model.personas]
    return trait_names(read)


def _refuse(_state: State, _properties: object, _event: Event, _out: Records) -> bool:
    return False


def _not_built(_state: State, _to: int, _now: int) -> None:
    message = "the model's program is not built yet"
    raise RuntimeError(message)
