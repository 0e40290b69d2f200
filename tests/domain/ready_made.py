"""Histories for the ready-made models: behaviours, values and gaps that each of them looks at.

What a model compares with is taken from its own conditions, and gaps between events from its own
durations, one microsecond less and more, so that thresholds and deadlines are met exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

from hypothesis import strategies as st

from domain.cel.syntax import Call, Expression, Literal, Node, path, walk
from domain.durations import add
from domain.events import Event
from domain.model import Model
from service.modelling.model_files import load_ready_models
from tests.builders import DAY, START, at, did, identified, numbered, put_into
from tests.domain.oracle.candidates import durations_of, triggers_of
from tests.domain.strategies import Case

READY: Mapping[str, Model] = load_ready_models()
LAST_DAY = 900
_UNCOMPARED = ("2026-06-30", "other", 1, 2500.5, 35_000, 70_000)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a model reads: event types, and values worth sending by name of property or trait."""

    types: tuple[str, ...]
    properties: Mapping[str, tuple[object, ...]]
    traits: Mapping[str, tuple[object, ...]]
    gaps: tuple[int, ...]


@cache
def vocabulary(key: str) -> Vocabulary:
    """Return what the ready-made model *key* reads."""
    model = READY[key]
    types = {name for signal in model.signals for name in signal.types}
    types |= {name for rule in model.transitions for name in rule.trigger.types}
    types |= {name for alert in model.alerts for name in alert.trigger.types}
    days = {add(START, duration) - START for duration in durations_of(model)}
    gaps = {0, DAY // 24, DAY, *days, *(day - 1 for day in days), *(day + 1 for day in days)}
    return Vocabulary(
        types=tuple(sorted(types - {"*"} | {"page_viewed"})),
        properties=_values(model, "properties"),
        traits=_values(model, "traits"),
        gaps=tuple(sorted(gap for gap in gaps if 0 <= gap <= 400 * DAY)),
    )


def _values(model: Model, root: str) -> dict[str, tuple[object, ...]]:
    """Return the values that conditions compare each `root.name` with, and some beside them."""
    found: dict[str, set[object]] = {}
    for expression in _expressions(model):
        for node in walk(expression.root):
            name = (path(node) or "").split(".")
            if name[0] == root and len(name) == 2:
                found.setdefault(name[1], set())
        for name_read, literal in _comparisons(expression.root):
            if name_read in found:
                beside = {literal - 1, literal + 1} if isinstance(literal, int) else {"other"}
                found[name_read] |= {literal, *beside}
    return {
        name: tuple(sorted(values or _UNCOMPARED, key=repr))
        for name, values in sorted(found.items())
    }


def _comparisons(root: Node) -> Iterator[tuple[str, object]]:
    for node in walk(root):
        match node:
            case Call(args=(read, Literal(value=value))):
                yield (path(read) or "").rpartition(".")[2], value


def _expressions(model: Model) -> list[Expression]:
    found: list[Expression | None] = [persona.when for persona in model.personas]
    for signal in model.signals:
        found += [signal.value, signal.where]
    for trigger in triggers_of(model):
        found += [trigger.when, trigger.at]
    return [expression for expression in found if expression is not None]


def _behaviours(key: str) -> st.SearchStrategy[Event]:
    words = vocabulary(key)
    values = {name: st.sampled_from(options) for name, options in words.properties.items()}
    return st.builds(
        lambda name, properties, member: replace(did(name, 0, **properties), customer_id=member),
        st.sampled_from(words.types),
        st.fixed_dictionaries({}, optional=values),
        st.sampled_from(["ann", "bob", "eve"]),
    )


def _events(key: str) -> st.SearchStrategy[Event]:
    words = vocabulary(key)
    values = {name: st.sampled_from([*options, None]) for name, options in words.traits.items()}
    stages = [stage.id for stage in READY[key].stages]
    return st.one_of(
        *[_behaviours(key)] * 6,
        st.builds(
            lambda traits: identified(0, **traits), st.fixed_dictionaries({}, optional=values)
        ),
        st.builds(lambda stage: put_into(stage, 0, model=key), st.sampled_from(stages)),
    )


@st.composite
def ready_cases(draw: st.DrawFn, key: str | None = None) -> Case:
    """Return a history for the ready-made model *key*, or for any of them."""
    chosen = draw(st.sampled_from(sorted(READY))) if key is None else key
    gaps = st.sampled_from(vocabulary(chosen).gaps)
    pairs = draw(st.lists(st.tuples(gaps, _events(chosen)), min_size=1, max_size=14))
    events, instant = [], START
    for gap, event in pairs:
        instant = min(instant + gap, at(LAST_DAY))
        events.append(replace(event, effective_at=instant, occurred_at=instant))
    return Case(READY[chosen], numbered(events), instant + draw(gaps))
