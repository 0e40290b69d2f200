"""Small random models and histories on a coarse grid of days, where coincidences are the rule.

Windows, silences, holds and gaps between events are all a few whole days, so that an event often
arrives on the very microsecond at which a deadline falls or a window closes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from domain.document import parse_model
from domain.events import Event
from domain.model import Model
from tests.builders import DAY, START, did, identified, numbered, put_into

MODEL_KEY = "any-model"
BEHAVIOURS = ("a", "b", "c")
SPANS = ("1d", "2d", "3d", "5d")
WINDOWS = (*SPANS, "1mo")

Document = dict[str, object]


@dataclass(frozen=True, slots=True)
class Case:
    """A model, a history in order of arrival, and the instant at which somebody looks."""

    model: Model
    history: list[Event]
    until: int

    def told(self) -> str:
        """Return the case as a person would write it down, for the report of a failure."""
        lines = [f"model: {self.model.document}"]
        for event in self.history:
            day = (event.effective_at - START) / DAY
            lines.append(f"{event.event_id} day {day} {event.type} {dict(event.properties)}")
        return "\n".join([*lines, f"until day {(self.until - START) / DAY}"])


# ---------------------------------------------------------------- signals

_types = st.sampled_from(["a", "b", "c", ["a", "b"], "*"])
_scopes = st.sampled_from(["all", "all", "cycle", "stage"])
_windows = st.none() | st.sampled_from(WINDOWS)
_wheres = st.sampled_from([None, None, None, 'properties.k == "p"', 'traits.plan == "pro"'])


def _entry(kind: str, subject: object, on: object, options: Document) -> Document:
    entry: Document = {kind: subject, **({} if on is None else {"on": on}), **options}
    return {name: value for name, value in entry.items() if value is not None}


_options = st.fixed_dictionaries({"within": _windows, "scope": _scopes, "where": _wheres})
_instant_options = st.fixed_dictionaries({"scope": _scopes, "where": _wheres})
_by_customer = st.sampled_from(["customer", None])
_count_options = st.fixed_dictionaries(
    {"within": _windows, "scope": _scopes, "where": _wheres, "by": _by_customer}
)

SIGNALS: Mapping[str, st.SearchStrategy[Document]] = {
    "count": st.builds(_entry, st.just("count"), _types, st.none(), _options),
    "members": st.builds(_entry, st.just("count"), _types, st.none(), _count_options),
    "total": st.builds(_entry, st.just("sum"), st.just("properties.v"), _types, _options),
    "mean": st.builds(_entry, st.just("avg"), st.just("properties.v"), _types, _options),
    "least": st.builds(_entry, st.just("min"), st.just("properties.v"), _types, _options),
    "most": st.builds(_entry, st.just("max"), st.just("properties.v"), _types, _options),
    "kinds": st.builds(_entry, st.just("distinct"), st.just("properties.k"), _types, _options),
    "kind": st.builds(_entry, st.just("latest"), st.just("properties.k"), _types, _options),
    "began": st.builds(_entry, st.just("first"), _types, st.none(), _instant_options),
    "ended": st.builds(_entry, st.just("last"), _types, st.none(), _instant_options),
    "lately": st.builds(_entry, st.just("first"), _types, st.none(), _options),
}

# ---------------------------------------------------------------- conditions

_small = st.integers(0, 3)
_hours = st.sampled_from(["24h", "48h", "72h"])
_compare = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


def _binary(left: str, operator: str, right: object) -> str:
    return f"{left} {operator} {right}"


def _elapsed(since: str, operator: str, hours: str) -> str:
    return f'now - {since} {operator} duration("{hours}")'


_STANDING = st.one_of(
    st.builds(
        _binary,
        st.sampled_from(["signals.count", "signals.kinds", "signals.members"]),
        _compare,
        _small,
    ),
    st.builds(
        _binary,
        st.sampled_from(["signals.total", "signals.mean", "signals.least", "signals.most"]),
        _compare,
        _small,
    ),
    st.sampled_from(
        [
            "signals.count >= 2",
            "signals.count == 0",
            "signals.total / double(signals.count) >= 1.0",
            "signals.most - signals.least >= 1.0",
            'signals.kind == "p"',
            "signals.kind == null",
            'traits.plan == "pro"',
            'traits.plan in ["pro", "team"]',
            "size(traits.plan) > 3",
            "has(traits.plan)",
            "!has(traits.plan)",
            'has(traits.plan) ? traits.plan == "free" : signals.count > 1',
            "cycle >= 2",
            'stage == "s1"',
            "signals.ended > signals.began",
            "signals.lately == null",
        ]
    ),
)
_PASSING = st.one_of(
    st.builds(
        _elapsed,
        st.sampled_from(["entered_at", "signals.ended", "signals.began", "signals.lately"]),
        _compare,
        _hours,
    ),
    st.sampled_from(
        [
            "now >= timestamp(traits.until)",
            'timestamp(traits.until) - now < duration("48h")',
            'now < signals.ended + duration("48h")',
            'signals.began <= now - duration("72h")',
            'entered_at + duration("48h") > now',
            'duration("24h") + now >= signals.ended + duration("72h")',
            'now + duration("24h") != timestamp(traits.until)',
            'now >= timestamp("2026-01-08T00:00:00Z")',
        ]
    ),
)
_ARRIVING = st.sampled_from(
    [
        "properties.v >= 2",
        'properties.k == "p"',
        'properties.k != "q" || properties.v < 2',
        "has(properties.v)",
        'event.source == "test"',
        'event.type == "a"',
        "event.occurred_at == now",
    ]
)


def _joined(atoms: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.builds("({}) {} ({})".format, atoms, st.sampled_from(["&&", "||"]), atoms)
    return st.one_of(atoms, atoms, pair, st.builds("!({})".format, atoms))


standing = _joined(st.one_of(_STANDING, _PASSING))
arriving = _joined(_ARRIVING | _STANDING)

# ---------------------------------------------------------------- rules

_holds = st.none() | st.sampled_from(WINDOWS)


def _trigger(parts: Mapping[str, object]) -> Document:
    """Return the trigger of *parts*, in which a hold stands only beside a condition."""
    found = {name: value for name, value in parts.items() if value is not None}
    if "when" not in found:
        found.pop("for", None)
    return found


def _parts(**parts: st.SearchStrategy[object]) -> st.SearchStrategy[Document]:
    return st.fixed_dictionaries(parts).map(_trigger)


ON = _parts(**{"on": _types, "when": st.none() | arriving, "for": st.none() | _holds})
LEVEL = _parts(**{"when": standing, "for": _holds})
SILENCE = _parts(after=st.sampled_from(WINDOWS), when=st.none() | standing)
SINCE = _parts(
    **{
        "after": st.sampled_from(WINDOWS),
        "since": st.sampled_from(["began", "ended"]),
        "when": st.none() | standing,
        "for": _holds,
    }
)
DATE = _parts(
    **{
        "at": st.sampled_from(["traits.until", 'signals.ended + duration("48h")']),
        "offset": st.none() | st.sampled_from(["1d", "-1d", "-2d", "1mo"]),
        "when": st.none() | standing,
        "for": _holds,
    }
)
_ANYTHING = st.one_of(LEVEL, LEVEL, LEVEL, ON, SILENCE, SINCE, DATE)


@st.composite
def _rule(draw: st.DrawFn, number: int, stages: list[str], *, may_turn: bool) -> Document:
    """Return a rule; unless it may turn, one that could fire again at once leads onwards.

    Nothing loops at one instant that way, as in every model that can be published.
    """
    target = draw(st.sampled_from(stages))
    earlier = stages[: stages.index(target)]
    takes_time = not earlier or draw(st.sampled_from([False, False, True]))
    trigger = draw(ON | SILENCE if takes_time and not may_turn else _ANYTHING)
    others = [stage for stage in stages if stage != target] if takes_time or may_turn else earlier
    sources = draw(st.lists(st.sampled_from(others), min_size=1, max_size=3, unique=True))
    return {"id": f"r{number}", "from": sources, "to": target, **trigger}


@st.composite
def _alert(draw: st.DrawFn, number: int, stages: list[str]) -> Document:
    trigger = draw(_ANYTHING)
    where = draw(st.none() | st.lists(st.sampled_from(stages), min_size=1, unique=True))
    return {"id": f"w{number}", **({} if where is None else {"in": where}), **trigger}


@st.composite
def documents(draw: st.DrawFn, *, may_loop: bool = False) -> Document:
    """Return the document of a small model with every kind of trigger."""
    stages = [f"s{number}" for number in range(draw(st.integers(2, 5)))]
    direction = draw(st.sampled_from(["free", "free", "free", "forward_only"]))
    count = draw(st.sampled_from([1, 3, 5, 8]))
    may_turn = may_loop or direction == "forward_only"
    return {
        "model": MODEL_KEY,
        "direction": direction,
        "initial": draw(st.sampled_from([stages[0], stages[0], stages[1]])),
        "timezone": draw(st.sampled_from(["UTC", "UTC", "Europe/Berlin", "Asia/Tokyo"])),
        "events": {"a": ["A Done"]},
        "signals": {name: draw(signal) for name, signal in SIGNALS.items()},
        "stages": [{"id": stage} for stage in stages],
        "transitions": [draw(_rule(number, stages, may_turn=may_turn)) for number in range(count)],
        "alerts": [
            draw(_alert(number, stages)) for number in range(draw(st.sampled_from([0, 1, 4])))
        ],
        "personas": [{"id": "fits", "when": draw(standing)}],
    }


models = documents().map(parse_model)

# ---------------------------------------------------------------- histories

_properties = st.sampled_from(
    [
        *({"v": v, "k": k} for v in (0, 1, 2, 3, 0.5) for k in ("p", "q")),
        {"v": 2.5, "k": None},
        {"v": 1, "k": 1},
        {"v": None, "k": 1.0},
        {"v": True, "k": True},
        {"v": "x", "k": "p"},
        {"k": "q"},
        {},
    ]
)
_traits = st.fixed_dictionaries(
    {},
    optional={
        "plan": st.sampled_from(["pro", "free", None]),
        "until": st.sampled_from(
            ["2026-01-04", "2026-01-06T00:00:00Z", "2026-01-12T00:00:00+09:00", "soon", None]
        ),
    },
)
_days = st.integers(1, 14)
_off_grid = st.sampled_from([0, 0, 0, 0, 0, 0, 0, 0, 1, -1, DAY // 2, DAY // 3])
_members = st.sampled_from(["ann", "bob", None])


def _behaviour(name: str, day: int, off: int, properties: Document, member: str | None) -> Event:
    return replace(did(name, day, off, **properties), customer_id=member)


def _identify(day: int, off: int, traits: Document) -> Event:
    return identified(day, off, **traits)


def _manual(day: int, stage: str, model: str) -> Event:
    return put_into(stage, day, model=model)


_behaviours = st.builds(
    _behaviour, st.sampled_from([*BEHAVIOURS, "A Done"]), _days, _off_grid, _properties, _members
)
_events = st.one_of(
    _behaviours,
    _behaviours,
    _behaviours,
    _behaviours,
    st.builds(_identify, _days, _off_grid, _traits),
    st.builds(
        _manual,
        _days,
        st.sampled_from(["s0", "s1", "s2", "unknown"]),
        st.sampled_from([MODEL_KEY, MODEL_KEY, "another-model"]),
    ),
)
_LATER = st.sampled_from([0, 0, 26, 84])
"""Days added to a whole history: the end of January, the night clocks change in Berlin."""


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Return events in order of arrival, which is not always the order of what they tell."""
    size = draw(st.sampled_from([1, 2, 4, 8, 12]))
    events = draw(st.lists(_events, min_size=size, max_size=size))
    if draw(st.booleans()):
        events.sort(key=lambda event: event.effective_at)
    later = draw(_LATER) * DAY
    return numbered(
        replace(
            event,
            effective_at=event.effective_at + later,
            occurred_at=event.occurred_at + later,
        )
        for event in events
    )


@st.composite
def _cases(draw: st.DrawFn, models: st.SearchStrategy[Model]) -> Case:
    history = draw(histories())
    last = max(event.effective_at for event in history)
    days = draw(st.sampled_from([0, 1, 5, 40]))
    return Case(draw(models), history, last + days * DAY + draw(st.sampled_from([0, 0, 1])))


def cases() -> st.SearchStrategy[Case]:
    """Return a model with a history and an instant not before its last event."""
    return _cases(models)


def looping_cases() -> st.SearchStrategy[Case]:
    """Return a case of a model whose conditions may lead in a circle."""
    return _cases(documents(may_loop=True).map(parse_model))
