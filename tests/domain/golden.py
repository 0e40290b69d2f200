"""One fixed model and one fixed history, and every byte that the machine makes of them."""

from __future__ import annotations

from domain.document import parse_model
from domain.events import canonical_history
from domain.machine import compile_model
from domain.transitions import transition_id
from tests.builders import alert, at, did, identified, lifecycle, numbered, on_date, rule

MODEL = lifecycle(
    "lead customer loyal dormant",
    rule("first-order", ["lead", "dormant"], "customer", on="ordered"),
    rule("repeat", "customer", "loyal", when="signals.orders >= 2 && signals.goods >= 2"),
    rule("silence", ["customer", "loyal"], "dormant", after="1mo", since="last_order"),
    rule("ended", "*", "lead", at="traits.ends_at", offset="-1mo"),
    timezone="Europe/Berlin",
    signals={
        "orders": {"count": "ordered", "within": "3mo"},
        "spent": {"sum": "properties.amount", "on": "ordered", "within": "40d"},
        "goods": {"distinct": "properties.good", "on": "ordered"},
        "last_order": {"last": "ordered"},
        "score": {"latest": "properties.score", "on": "answered"},
    },
    alerts=[
        alert("spender", when="signals.spent >= 20.0", hold_for="2d"),
        alert("detractor", on="answered", when="properties.score <= 6"),
    ],
)

HISTORY = numbered(
    [
        did("visited", 0),
        identified(1, city="京都", ends_at="2026-08-31"),
        did("ordered", 2, amount=12.5, good="tea"),
        did("ordered", on_date("2026-01-31T02:30+01:00"), amount=9.1, good="cup"),
        did("answered", 31, score=3),
        did("ordered", on_date("2026-03-28T02:30+01:00"), amount=0.1, good="pot"),
        did("ordered", on_date("2026-03-29T03:30+02:00"), 1, amount=20, good="湯呑み"),
    ]
)

UNTIL = at(240)


def golden_bytes() -> bytes:
    """Return records with their evidence and ids, then the state, as bytes."""
    machine = compile_model(parse_model(MODEL))
    state, records = machine.fold(canonical_history(HISTORY))
    halfway = machine.encode(state)
    state, later = machine.advance(state, UNTIL)
    told = [
        (transition_id(record, subject="ann", model="story", version=1), record)
        for record in [*records, *later]
    ]
    return repr(told).encode() + halfway + machine.encode(state) + machine.hash.encode()


def golden_ids() -> list[str]:
    """Return the ids of the records of the fixed history, in order."""
    machine = compile_model(parse_model(MODEL))
    state, records = machine.fold(canonical_history(HISTORY))
    _, later = machine.advance(state, UNTIL)
    return [
        transition_id(record, subject="ann", model="story", version=1)
        for record in [*records, *later]
    ]
