"""How fast other formats come in, as a share of our own JSON in batches of the same size.

    python -m benchmarks.formats [--events 20000]

The same events in each format, over HTTP, durable and folded by one model on SQLite; formats take
turns, so that other work on the machine meets them alike, and a ratio is the median of the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.load import loaded, request
from benchmarks.serving import KEY, stagefold
from benchmarks.workload import events, publish_model

ROUNDS = 5
CLIENTS = 4
NATIVE = "our JSON"
Members = Mapping[str, object]


def _body(items: Sequence[Members]) -> bytes:
    return json.dumps(list(items)).encode()


def native(items: Sequence[Members]) -> bytes:
    """Return a request with *items* as our own JSON."""
    return request("POST", "/v1/events", KEY, _body(items))


def lines(items: Sequence[Members]) -> bytes:
    """Return a request with *items* as lines."""
    body = "\n".join(map(json.dumps, items)).encode()
    return request("POST", "/v1/events", KEY, body, "application/x-ndjson")


def cloudevents(items: Sequence[Members]) -> bytes:
    """Return a request with *items* as a batch of CloudEvents."""
    found = [
        {
            "specversion": "1.0",
            "id": each["id"],
            "source": "/shop",
            "type": each["type"],
            "subject": each["customer_id"],
            "time": each["occurred_at"],
            "data": each["properties"],
        }
        for each in items
    ]
    return request("POST", "/v1/events", KEY, _body(found), "application/cloudevents-batch+json")


def segment(items: Sequence[Members]) -> bytes:
    """Return a request with *items* as track calls, as Segment's library for Python writes them."""
    library = {"library": {"name": "analytics-python", "version": "2.4.0"}}
    calls = [
        {
            "type": "track",
            "integrations": {},
            "context": library,
            "anonymousId": None,
            "messageId": each["id"],
            "event": each["type"],
            "userId": each["customer_id"],
            "timestamp": each["occurred_at"],
            "properties": each["properties"],
        }
        for each in items
    ]
    return request("POST", "/v1/batch", KEY, json.dumps({"batch": calls}).encode())


def posthog(items: Sequence[Members]) -> bytes:
    """Return a request with *items* as PostHog's captures."""
    found = [
        {
            "uuid": each["id"],
            "event": each["type"],
            "distinct_id": each["customer_id"],
            "timestamp": each["occurred_at"],
            "properties": each["properties"],
        }
        for each in items
    ]
    return request("POST", "/batch/", KEY, json.dumps({"batch": found}).encode())


FORMATS: dict[str, Callable[[Sequence[Members]], bytes]] = {
    NATIVE: native,
    "NDJSON": lines,
    "CloudEvents": cloudevents,
    "Segment": segment,
    "PostHog": posthog,
}


def _of(name: str, event: Members) -> Members:
    """Return *event* for a customer whom no other format speaks of: none is late for another."""
    return {**event, "customer_id": f"{name}-{event['customer_id']}"}


def measure(port: int, count: int, size: int) -> dict[str, list[float]]:
    """Return events per second of each format, round by round."""
    made, share = events(count, "load"), count // ROUNDS
    found: dict[str, list[float]] = {name: [] for name in FORMATS}
    for at in range(0, share * ROUNDS, share):
        for name, written in FORMATS.items():
            items = [_of(name, each) for each in made[at : at + share]]
            requests = [written(items[n : n + size]) for n in range(0, share, size)]
            found[name].append(loaded(port, CLIENTS, requests) * size)
    return found


def main() -> None:
    """Tell the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    arguments = parser.parse_args()
    for size in (100, 500):
        with tempfile.TemporaryDirectory() as folder, stagefold(Path(folder)) as port:
            publish_model(port)
            found = measure(port, arguments.events, size)
        print(f"batches of {size}: {NATIVE} {statistics.median(found[NATIVE]):,.0f} events/s")
        for name in list(FORMATS)[1:]:
            shares = [a / b for a, b in zip(found[name], found[NATIVE], strict=True)]
            print(
                f"  {name:12} {statistics.median(shares):.2f} ({min(shares):.2f}-{max(shares):.2f})"
            )


if __name__ == "__main__":
    main()
