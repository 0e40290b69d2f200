"""Silence: deadlines fall on the microsecond, dated when they fell due, noticed or not."""

from __future__ import annotations

import pytest

from tests.builders import (
    DAY,
    Story,
    alert,
    alerted,
    did,
    entered,
    identified,
    lifecycle,
    rule,
    told,
)
from tests.domain.stories.telling import Teller, both_tellers

SHOP = lifecycle(
    "lead customer dormant lost",
    rule("first-order", "lead", "customer", on="ordered"),
    rule("silence", "customer", "dormant", after="30d", since="last_order"),
    rule("lost", "dormant", "lost", after="60d"),
    rule("won-back", ["dormant", "lost"], "customer", on="ordered"),
    signals={"last_order": {"last": "ordered"}},
)

SINCE_NULL = lifecycle(
    "lead stale",
    rule("silence", "lead", "stale", after="10d", since="last_order"),
    signals={"last_order": {"last": "ordered"}},
)

TIE = lifecycle(
    "lead one two three",
    rule("to-two", "lead", "two", after="5d", since="last_visit"),
    rule("to-one", "lead", "one", after="5d"),
    rule("to-three", "two", "three", after="5d", since="last_visit"),
    signals={"last_visit": {"last": "visited"}},
)

SHARED = lifecycle(
    "lead customer loyal dormant",
    rule("ordered", "lead", "customer", on="ordered"),
    rule("praised", "customer", "loyal", on="praised"),
    rule("in-stage", ["customer", "loyal"], "dormant", after="10d"),
)

LAPSING = lifecycle(
    "lead customer asleep",
    rule("ordered", "lead", "customer", on="ordered"),
    rule("asleep", "customer", "asleep", after="10d", since="last_order", when="!has(traits.vip)"),
    signals={"last_order": {"last": "ordered"}},
)

EVENT_AND_DEADLINE = lifecycle(
    "lead customer dormant",
    rule("silence", "lead", "dormant", after="10d"),
    rule("ordered", "lead", "customer", on="ordered"),
    rule("back", "dormant", "customer", on="ordered"),
)

LATE_BASE = lifecycle(
    "lead member lapsed gone",
    rule("joined", "lead", "member", on="joined"),
    rule("lapsed", "member", "lapsed", after="10d", since="last_visit"),
    rule("gone", "lapsed", "gone", after="20d", since="last_visit"),
    signals={"last_visit": {"last": "visited"}},
)

STORIES = [
    Story(
        "a deadline has not fallen one microsecond early",
        SHOP,
        given=[did("ordered", 0)],
        until=30,
        until_microseconds=-1,
        then=[],
    ),
    Story(
        "a deadline falls exactly when it is due",
        SHOP,
        given=[did("ordered", 0)],
        until=30,
        then=[entered("dormant", 30)],
    ),
    Story(
        "silence is dated when it fell due, not when it was noticed",
        SHOP,
        given=[did("ordered", 0)],
        when=did("visited", 40),
        then=[entered("dormant", 30)],
    ),
    Story(
        "one deadline leads to the next, each dated when it fell due",
        SHOP,
        given=[did("ordered", 0)],
        until=400,
        then=[entered("dormant", 30), entered("lost", 90)],
    ),
    Story(
        "deadlines fall before the event that comes after them",
        SHOP,
        given=[did("ordered", 0)],
        when=did("ordered", 91),
        then=[entered("dormant", 30), entered("lost", 90), entered("customer", 91)],
    ),
    Story(
        "the signal it counts from puts a deadline off",
        SHOP,
        given=[did("ordered", 0), did("ordered", 20)],
        until=50,
        until_microseconds=-1,
        then=[],
    ),
    Story(
        "an order one microsecond before the deadline puts it off",
        SHOP,
        given=[did("ordered", 0)],
        when=did("ordered", 30, -1),
        until=59,
        then=[],
    ),
    Story(
        "a deadline falls before an event of the same instant is taken in",
        SHOP,
        given=[did("ordered", 0)],
        when=did("ordered", 30),
        then=[entered("dormant", 30), entered("customer", 30)],
    ),
    Story(
        "a deadline that takes the stage away first leaves the event to the new one",
        EVENT_AND_DEADLINE,
        given=[did("visited", 0)],
        when=did("ordered", 10),
        then=[entered("dormant", 10), entered("customer", 10)],
    ),
    Story(
        "an event just before the deadline makes it void",
        EVENT_AND_DEADLINE,
        given=[did("visited", 0)],
        when=did("ordered", 10, -1),
        until=30,
        then=[entered("customer", 10, -1)],
    ),
    Story(
        "without the instant it counts from, silence begins with the stage",
        SINCE_NULL,
        given=[did("visited", 1)],
        until=30,
        then=[entered("stale", 11)],
    ),
    Story(
        "once there is an instant, silence counts from it",
        SINCE_NULL,
        given=[did("visited", 1), did("ordered", 5)],
        until=30,
        then=[entered("stale", 15)],
    ),
    Story(
        "of two deadlines at one instant the first in the document falls",
        TIE,
        given=[did("visited", 0)],
        until=5,
        then=[entered("two", 5), entered("three", 5)],
    ),
    Story(
        "the earlier of two deadlines falls first, whatever their order",
        TIE,
        given=[did("visited", 0), did("visited", 1)],
        until=5,
        then=[entered("one", 5)],
    ),
    Story(
        "time in the stage begins anew in each of several stages",
        SHARED,
        given=[did("ordered", 0), did("praised", 6)],
        until=30,
        then=[entered("dormant", 16)],
    ),
    Story(
        "a deadline that is over when its stage is entered falls at the entry",
        LATE_BASE,
        given=[did("visited", 0)],
        when=did("joined", 15),
        then=[entered("member", 15), entered("lapsed", 15)],
    ),
    Story(
        "deadlines that are over fall one after the other at the entry",
        LATE_BASE,
        given=[did("visited", 0)],
        when=did("joined", 25),
        then=[entered("member", 25), entered("lapsed", 25), entered("gone", 25)],
    ),
    Story(
        "a deadline that is due exactly at the entry falls at the entry",
        LATE_BASE,
        given=[did("visited", 5)],
        when=did("joined", 15),
        then=[entered("member", 15), entered("lapsed", 15)],
    ),
]

LAPSES = [
    Story(
        "a deadline falls when its condition holds at that instant",
        LAPSING,
        given=[identified(0, vip=True), did("ordered", 1), identified(10, vip=None)],
        until=20,
        then=[entered("asleep", 11)],
    ),
    Story(
        "a deadline whose condition is false when it falls lapses",
        LAPSING,
        given=[identified(0, vip=True), did("ordered", 1), identified(12, vip=None)],
        until=60,
        then=[],
    ),
    Story(
        "the condition is tested before the event of the same instant",
        LAPSING,
        given=[identified(0, vip=True), did("ordered", 1)],
        when=identified(11, vip=None),
        until=60,
        then=[],
    ),
    Story(
        "a lapsed deadline comes back when its base changes",
        LAPSING,
        given=[
            identified(0, vip=True),
            did("ordered", 1),
            identified(12, vip=None),
            did("ordered", 13),
        ],
        until=60,
        then=[entered("asleep", 23)],
    ),
]

ALERTS = lifecycle(
    "lead customer dormant",
    rule("ordered", "lead", "customer", on="ordered"),
    rule("silence", "customer", "dormant", after="14d"),
    rule("back", "dormant", "customer", on="ordered"),
    alerts=[
        alert("stuck", inside="customer", after="14d", when="signals.steps < 3"),
        alert("quiet", after="5d", since="last_order"),
    ],
    signals={"steps": {"count": "stepped"}, "last_order": {"last": "ordered"}},
)

ALERT_STORIES = [
    Story(
        "an alert is raised by silence, before the transition of the same instant",
        ALERTS,
        given=[did("ordered", 0)],
        until=30,
        then=[alerted("quiet", 5), alerted("stuck", 14), entered("dormant", 14)],
    ),
    Story(
        "an alert whose condition is false when it falls due is not raised",
        ALERTS,
        given=[did("ordered", 0), did("stepped", 1), did("stepped", 2), did("stepped", 13)],
        until=30,
        then=[entered("dormant", 14)],
    ),
    Story(
        "an alert is raised once per base",
        ALERTS,
        given=[did("ordered", 0), did("ordered", 7)],
        until=13,
        then=[alerted("quiet", 12)],
    ),
    Story(
        "an alert is raised anew after the stage was entered anew",
        ALERTS,
        given=[did("ordered", 0), did("ordered", 20)],
        until=40,
        then=[alerted("quiet", 25), alerted("stuck", 34), entered("dormant", 34)],
    ),
]


@both_tellers
@pytest.mark.parametrize("story", STORIES + LAPSES + ALERT_STORIES, ids=lambda story: story.name)
def test_story(story: Story, tell: Teller) -> None:
    assert told(tell(story)) == story.then


@both_tellers
def test_a_deadline_follows_from_the_event_before_it(tell: Teller) -> None:
    """Noticed at a later event, it still carries the position of the one before."""
    story = Story("", SHOP, given=[did("ordered", 0)], when=did("visited", 40), then=[])

    (record,) = tell(story)

    assert (record.cause.kind, record.cause.rule, record.cause.event_id) == (
        "deadline",
        "silence",
        None,
    )
    assert record.position == 1
    assert record.time_in_previous == 30 * DAY
