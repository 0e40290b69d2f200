"""`at`: dates that a subject carries, in the time zone of the model."""

from __future__ import annotations

import pytest

from tests.builders import (
    Story,
    alert,
    alerted,
    did,
    entered,
    identified,
    lifecycle,
    on_date,
    rule,
    told,
)
from tests.domain.stories.telling import Teller, both_tellers

CONTRACT = lifecycle(
    "customer renewing ended",
    rule("renewing", "customer", "renewing", at="traits.ends_at", offset="-30d"),
    rule("ended", "renewing", "ended", at="traits.ends_at", when="!has(traits.renewed)"),
    alerts=[alert("survey", at="traits.ends_at", offset="10d")],
    timezone="Asia/Tokyo",
)

BERLIN = lifecycle(
    "customer ended",
    rule("ended", "customer", "ended", at="traits.ends_at", offset="-1mo"),
    timezone="Europe/Berlin",
)

EXPRESSION = lifecycle(
    "customer ended",
    rule("ended", "customer", "ended", at='signals.last_order + duration("48h")'),
    signals={"last_order": {"last": "ordered"}},
)

ENDS = "2026-03-02T00:00:00Z"  # day 60

STORIES = [
    Story(
        "a date comes on the microsecond, before it and at it by its offsets",
        CONTRACT,
        given=[identified(0, ends_at=ENDS)],
        until=365,
        then=[entered("renewing", 30), entered("ended", 60), alerted("survey", 70)],
    ),
    Story(
        "nothing happens one microsecond before",
        CONTRACT,
        given=[identified(0, ends_at=ENDS)],
        until=30,
        until_microseconds=-1,
        then=[],
    ),
    Story(
        "a bare date is the first instant of that day where the model is",
        CONTRACT,
        given=[identified(0, ends_at="2026-03-02")],
        until=31,
        then=[entered("renewing", on_date("2026-01-31T00:00+09:00"))],
    ),
    Story(
        "a date that is put off is put off",
        CONTRACT,
        given=[identified(0, ends_at=ENDS), identified(29, ends_at="2027-03-02")],
        until=100,
        then=[],
    ),
    Story(
        "a date that is removed does not come",
        CONTRACT,
        given=[identified(0, ends_at=ENDS), identified(29, ends_at=None)],
        until=100,
        then=[],
    ),
    Story(
        "what is not a date does not come",
        CONTRACT,
        given=[identified(0, ends_at="soon"), identified(1, ends_at=17)],
        until=100,
        then=[],
    ),
    Story(
        "a date that is over when it is learned comes at once",
        CONTRACT,
        given=[did("visited", 0)],
        when=identified(40, ends_at=ENDS),
        then=[entered("renewing", 40)],
    ),
    Story(
        "dates that are over when they are learned come one after the other",
        CONTRACT,
        given=[did("visited", 0)],
        when=identified(90, ends_at=ENDS),
        then=[alerted("survey", 90), entered("renewing", 90), entered("ended", 90)],
    ),
    Story(
        "a date lapses when its condition is false",
        CONTRACT,
        given=[identified(0, ends_at=ENDS, renewed=True), identified(61, renewed=None)],
        until=365,
        then=[alerted("survey", 70)],
    ),
    Story(
        "a lapsed date comes back as another date",
        CONTRACT,
        given=[
            identified(0, ends_at=ENDS, renewed=True),
            identified(80, renewed=None, ends_at="2026-04-01T00:00:00Z"),
        ],
        until=95,
        then=[entered("ended", 90)],
    ),
    Story(
        "a month before the last day of March is the last day of February",
        BERLIN,
        given=[identified(0, ends_at="2026-03-31")],
        until=120,
        then=[entered("ended", on_date("2026-02-28T00:00+01:00"))],
    ),
    Story(
        "a month before keeps the hour of the wall when clocks go forward",
        BERLIN,
        given=[identified(0, ends_at="2026-04-15T12:00:00+02:00")],
        until=120,
        then=[entered("ended", on_date("2026-03-15T12:00+01:00"))],
    ),
    Story(
        "a date may be computed from a signal",
        EXPRESSION,
        given=[did("ordered", 0), did("ordered", 1)],
        until=9,
        then=[entered("ended", 3)],
    ),
    Story(
        "a date that cannot be computed yet does not come",
        EXPRESSION,
        given=[did("visited", 0)],
        until=90,
        then=[],
    ),
]


@both_tellers
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story(story: Story, tell: Teller) -> None:
    assert told(tell(story)) == story.then
