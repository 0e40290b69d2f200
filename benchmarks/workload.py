"""What the servers of a benchmark are given to do: a model, events of many customers, requests."""

from __future__ import annotations

import json
import random
import time

import httpx

from benchmarks import load
from benchmarks.fold import MODEL, TYPES, WEIGHTS
from benchmarks.serving import KEY

CUSTOMERS = 5_000
WEEKS = ("warm", "load", "paced")
WEEK_SECONDS = 7 * 86_400
ACTIVE_SECONDS_MAX = 30
HEADERS = {"Authorization": f"Bearer {KEY}"}


def events(count: int, prefix: str) -> list[dict[str, object]]:
    """Return *count* events of about 350 bytes, in order over one week, of many customers.

    Each prefix has a week of its own in `WEEKS`, all of them recent: no deadline has passed since,
    and what is sent later is no late event.
    """
    chance = random.Random(prefix)
    start = time.time() - (len(WEEKS) - WEEKS.index(prefix)) * WEEK_SECONDS
    step = WEEK_SECONDS / count
    return [
        {
            "id": f"{prefix}-{number}-{chance.getrandbits(64):016x}",
            "type": chance.choices(TYPES, WEIGHTS)[0],
            "customer_id": f"customer-{chance.randrange(CUSTOMERS)}",
            "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start + number * step)),
            "properties": {
                "order_id": f"o-{number}",
                "amount": chance.randrange(10_000) / 100,
                "currency": "EUR",
                "channel": "web",
                "url": f"https://shop.example/products/{chance.randrange(1_000)}",
                "campaign": "newsletter-2026-03",
            },
        }
        for number in range(count)
    ]


def strangers(count: int) -> list[bytes]:
    """Return requests that post one event each of *count* customers whom nobody has named yet."""
    made = [
        {**each, "customer_id": f"stranger-{n}"} for n, each in enumerate(events(count, "warm"))
    ]
    return [
        load.request("POST", "/v1/events", KEY, json.dumps(made[at : at + 1_000]).encode())
        for at in range(0, count, 1_000)
    ]


def batches(count: int, size: int, prefix: str, path: str = "/v1/events") -> list[bytes]:
    """Return requests that post *count* events, *size* at a time."""
    made = events(count, prefix)
    return [
        load.request("POST", path, KEY, json.dumps(made[at : at + size]).encode())
        for at in range(0, count, size)
    ]


def singles(count: int, prefix: str, path: str = "/v1/events") -> list[bytes]:
    """Return requests that post *count* events, each as an object by itself."""
    return [
        load.request("POST", path, KEY, json.dumps(each).encode()) for each in events(count, prefix)
    ]


def reads(names: list[str], count: int, path: str = "") -> list[bytes]:
    """Return requests for *names* in turn; with *path* as many for that instead."""
    paths = [path or f"/v1/customers/{name}" for name in names]
    return [load.request("GET", paths[number % len(paths)], KEY) for number in range(count)]


def publish_model(port: int) -> None:
    """Publish the model of the fold's benchmark and return when it is active."""
    url = f"http://127.0.0.1:{port}/v1/models/{MODEL['model']}"
    with httpx.Client(headers=HEADERS) as client:
        version = client.put(url, json=MODEL).raise_for_status().json()["version"]
        client.post(f"{url}/versions/{version}/activate").raise_for_status()
        end = time.monotonic() + ACTIVE_SECONDS_MAX
        while not client.get(url).raise_for_status().json()["active"]:
            if time.monotonic() > end:
                message = f"model {MODEL['model']} is not active after {ACTIVE_SECONDS_MAX} s"
                raise SystemExit(message)
            time.sleep(0.05)
