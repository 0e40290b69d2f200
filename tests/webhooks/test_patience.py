"""When a delivery is tried again, and when an endpoint is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.instants import DAY, HOUR, MINUTE, SECOND
from service.webhooks.breaker import FAILURES_MAX, LONGEST_REST, Breaker
from service.webhooks.schedule import ATTEMPTS_MAX, STEPS, next_attempt_at, retry_after_of

NOW = 1_000 * DAY


@pytest.mark.parametrize("attempts", range(1, ATTEMPTS_MAX))
def test_unshaken_waits_are_those_of_the_schedule(attempts: int) -> None:
    assert next_attempt_at(attempts, now=NOW, chance=0.5) == NOW + STEPS[attempts]


def test_after_the_last_attempt_there_is_none() -> None:
    assert next_attempt_at(ATTEMPTS_MAX, now=NOW, chance=0.5) is None


@given(st.integers(1, ATTEMPTS_MAX - 1), st.floats(0, 1), st.integers(0, 3 * DAY))
def test_a_wait_is_within_a_fifth_and_never_less_than_was_asked_for(
    attempts: int, chance: float, asked: int
) -> None:
    found = next_attempt_at(attempts, now=NOW, chance=chance, retry_after=asked)

    assert found is not None
    wait = found - NOW
    assert wait >= min(asked, DAY)
    assert STEPS[attempts] * 0.8 <= wait <= max(STEPS[attempts] * 1.2, min(asked, DAY)) + 1


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("0", 0),
        ("120", 2 * MINUTE),
        ("99999999999999", DAY),
        ("-5", None),
        ("", None),
        ("Wed, 27 Sep 1972 01:00:00 GMT", HOUR),
        ("Mon, 25 Sep 1972 00:00:00 GMT", 0),
        ("tomorrow", None),
        ("١٢", None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(field: str, expected: int | None) -> None:
    assert retry_after_of({"retry-after": field}, now=NOW) == expected


def failed(times: int, *, every: int = SECOND) -> Breaker:
    breaker = Breaker()
    for nth in range(times):
        breaker = breaker.failed(NOW + nth * every)
    return breaker


def test_a_few_failures_leave_it_closed() -> None:
    assert failed(FAILURES_MAX - 1).condition(NOW + HOUR) == "closed"


def test_failures_in_a_row_open_it_and_time_lets_one_probe_through() -> None:
    breaker = failed(FAILURES_MAX)
    assert breaker.until is not None

    assert breaker.condition(breaker.until - 1) == "open"
    assert breaker.condition(breaker.until) == "half_open"


def test_a_failed_probe_opens_it_for_twice_as_long_up_to_a_bound() -> None:
    breaker = failed(FAILURES_MAX)
    rests = []
    for _ in range(10):
        assert breaker.until is not None
        probed_at = breaker.until
        breaker = breaker.failed(probed_at)
        assert breaker.until is not None
        rests.append(breaker.until - probed_at)

    assert rests[:3] == [MINUTE, 2 * MINUTE, 4 * MINUTE]
    assert rests[-1] == LONGEST_REST


def test_one_success_forgets_every_failure() -> None:
    assert failed(FAILURES_MAX).succeeded() == Breaker()


def test_a_receiver_that_asks_for_rest_gets_it_at_once() -> None:
    breaker = Breaker().failed(NOW, rest=5 * MINUTE)

    assert breaker.until == NOW + 5 * MINUTE


def test_an_endpoint_is_given_up_only_after_days_of_many_failures() -> None:
    often, seldom = failed(20, every=6 * HOUR), failed(19, every=7 * HOUR)

    assert not often.is_hopeless(NOW + 5 * DAY - 1)
    assert often.is_hopeless(NOW + 5 * DAY)
    assert not seldom.is_hopeless(NOW + 30 * DAY)
