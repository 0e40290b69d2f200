"""Alerts: named business events, raised at most once per entry into their condition."""

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
    "lead customer loyal",
    rule("ordered", "lead", "customer", on="ordered"),
    rule("praised", "customer", "loyal", on="praised"),
    rule("left", ["customer", "loyal"], "lead", on="left"),
    signals={"orders": {"count": "ordered", "within": "10d"}},
    alerts=[
        alert("detractor", on="answered", when="properties.score <= 6"),
        alert("busy", when="signals.orders >= 2"),
        alert("bought", inside=["customer", "loyal"], when="signals.orders >= 1"),
        alert("ordering-lead", inside="lead", on="ordered"),
    ],
)

STORIES = [
    Story(
        "an alert on an event is raised at each that matches",
        SHOP,
        given=[did("answered", 0, score=3)],
        when=did("answered", 1, score=0),
        then=[alerted("detractor", 1)],
    ),
    Story(
        "an alert on an event whose condition is false is not raised",
        SHOP,
        given=[did("visited", 0)],
        when=did("answered", 1, score=7),
        then=[],
    ),
    Story(
        "an alert on an event is decided where the subject was",
        SHOP,
        when=did("ordered", 0),
        then=[
            entered("lead", 0),
            alerted("ordering-lead", 0),
            entered("customer", 0),
            alerted("bought", 0),
        ],
    ),
    Story(
        "a level alert is raised once while its condition lasts",
        SHOP,
        given=[did("ordered", 0), did("ordered", 1)],
        when=did("ordered", 2),
        until=10,
        then=[],
    ),
    Story(
        "a level alert is raised anew after a break",
        SHOP,
        given=[did("ordered", 0), did("ordered", 1)],
        when=did("ordered", 10, 1),
        then=[alerted("busy", 10, 1)],
    ),
    Story(
        "a break by time alone is a break",
        SHOP,
        given=[did("ordered", 0), did("ordered", 5), did("ordered", 6)],
        when=did("ordered", 15),
        until=15,
        then=[alerted("busy", 15)],
    ),
    Story(
        "a stage that the alert also watches is no new entry",
        SHOP,
        given=[did("ordered", 0)],
        when=did("praised", 1),
        then=[entered("loyal", 1)],
    ),
    Story(
        "leaving the watched stages and coming back is a new entry",
        SHOP,
        given=[did("ordered", 0), did("left", 1)],
        when=did("ordered", 2),
        then=[
            alerted("ordering-lead", 2),
            entered("customer", 2),
            alerted("busy", 2),
            alerted("bought", 2),
        ],
    ),
]

TRAITED = lifecycle("lead", alerts=[alert("vip", when='traits.plan == "pro"')])

TRAIT_STORIES = [
    Story(
        "a first event may raise a level alert",
        TRAITED,
        when=identified(0, plan="pro"),
        then=[entered("lead", 0), alerted("vip", 0)],
    ),
    Story(
        "an alert follows traits",
        TRAITED,
        given=[identified(0, plan="pro"), identified(1, plan="free")],
        when=identified(2, plan="pro"),
        then=[alerted("vip", 2)],
    ),
]


@both_tellers
@pytest.mark.parametrize("story", STORIES + TRAIT_STORIES, ids=lambda story: story.name)
def test_story(story: Story, tell: Teller) -> None:
    assert told(tell(story)) == story.then


@both_tellers
def test_an_alert_says_where_it_was_raised(tell: Teller) -> None:
    """It carries the sequence of the transition before it, and leads nowhere."""
    story = Story("", SHOP, given=[did("visited", 0)], when=did("answered", 3, score=1), then=[])

    (record,) = tell(story)

    assert (record.kind, record.cause.rule, record.cause.event_id) == ("alert", "detractor", "e2")
    assert (record.from_stage, record.to_stage, record.direction) == ("lead", "lead", "none")
    assert (record.sequence, record.steps, record.cycle) == (1, 0, 1)
    assert record.time_in_previous == 3 * DAY
