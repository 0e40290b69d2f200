"""How fast the door judges events: a body of 1,000 events cut, checked and made into log entries.

    python -m benchmarks.door

The ratio is to `msgspec.json.decode` alone on the same bytes, which checks nothing.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable

import msgspec

from domain.instants import parse_instant
from service.door.bodies import cut
from service.door.bounds import Bounds
from service.door.events import Door, Origin
from service.ports import NewEvent

EVENTS = 1_000
ROUNDS = 50


def body() -> bytes:
    """Return a batch as a shop would send it: about 350 bytes an event."""
    chance = random.Random(7)
    events = [
        {
            "id": f"{chance.getrandbits(128):032x}",
            "type": chance.choice(["order_completed", "page_viewed", "login"]),
            "customer_id": f"customer-{chance.randrange(100_000)}",
            "occurred_at": f"2026-03-01T12:{number // 60 % 60:02d}:{number % 60:02d}.250Z",
            "properties": {
                "order_id": f"o-{number}",
                "amount": chance.randrange(10_000) / 100,
                "currency": "EUR",
                "items": chance.randrange(9),
                "coupon": None,
                "channel": "web",
                "url": f"https://shop.example/products/{chance.randrange(1_000)}",
                "campaign": "newsletter-2026-03",
            },
        }
        for number in range(EVENTS)
    ]
    return json.dumps(events, separators=(",", ":")).encode()


def fastest(work: Callable[[], object]) -> float:
    """Return the least seconds that *work* took."""
    least = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - began)
    return least


def main() -> None:
    """Print the ratio first, the absolute figures behind it."""
    sent = body()
    bounds = Bounds()
    now = parse_instant("2026-03-02T00:00:00Z")
    origin = Origin(tenant="t", source="http", now=now, new_id=lambda: "made", key_id="k")

    def judge() -> list[object]:
        check = Door(bounds, origin).check
        return [check(text) for text in cut(sent, bounds).texts]

    judged = judge()
    if not all(isinstance(each, NewEvent) for each in judged):
        raise SystemExit("the door refused an event of the benchmark")
    plain, strict = fastest(lambda: msgspec.json.decode(sent)), fastest(judge)
    print(
        f"door: {strict / plain:.1f} x msgspec.json.decode alone"
        f" ({EVENTS / strict:,.0f} events/s; {EVENTS / plain:,.0f} unchecked;"
        f" {len(sent) / EVENTS:.0f} bytes an event)"
    )


if __name__ == "__main__":
    main()
