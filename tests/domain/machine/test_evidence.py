"""A transition carries what its rule read: the names and the values they had."""

import pytest

from domain.document import parse_model
from domain.events import Event
from domain.machine import compile_model
from domain.transitions import Cause

DAY = 86_400_000_000


def caused(rule: dict[str, object], *events: Event, until: int = 0) -> Cause:
    """Return the cause of the newest record, in a model of two stages and *rule* between them."""
    document = {
        "model": "pair",
        "initial": "one",
        "signals": {
            "visits": {"count": "visited"},
            "seen": {"last": "visited"},
            "spent": {"sum": "properties.amount", "on": "ordered"},
        },
        "stages": [{"id": "one"}, {"id": "two"}],
        "transitions": [{"id": "rule", "from": "one", "to": "two", **rule}],
    }
    machine = compile_model(parse_model(document))
    state, recorded = machine.fold(events)
    _, later = machine.advance(state, until * DAY)
    return (*recorded, *later)[-1].cause


VISIT = Event(1, 0, "visited", "v1")
ORDER = Event(2, DAY, "ordered", "o1", source="shop", text='{"amount": 3, "tags": ["a"]}')
SIGNED = Event(2, DAY, "$identify", "i1", text='{"ends": "1970-01-05"}')


@pytest.mark.parametrize(
    ("rule", "events", "until", "cause"),
    [
        (
            {"on": "ordered", "when": "properties.amount > 2 && size(properties.tags) == 1"},
            (VISIT, ORDER),
            1,
            Cause("event", "rule", "o1", {"properties.amount": 3, "properties.tags": ["a"]}),
        ),
        (
            {"on": "ordered", "when": "!has(traits.plan) || traits.plan == 'x'"},
            (VISIT, ORDER),
            1,
            Cause("event", "rule", "o1", {}),
        ),
        (
            {"when": "signals.spent >= 3.0 && cycle == 1"},
            (VISIT, ORDER),
            1,
            Cause("condition", "rule", "o1", {"signals.spent": 3.0, "cycle": 1}),
        ),
        (
            {"after": "5d", "since": "seen"},
            (VISIT, ORDER),
            9,
            Cause("deadline", "rule", None, {"signals.seen": "1970-01-01T00:00:00Z"}),
        ),
        (
            {"after": "5d", "when": "signals.visits == 1"},
            (VISIT, ORDER),
            9,
            Cause(
                "deadline",
                "rule",
                None,
                {"entered_at": "1970-01-01T00:00:00Z", "signals.visits": 1},
            ),
        ),
        (
            {"at": "traits.ends", "offset": "-1d"},
            (VISIT, SIGNED),
            9,
            Cause("deadline", "rule", None, {"traits.ends": "1970-01-05"}),
        ),
        (
            {"at": "traits.ends", "offset": "-10d"},
            (VISIT, SIGNED),
            9,
            Cause("deadline", "rule", "i1", {"traits.ends": "1970-01-05"}),
        ),
        (
            {"on": "ordered", "for": "2d"},
            (VISIT, ORDER),
            9,
            Cause("deadline", "rule", None, {}),
        ),
    ],
    ids=["event", "absent names", "level", "since", "entry", "date", "learned late", "held"],
)
def test_a_cause_says_what_was_read(
    rule: dict[str, object], events: tuple[Event, ...], until: int, cause: Cause
) -> None:
    assert caused(rule, *events, until=until) == cause
