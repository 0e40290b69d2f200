"""What a condition costs, as a multiple of the same condition written by hand in Python.

    python -m benchmarks.conditions [--evaluations 200000]

Both run over the same properties and state, in turns, and give the same answers, which is checked
before anything is timed.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from domain.cel.compiler import GLOBALS, compile_expression
from domain.cel.parser import parse
from domain.cel.types import DYN, INT, STRING, TIMESTAMP, Binding, MapType, StructType, nullable

if TYPE_CHECKING:
    from collections.abc import Callable

    Asked = Callable[["Signals", dict[str, Any], int], object]

DAY = 86_400_000_000


@dataclass(slots=True)
class Signals:
    """The state of one customer, as far as the conditions read it."""

    orders: int
    last_order: int | None


NAMES = {
    "signals": Binding(
        "s",
        StructType(
            {
                "orders": Binding("s.orders", INT),
                "last_order": Binding("s.last_order", nullable(TIMESTAMP)),
            }
        ),
    ),
    "properties": Binding("p", MapType(STRING, DYN)),
    "now": Binding("now", TIMESTAMP),
}
WORK = [
    (Signals(number % 5, number * DAY if number % 3 else None), properties, 40 * DAY)
    for number in range(50)
    for properties in (
        {"kind": "nps", "score": number % 11},
        {"kind": "csat", "score": 4.5},
        {"kind": "nps", "score": number / 7},
        {"kind": "other", "score": None, "amount": 12},
    )
]


def _by_count(s: Signals, _p: dict[str, Any], _now: int) -> object:
    return s.orders >= 2


def _by_silence(s: Signals, _p: dict[str, Any], now: int) -> object:
    return s.last_order is None or now - s.last_order > 30 * DAY


def _by_property(_s: Signals, p: dict[str, Any], _now: int) -> object:
    return p["kind"] == "nps" and p["score"] <= 6


CONDITIONS: dict[str, Asked] = {
    "signals.orders >= 2": _by_count,
    "signals.last_order == null || now - signals.last_order > duration('30d')": _by_silence,
    "properties.kind == 'nps' && properties.score <= 6": _by_property,
}


def _compiled(source: str) -> Asked:
    """Return the condition as a generated function, as the fold has it."""
    names: dict[str, Any] = {"__builtins__": {}, **GLOBALS}
    text = compile_expression(parse(source), NAMES).source
    exec(f"def asked(s, p, now):\n    return {text}", names)  # noqa: S102  # our own source
    asked: Asked = names["asked"]
    return asked


def main() -> None:
    """Check that both agree, then print for each condition both costs and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evaluations", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    rounds = max(1, arguments.evaluations // len(WORK))
    for source, by_hand in CONDITIONS.items():
        asked = _compiled(source)
        if [asked(*one) for one in WORK] != [by_hand(*one) for one in WORK]:
            message = f"the condition and the one by hand differ: {source}"
            raise SystemExit(message)
        pairs = [(_cost(asked, rounds), _cost(by_hand, rounds)) for _ in range(arguments.repeats)]
        cost, ceiling = sorted(pairs, key=lambda pair: pair[0] / pair[1])[arguments.repeats // 2]
        print(f"{cost / ceiling:.2f} × by hand: {source}")
        print(f"   {cost:.3f} µs, by hand {ceiling:.3f} µs, call included, median pair")


def _cost(asked: Asked, rounds: int) -> float:
    """Return the microseconds of one evaluation."""
    start = time.perf_counter()
    for _ in range(rounds):
        for s, p, now in WORK:
            asked(s, p, now)
    return (time.perf_counter() - start) / (rounds * len(WORK)) * 1e6


if __name__ == "__main__":
    main()
