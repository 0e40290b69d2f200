"""P4 and P7 over any store: single events, one customer read, beside routes that only answer.

The two take turns, so that other work on the machine meets them alike; a ratio is the median.
Beside the latency of paced events stands what a commit of a single row takes on the same disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from benchmarks import load
from benchmarks.figures import Figure, ratio, say
from benchmarks.load import loaded
from benchmarks.serving import PATH_OF_IDLE, idle
from benchmarks.workload import HEADERS, batches, events, reads, singles, strangers

ROUNDS = 8
PACED_EVENTS = 5_000
PACED_RATE = 500.0
SINGLE_ANSWER_BYTES = 190
BARE_COMMITS = 1_000


def measure_singles(port: int, store: str, count: int, commit: Callable[[], None]) -> None:
    """Tell P4: one event a request, 256 clients; the latency at 500 a second; and P7.

    *commit* makes one row durable in the same kind of database on the same disk.
    """
    loaded(port, 4, batches(10_000, 1_000, "warm"))
    sent, nothing = singles(count, "load"), singles(count, "load", PATH_OF_IDLE)
    rounds = beside_idle(port, 256, sent, nothing, SINGLE_ANSWER_BYTES)
    say(ratio("P4", f"{store}: single events, 256 clients ÷ idle route", rounds, 0.75, "events/s"))
    measure_pace(port, store, commit)
    measure_reads(port, store, count)


def measure_pace(port: int, store: str, commit: Callable[[], None]) -> None:
    """Tell the latency of single events at a steady pace, and of bare commits before and after."""
    bare = commits(commit)
    paced = load.run(port, 64, singles(PACED_EVENTS, "paced"), PACED_RATE)
    bare = sorted(bare + commits(commit))
    what = f"{store}: 99th percentile at {PACED_RATE:.0f} single events/s"
    detail = (
        f"median {paced.p50_ms:.1f} ms, counted from when each was due; "
        f"a bare commit: {bare[len(bare) * 99 // 100]:.1f} ms, median {bare[len(bare) // 2]:.1f}"
    )
    say(Figure("P4", what, paced.p99_ms, 10.0, detail, at_most=True, unit="ms"))


def commits(commit: Callable[[], None]) -> list[float]:
    """Return how many milliseconds each of some commits takes, one after another."""
    taken = []
    for _ in range(BARE_COMMITS):
        start = time.perf_counter()
        commit()
        taken.append((time.perf_counter() - start) * 1000)
    return taken


def beside_idle(
    port: int, clients: int, requests: list[bytes], nothing: list[bytes], answer_bytes: int
) -> list[tuple[float, float]]:
    """Return requests per second of ours and of the idle route, in turns."""
    share = len(requests) // ROUNDS
    with idle(answer_bytes) as other:
        loaded(other, clients, nothing[:share])
        return [
            (
                loaded(port, clients, requests[at : at + share]),
                loaded(other, clients, nothing[at : at + share]),
            )
            for at in range(0, share * ROUNDS, share)
        ]


def measure_reads(port: int, store: str, count: int) -> None:
    """Tell P7: reading one customer, 32 clients; some thousands again and again, and each once."""
    loaded(port, 4, strangers(count))
    known = sorted({str(each["customer_id"]) for each in events(count, "load")})
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=HEADERS) as client:
        answer = client.get(f"/v1/customers/{known[0]}").raise_for_status()
    if not answer.json()["stages"]:
        raise SystemExit("expected a customer with a stage, found one without")
    loaded(port, 32, reads(known, len(known)))
    once = [f"stranger-{number}" for number in range(count)]
    for who, names in (
        (f"one of {len(known):,} customers read before", known),
        ("one never read before", once),
    ):
        sent, nothing = reads(names, count), reads(names, count, PATH_OF_IDLE)
        rounds = beside_idle(port, 32, sent, nothing, len(answer.content))
        say(ratio("P7", f"{store}: {who}, 32 clients ÷ idle route", rounds, 0.6, "requests/s"))
