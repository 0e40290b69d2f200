"""The ten ranks of customer portfolio management keep their thresholds to the microsecond.

Thresholds as the makers of Japanese shop software publish them: 90 and 210 days of tenure from the
first to the latest order, 70,000 yen in all, 240 days without an order.
"""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.document import to_document
from domain.events import Event
from domain.transitions import Transition
from service.modelling.model_files import load_ready_models
from tests.builders import DAY, Story, at, did, entered, numbered, told
from tests.domain.stories.telling import (
    Historian,
    Teller,
    both_historians,
    both_tellers,
    machine_of,
)

CPM: Final = load_ready_models()["cpm-10"]
DOCUMENT: Final = to_document(CPM)


def ordered(day: float, microseconds: int = 0, /, amount: int = 1) -> Event:
    """Return an order of *amount* yen."""
    return did("order_completed", day, microseconds, amount=amount)


BOUNDARIES = [
    Story(
        "a visit is no order",
        DOCUMENT,
        when=did("page_viewed", 0),
        then=[entered("prospect", 0)],
    ),
    Story(
        "the first order makes a first-time customer, whatever it costs",
        DOCUMENT,
        given=[did("page_viewed", 0)],
        when=ordered(1, amount=1_000_000),
        then=[entered("first_active", 1)],
    ),
    Story(
        "a second order within 90 days makes a toddler",
        DOCUMENT,
        given=[ordered(0)],
        when=ordered(90, -1, amount=1_000_000),
        then=[entered("toddler_active", 90, -1)],
    ),
    Story(
        "tenure of 90 days exactly is no longer a toddler's",
        DOCUMENT,
        given=[ordered(0)],
        when=ordered(90),
        then=[entered("steady_active", 90)],
    ),
    Story(
        "a toddler is outgrown with the order that completes 90 days",
        DOCUMENT,
        given=[ordered(0), ordered(10)],
        when=ordered(90),
        then=[entered("steady_active", 90)],
    ),
    Story(
        "time alone does not outgrow a toddler, since tenure ends with the latest order",
        DOCUMENT,
        given=[ordered(0), ordered(10)],
        until=249,
        then=[],
    ),
    Story(
        "one yen under 70,000 is steady",
        DOCUMENT,
        given=[ordered(0, amount=50_000)],
        when=ordered(90, amount=19_999),
        then=[entered("steady_active", 90)],
    ),
    Story(
        "70,000 yen exactly are trend",
        DOCUMENT,
        given=[ordered(0, amount=50_000)],
        when=ordered(90, amount=20_000),
        then=[entered("trend_active", 90)],
    ),
    Story(
        "tenure just under 210 days is trend",
        DOCUMENT,
        given=[ordered(0, amount=70_000)],
        when=ordered(210, -1),
        then=[entered("trend_active", 210, -1)],
    ),
    Story(
        "tenure of 210 days exactly is best",
        DOCUMENT,
        given=[ordered(0, amount=70_000)],
        when=ordered(210),
        then=[entered("best_active", 210)],
    ),
    Story(
        "tenure of 210 days under 70,000 yen stays steady",
        DOCUMENT,
        given=[ordered(0), ordered(90)],
        when=ordered(210),
        then=[],
    ),
    Story(
        "one microsecond before 240 days nobody has left",
        DOCUMENT,
        given=[ordered(0)],
        until=240,
        until_microseconds=-1,
        then=[],
    ),
    Story(
        "240 days without an order and the customer has left, then and not later",
        DOCUMENT,
        given=[ordered(0)],
        until=300,
        then=[entered("first_left", 240)],
    ),
    Story(
        "the silence counts from the latest order",
        DOCUMENT,
        given=[ordered(0), ordered(89)],
        until=400,
        then=[entered("toddler_left", 329)],
    ),
    Story(
        "an order at the very instant of leaving brings back",
        DOCUMENT,
        given=[ordered(0)],
        when=ordered(240),
        then=[entered("first_left", 240), entered("steady_active", 240)],
    ),
    Story(
        "who left as a trend customer comes back as a best one",
        DOCUMENT,
        given=[ordered(0, amount=70_000), ordered(100)],
        when=ordered(400),
        then=[entered("trend_left", 340), entered("best_active", 400)],
    ),
    Story(
        "Segment's total counts where there is no amount",
        DOCUMENT,
        given=[did("Order Completed", 0, total=70_000)],
        when=did("Order Completed", 90, total=1),
        then=[entered("trend_active", 90)],
    ),
]


def transitions_of(records: list[Transition]) -> list[Transition]:
    """Return *records* without alerts."""
    return [record for record in records if record.kind != "alert"]


@both_tellers
@pytest.mark.parametrize("story", BOUNDARIES, ids=lambda story: story.name)
def test_boundary(story: Story, tell: Teller) -> None:
    assert told(transitions_of(tell(story))) == story.then


@both_historians
def test_all_ten_ranks_are_walked_through(tell: Historian) -> None:
    history = [
        ordered(0, amount=10_000),
        ordered(300, amount=10_000),
        ordered(1000, amount=60_000),
    ]
    toddler = [ordered(0), ordered(10)]
    trend = [ordered(0, amount=70_000), ordered(100)]

    lives = [tell(DOCUMENT, numbered(events), at(2000)) for events in (history, toddler, trend)]

    visited = {record.to_stage for records in lives for record in records}
    assert visited == {stage.id for stage in CPM.stages}


@pytest.mark.parametrize("rank", ["first", "toddler", "steady", "trend", "best"])
def test_a_customer_about_to_leave_is_told_of_a_month_ahead(rank: str) -> None:
    given = {
        "first": [ordered(0)],
        "toddler": [ordered(-10), ordered(0)],
        "steady": [ordered(-90), ordered(0)],
        "trend": [ordered(-90), ordered(0, amount=70_000)],
        "best": [ordered(-210), ordered(0, amount=70_000)],
    }[rank]
    machine = machine_of(CPM)
    state, _ = machine.fold(numbered(given))

    _, records = machine.advance(state, at(300))

    assert [(record.kind, record.to_stage, record.effective_at) for record in records] == [
        ("alert", f"{rank}_active", at(210)),
        ("transition", f"{rank}_left", at(240)),
    ]


def rank_of(orders: list[tuple[int, int]], now: int) -> str:
    """Return the rank by the published table, read off the orders (instant, yen) as they are."""
    if not orders:
        return "prospect"
    latest = max(instant for instant, _ in orders)
    tenure = latest - min(instant for instant, _ in orders)
    total = sum(yen for _, yen in orders)
    if len(orders) == 1:
        rank = "first"
    elif tenure < 90 * DAY:
        rank = "toddler"
    elif total < 70_000:
        rank = "steady"
    else:
        rank = "trend" if tenure < 210 * DAY else "best"
    return f"{rank}_active" if now < latest + 240 * DAY else f"{rank}_left"


@given(
    st.lists(
        st.tuples(st.integers(0, 12).map(lambda month: month * 30), st.integers(0, 3)),
        max_size=6,
    ),
    st.integers(0, 24).map(lambda month: month * 30),
)
def test_any_history_of_orders_ends_in_the_rank_of_the_table(
    orders: list[tuple[int, int]],
    wait: int,
) -> None:
    """Orders fall on multiples of 30 days and 23,333 yen or so, that is, on every threshold."""
    yen = [0, 23_334, 35_000, 70_000]
    events = [did("page_viewed", 0), *(ordered(day, amount=yen[kind]) for day, kind in orders)]
    events.sort(key=lambda event: event.effective_at)
    now = events[-1].effective_at + wait * DAY
    machine = machine_of(CPM)

    state, _ = machine.fold(numbered(events))
    state, _ = machine.advance(state, now)

    expected = rank_of([(at(day), yen[kind]) for day, kind in orders], now)
    assert machine.view(state, now).stage == expected
