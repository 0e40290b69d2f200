"""Conditions on `now`: time alone turns them true, false and true again, watched by us."""

from __future__ import annotations

import pytest

from tests.builders import Story, alert, alerted, did, entered, lifecycle, refused, rule, told
from tests.domain.stories.telling import Teller, both_tellers

FRESH_OR_OLD = '(now - entered_at < duration("24h")) || now - signals.last_visit >= duration("72h")'
_LAST_VISIT = {"last_visit": {"last": "visited"}}

TWICE = lifecycle("lead", signals=_LAST_VISIT, alerts=[alert("twice", when=FRESH_OR_OLD)])
TWICE_REFUSED = lifecycle(
    "lead customer",
    rule("ordered", "lead", "customer", on="ordered"),
    rule("twice", "customer", "lead", when=FRESH_OR_OLD),
    direction="forward_only",
    signals=_LAST_VISIT,
)
WINDOWED = lifecycle(
    "lead",
    signals={"last_visit": {"last": "visited", "within": "2d"}},
    alerts=[alert("old", when='now - signals.last_visit >= duration("24h")')],
)

STORIES = [
    Story(
        "a condition that time turned false and true again raises its alert again",
        TWICE,
        given=[did("noticed", 0), did("visited", 2)],
        until=9,
        then=[alerted("twice", 5)],
    ),
    Story(
        "a condition that time turned false and true again is suppressed again",
        TWICE_REFUSED,
        given=[did("ordered", 0), did("visited", 2)],
        until=9,
        then=[refused("lead", 5)],
    ),
    Story(
        "a condition is watched from the event on that made it possible",
        WINDOWED,
        given=[did("noticed", 0), did("visited", 0)],
        until=1,
        then=[alerted("old", 1)],
    ),
    Story(
        "a condition over a window is false again when the window has passed",
        WINDOWED,
        given=[did("visited", 0), did("noticed", 1), did("visited", 5)],
        until=9,
        then=[alerted("old", 6)],
    ),
    Story(
        "what is entered at the instant of an event is dated by it",
        TWICE,
        when=did("noticed", 0),
        then=[entered("lead", 0), alerted("twice", 0)],
    ),
]


@both_tellers
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story(story: Story, tell: Teller) -> None:
    assert told(tell(story)) == story.then
