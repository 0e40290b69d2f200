"""`for`: what has to hold without a break, and what breaks it."""

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
    put_into,
    rule,
    told,
)
from tests.domain.stories.telling import Teller, both_tellers

CONDITION = lifecycle(
    "lead warm hot settled",
    rule("warmed", "lead", "warm", on="met"),
    rule("settled", ["lead", "warm"], "settled", when='traits.plan == "pro"', hold_for="7d"),
    rule("restarted", "settled", "lead", on="restarted"),
)

LEVEL_STORIES = [
    Story(
        "a hold completes exactly when its time is up",
        CONDITION,
        given=[identified(0, plan="pro")],
        until=7,
        then=[entered("settled", 7)],
    ),
    Story(
        "a hold is not complete one microsecond before",
        CONDITION,
        given=[identified(0, plan="pro")],
        until=7,
        until_microseconds=-1,
        then=[],
    ),
    Story(
        "a hold is dated when it completed, not when that was noticed",
        CONDITION,
        given=[identified(0, plan="pro")],
        when=did("met", 30),
        then=[entered("settled", 7)],
    ),
    Story(
        "a break makes a hold begin anew",
        CONDITION,
        given=[identified(0, plan="pro"), identified(3, plan="free"), identified(4, plan="pro")],
        until=30,
        then=[entered("settled", 11)],
    ),
    Story(
        "an event that leaves the condition true does not break the hold",
        CONDITION,
        given=[identified(0, plan="pro"), identified(3, plan="pro", city="Kyoto")],
        until=30,
        then=[entered("settled", 7)],
    ),
    Story(
        "a break just before completion counts",
        CONDITION,
        given=[identified(0, plan="pro")],
        when=identified(7, -1, plan="free"),
        until=30,
        then=[],
    ),
    Story(
        "a break at the instant of completion comes too late",
        CONDITION,
        given=[identified(0, plan="pro")],
        when=identified(7, plan="free"),
        until=30,
        then=[entered("settled", 7)],
    ),
    Story(
        "a hold goes on from stage to stage while the rule leaves both",
        CONDITION,
        given=[identified(0, plan="pro"), did("met", 3)],
        until=30,
        then=[entered("settled", 7)],
    ),
    Story(
        "a stage that the rule does not leave breaks the hold",
        CONDITION,
        given=[
            identified(0, plan="pro"),
            put_into("hot", 3, model="story"),
            put_into("warm", 5, model="story"),
        ],
        until=30,
        then=[entered("settled", 12)],
    ),
    Story(
        "a hold begins with the entry when the condition was true before",
        CONDITION,
        given=[identified(0, plan="pro"), did("restarted", 9)],
        until=30,
        then=[entered("settled", 16)],
    ),
]

WINDOWED = lifecycle(
    "lead quiet",
    rule("quiet", "lead", "quiet", when="signals.visits == 0", hold_for="3d"),
    signals={"visits": {"count": "visited", "within": "4d"}},
)

BUSY = lifecycle(
    "lead busy",
    rule("busy", "lead", "busy", when="signals.visits >= 2", hold_for="3d"),
    signals={"visits": {"count": "visited", "within": "4d"}},
)

TIME_STORIES = [
    Story(
        "a hold begins when time alone makes its condition true",
        WINDOWED,
        given=[did("visited", 0)],
        until=30,
        then=[entered("quiet", 7)],
    ),
    Story(
        "time alone breaks a hold",
        BUSY,
        given=[did("visited", 0), did("visited", 2)],
        until=30,
        then=[],
    ),
    Story(
        "what holds for exactly long enough is complete",
        BUSY,
        given=[did("visited", 0), did("visited", 0)],
        until=30,
        then=[entered("busy", 3)],
    ),
]

RUNS = lifecycle(
    "lead sad lost other",
    rule(
        "sad", ["lead", "other"], "sad", on="answered", when="properties.score <= 6", hold_for="5d"
    ),
    rule("away", "lead", "lost", on="cancelled"),
    rule("aside", "lead", "other", on="moved"),
    rule("found", "lost", "lead", on="found"),
)

RUN_STORIES = [
    Story(
        "a run of an event completes when nothing broke it",
        RUNS,
        given=[did("visited", 0), did("answered", 1, score=3)],
        until=30,
        then=[entered("sad", 6)],
    ),
    Story(
        "an event of the same type that does not match breaks the run",
        RUNS,
        given=[did("visited", 0), did("answered", 1, score=3)],
        when=did("answered", 5, score=9),
        until=30,
        then=[],
    ),
    Story(
        "an event of the same type that has no answer breaks the run",
        RUNS,
        given=[did("visited", 0), did("answered", 1, score=3)],
        when=did("answered", 5),
        until=30,
        then=[],
    ),
    Story(
        "another event of the same type that matches continues the run",
        RUNS,
        given=[did("visited", 0), did("answered", 1, score=3), did("answered", 4, score=2)],
        until=30,
        then=[entered("sad", 6)],
    ),
    Story(
        "events of other types leave the run alone",
        RUNS,
        given=[did("visited", 0), did("answered", 1, score=3)],
        when=did("visited", 5),
        until=30,
        then=[entered("sad", 6)],
    ),
    Story(
        "leaving the stage breaks the run",
        RUNS,
        given=[did("visited", 0), did("answered", 1, score=3), did("cancelled", 2)],
        when=did("found", 3),
        until=30,
        then=[entered("lead", 3)],
    ),
    Story(
        "a stage that the rule also leaves keeps the run",
        RUNS,
        given=[did("visited", 0), did("answered", 1, score=3)],
        when=did("moved", 2),
        until=30,
        then=[entered("other", 2), entered("sad", 6)],
    ),
    Story(
        "a first event may begin a run",
        RUNS,
        when=did("answered", 0, score=0),
        until=5,
        then=[entered("lead", 0), entered("sad", 5)],
    ),
]

DATED = lifecycle(
    "lead cold",
    rule("cold", "lead", "cold", after="10d", when="!has(traits.vip)", hold_for="3d"),
    alerts=[
        alert("vip-quiet", when="has(traits.vip)", hold_for="2d"),
        alert("sad", on="answered", when="properties.score <= 6", hold_for="2d"),
    ],
)

DATED_STORIES = [
    Story(
        "a hold on a silence begins when the silence is complete",
        DATED,
        given=[did("visited", 0)],
        until=30,
        then=[entered("cold", 13)],
    ),
    Story(
        "a hold on a silence that was broken begins anew",
        DATED,
        given=[did("visited", 0), identified(11, vip=True), identified(12, vip=None)],
        until=30,
        then=[entered("cold", 15)],
    ),
    Story(
        "an alert may be held too, and is raised once while its condition lasts",
        DATED,
        given=[did("visited", 0), identified(1, vip=True)],
        until=60,
        then=[alerted("vip-quiet", 3)],
    ),
    Story(
        "a held alert is raised anew after a break",
        DATED,
        given=[identified(0, vip=True), identified(3, vip=None)],
        when=identified(4, vip=True),
        until=60,
        then=[alerted("vip-quiet", 6)],
    ),
    Story(
        "an alert on a run of events is raised when the run completes",
        DATED,
        given=[did("answered", 0, score=3)],
        until=5,
        then=[alerted("sad", 2)],
    ),
]


@both_tellers
@pytest.mark.parametrize(
    "story",
    LEVEL_STORIES + TIME_STORIES + RUN_STORIES + DATED_STORIES,
    ids=lambda story: story.name,
)
def test_story(story: Story, tell: Teller) -> None:
    assert told(tell(story)) == story.then


@both_tellers
def test_a_completed_hold_is_a_deadline(tell: Teller) -> None:
    """Time alone completed it, so no event is named."""
    story = Story("", CONDITION, given=[identified(0, plan="pro")], until=30, then=[])

    (record,) = tell(story)

    assert (record.cause.kind, record.cause.rule, record.cause.event_id) == (
        "deadline",
        "settled",
        None,
    )
    assert record.time_in_previous == 7 * DAY
