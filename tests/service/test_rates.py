"""Quotas: what a key may ask for in a second, told by a clock that the test turns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.instants import SECOND
from service.access.keys import Principal
from service.access.rates import BUCKETS_MAX, RETRY_SECONDS_MAX, Bucket, Rates
from service.errors import Problem
from tests.http.conftest import TurnedClock

ANN = Principal("k1", "default", frozenset({"admin"}), None)


def rates(clock: TurnedClock, events: int = 10, requests: int = 2) -> Rates:
    return Rates(clock, events_per_second=events, requests_per_second=requests)


def test_a_quota_is_spent_and_fills_as_time_passes() -> None:
    clock = TurnedClock()
    found = rates(clock)

    found.enter(ANN, "api")
    found.enter(ANN, "api")
    with pytest.raises(Problem) as refused:
        found.enter(ANN, "api")
    clock.turn(seconds=0.5)
    bucket = found.enter(ANN, "api")

    assert refused.value.code == "rate_limited"
    assert refused.value.retry_after_seconds == 1
    assert refused.value.extensions == {"violated-policies": ["api"]}
    assert bucket is not None
    assert bucket.level == 0


def test_a_batch_larger_than_the_quota_gets_in_and_the_next_waits_for_it() -> None:
    clock = TurnedClock()
    found = rates(clock)

    found.enter(ANN, "write")
    found.charge("k1", 35)
    with pytest.raises(Problem) as refused:
        found.enter(ANN, "write")
    clock.turn(seconds=3)

    assert refused.value.retry_after_seconds == 3
    assert found.enter(ANN, "write") is not None


def test_nobody_is_told_to_wait_longer_than_clients_do() -> None:
    found = rates(TurnedClock())

    found.enter(ANN, "write")
    found.charge("k1", 1_000_000)

    with pytest.raises(Problem) as refused:
        found.enter(ANN, "write")
    assert refused.value.retry_after_seconds == RETRY_SECONDS_MAX


def test_keys_do_not_share_a_quota_and_may_have_one_of_their_own() -> None:
    clock = TurnedClock()
    found = rates(clock, requests=1)
    busy = Principal("k2", "default", frozenset(), None, requests_per_second=1_000)
    free = Principal("k3", "default", frozenset(), None, requests_per_second=0)

    found.enter(ANN, "api")
    many = [found.enter(busy, "api") for _ in range(1_000)]

    assert all(many)
    assert found.enter(free, "api") is None
    with pytest.raises(Problem):
        found.enter(ANN, "api")


def test_what_is_left_is_told_in_header_fields() -> None:
    found = rates(TurnedClock(), events=10_000)

    bucket = found.enter(ANN, "write")
    found.charge("k1", 59)

    assert bucket is not None
    assert bucket.fields() == [
        (b"ratelimit-policy", b'"write";q=10000;w=1;qu="events"'),
        (b"ratelimit", b'"write";r=9941;t=1'),
    ]


def test_however_many_keys_there_are_memory_is_bounded() -> None:
    clock = TurnedClock()
    found = rates(clock)

    for number in range(BUCKETS_MAX + 10):
        found.enter(Principal(f"k{number}", "default", frozenset(), None), "api")

    assert len(found._buckets) <= BUCKETS_MAX  # noqa: SLF001 -- the bound itself is the promise


@given(st.integers(1, 1_000), st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(0, 50))))
def test_no_more_is_let_in_than_the_quota_and_one_batch(
    quota: int, visits: list[tuple[int, int]]
) -> None:
    """In any stretch of time: what it held at first, what time brought, and the last debt."""
    bucket, now, taken, last = Bucket("write", quota, 0), 0, 0, 0
    for wait, events in visits:
        now += wait
        bucket.fill(now)
        if bucket.level >= SECOND:
            bucket.level -= events * SECOND
            taken, last = taken + events, events

    assert (taken - last) * SECOND <= quota * SECOND + now * quota
