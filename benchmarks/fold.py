"""P1: events folded per second and core, as a share of a loop written by hand for one model.

    python -m benchmarks.fold [--events 300000]

Both read the same events, grouped by customer and in fold order, and keep the same signals; both
give the same transitions, which is checked before anything is timed.
"""

from __future__ import annotations

import argparse
import random
import time
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from benchmarks.figures import ratio, say
from domain.document import parse_model
from domain.events import Event
from domain.instants import format_instant
from domain.machine import compile_model
from domain.transitions import Cause, Transition

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.transitions import TransitionDirection

DAY = 86_400_000_000
TYPES = (
    "page_viewed",
    "trial_started",
    "order_completed",
    "review_posted",
    "login",
    "email_opened",
)
WEIGHTS = (40, 4, 14, 4, 30, 8)

MODEL: dict[str, Any] = {
    "model": "six",
    "initial": "awareness",
    "signals": {
        "visits": {"count": "page_viewed", "within": "30d"},
        "orders": {"count": "order_completed"},
        "orders_180d": {"count": "order_completed", "within": "180d"},
        "last_seen": {"last": ["page_viewed", "login", "order_completed"]},
        "last_order": {"last": "order_completed"},
    },
    "stages": [
        {"id": "awareness"},
        {"id": "consideration"},
        {"id": "purchase"},
        {"id": "loyalty"},
        {"id": "advocacy"},
        {"id": "dormant", "kind": "stopped"},
    ],
    "transitions": [
        {"id": "tried", "from": "awareness", "to": "consideration", "on": "trial_started"},
        {"id": "bought", "from": "awareness", "to": "purchase", "on": "order_completed"},
        {
            "id": "looked",
            "from": "awareness",
            "to": "consideration",
            "when": "signals.visits >= 3",
        },
        {"id": "chose", "from": "consideration", "to": "purchase", "on": "order_completed"},
        {
            "id": "cold",
            "from": "consideration",
            "to": "dormant",
            "after": "30d",
            "since": "last_seen",
        },
        {
            "id": "again",
            "from": "purchase",
            "to": "loyalty",
            "when": "signals.orders_180d >= 2",
        },
        {"id": "praised", "from": "purchase", "to": "advocacy", "on": "review_posted"},
        {
            "id": "quiet",
            "from": "purchase",
            "to": "dormant",
            "after": "90d",
            "since": "last_order",
        },
        {"id": "told", "from": "loyalty", "to": "advocacy", "on": "review_posted"},
        {
            "id": "faded",
            "from": ["loyalty", "advocacy"],
            "to": "dormant",
            "after": "120d",
            "since": "last_order",
        },
        {"id": "won-back", "from": "dormant", "to": "purchase", "on": "order_completed"},
        {
            "id": "curious",
            "from": "dormant",
            "to": "consideration",
            "on": "trial_started",
        },
    ],
}

STAGES = tuple(stage["id"] for stage in MODEL["stages"])
LEAVING = {
    1: ("cold", "signals.last_seen"),
    2: ("quiet", "signals.last_order"),
    3: ("faded", "signals.last_order"),
    4: ("faded", "signals.last_order"),
}


def histories(events: int, seed: int = 7) -> list[list[Event]]:
    """Return *events* events of customers with fifty each, one every few days."""
    chance = random.Random(seed)
    found = []
    for customer in range(events // 50):
        at, history = customer * 1_000_003, []
        for number in range(50):
            at += int(chance.expovariate(1 / 4) * DAY)
            kind = chance.choices(TYPES, WEIGHTS)[0]
            history.append(Event(number + 1, at, kind, f"{customer}-{number}"))
        found.append(history)
    return found


def by_hand(history: list[Event]) -> list[Transition]:  # noqa: C901, PLR0912, PLR0915 - the yardstick is one plain loop
    """Return the transitions, as one would write the fold for this one model."""
    stage, entered, sequence, cycle, position = -1, 0, 0, 1, 0
    out: list[Transition] = []
    visits: list[int] = []
    orders: list[int] = []
    last_seen = last_order = due = -1

    def enter(to: int, now: int, position: int, cause: Cause) -> None:
        nonlocal stage, entered, sequence, cycle
        sequence += 1
        if to < stage:
            cycle += 1
        direction: TransitionDirection
        direction = "none" if stage < 0 else "forward" if to > stage else "backward"
        out.append(
            Transition(
                "transition",
                sequence,
                None if stage < 0 else STAGES[stage],
                STAGES[to],
                direction,
                0 if stage < 0 else to - stage,
                now,
                cause,
                None if stage < 0 else now - entered,
                cycle,
                position,
            )
        )
        stage, entered = to, now

    for event in history:
        now, kind = event.effective_at, event.type
        if stage >= 1 and 0 <= due <= now:
            rule, name = LEAVING[stage]
            since = format_instant(last_seen if name == "signals.last_seen" else last_order)
            enter(5, due, position, Cause("deadline", rule, None, {name: since}))
        position = event.position
        if stage < 0:
            enter(0, now, position, Cause("event", "$initial", event.event_id, {}))
        if kind == "page_viewed":
            last_seen = now
            visits.append(now + 30 * DAY)
            if visits[0] <= now:
                del visits[: bisect_right(visits, now)]
            if stage == 0 and len(visits) >= 3:
                evidence = {"signals.visits": len(visits)}
                enter(1, now, position, Cause("condition", "looked", event.event_id, evidence))
        elif kind == "login":
            last_seen = now
        elif kind == "order_completed":
            last_seen = last_order = now
            orders.append(now + 180 * DAY)
            if orders[0] <= now:
                del orders[: bisect_right(orders, now)]
            if stage in (0, 1, 5):
                rule = {0: "bought", 1: "chose", 5: "won-back"}[stage]
                enter(2, now, position, Cause("event", rule, event.event_id, {}))
            if stage == 2 and len(orders) >= 2:
                evidence = {"signals.orders_180d": len(orders)}
                enter(3, now, position, Cause("condition", "again", event.event_id, evidence))
        elif kind == "trial_started":
            if stage in (0, 5):
                rule = "curious" if stage else "tried"
                enter(1, now, position, Cause("event", rule, event.event_id, {}))
        elif kind == "review_posted" and stage in (2, 3):
            rule = "praised" if stage == 2 else "told"
            enter(4, now, position, Cause("event", rule, event.event_id, {}))
        if stage == 1:
            due = (entered if last_seen < 0 else last_seen) + 30 * DAY
        elif stage == 2:
            due = last_order + 90 * DAY
        elif stage in (3, 4):
            due = last_order + 120 * DAY
        else:
            due = -1
    return out


def main() -> None:
    """Check that both agree, then print both rates and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    machine = compile_model(parse_model(MODEL))
    work = histories(arguments.events)
    for history in work[:500]:
        _, recorded = machine.fold(history)
        if recorded != by_hand(history):
            message = f"the fold and the loop by hand differ: {recorded} {by_hand(history)}"
            raise SystemExit(message)
    pairs = [(_rate(machine.fold, work), _rate(by_hand, work)) for _ in range(arguments.repeats)]
    say(ratio("P1", "fold of six stages ÷ loop by hand, one core", pairs, 0.7, "events/s"))


def _rate(run: Callable[[list[Event]], object], work: list[list[Event]]) -> float:
    start = time.perf_counter()
    for history in work:
        run(history)
    return sum(map(len, work)) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
