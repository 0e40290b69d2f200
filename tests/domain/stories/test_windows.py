"""Windows are half-open, exact, and leave of themselves; signals say what is in them."""

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
    put_into,
    rule,
    told,
)
from tests.domain.stories.telling import Teller, both_tellers

SHOP = lifecycle(
    "customer loyal",
    rule("repeat", "customer", "loyal", when="signals.orders >= 2"),
    rule("cooled", "loyal", "customer", when="signals.orders < 2"),
    signals={"orders": {"count": "ordered", "within": "30d"}},
)

QUIET = lifecycle(
    "active quiet",
    rule("quiet", "active", "quiet", when="signals.visits == 0"),
    rule("back", "quiet", "active", on="visited"),
    signals={"visits": {"count": "visited", "within": "7d"}},
)

MONTHLY = lifecycle(
    "active quiet",
    rule("quiet", "active", "quiet", when="signals.visits == 0"),
    timezone="Europe/Berlin",
    signals={"visits": {"count": "visited", "within": "1mo"}},
)

_PAIRED = {
    "initial": "single",
    "signals": {
        "visits": {"count": "visited", "within": "1mo"},
        "total": {"sum": "properties.n", "on": "visited", "within": "1mo"},
    },
}
PAIRED = lifecycle(
    "paired single", rule("single", "paired", "single", when="signals.visits < 2"), **_PAIRED
)
SUMMED = lifecycle(
    "paired single", rule("single", "paired", "single", when="signals.total < 2.0"), **_PAIRED
)

TWO_MONTHS = MONTHLY | {"signals": {"visits": {"count": "visited", "within": "2mo"}}}

STORIES = [
    Story(
        "an event is in the window up to one microsecond before its end",
        SHOP,
        given=[did("ordered", 0)],
        when=did("ordered", 30, -1),
        then=[entered("loyal", 30, -1)],
    ),
    Story(
        "an event is out of the window exactly at its end",
        SHOP,
        given=[did("ordered", 0)],
        when=did("ordered", 30),
        then=[],
    ),
    Story(
        "a condition becomes true by time alone, on the microsecond",
        SHOP,
        given=[did("ordered", 0), did("ordered", 3)],
        until=30,
        then=[entered("customer", 30)],
    ),
    Story(
        "time alone does nothing one microsecond before",
        SHOP,
        given=[did("ordered", 0), did("ordered", 3)],
        until=30,
        until_microseconds=-1,
        then=[],
    ),
    Story(
        "what time alone did is dated when it became true",
        SHOP,
        given=[did("ordered", 0), did("ordered", 3)],
        when=did("visited", 50),
        then=[entered("customer", 30)],
    ),
    Story(
        "time comes before the event of the same instant",
        QUIET,
        given=[did("visited", 0)],
        when=did("visited", 7),
        then=[entered("quiet", 7), entered("active", 7)],
    ),
    Story(
        "the same event twice at one instant counts twice, under two ids",
        SHOP,
        given=[did("ordered", 0)],
        when=did("ordered", 0),
        then=[entered("loyal", 0)],
    ),
    Story(
        "a month from the last day of January ends on the last day of February",
        MONTHLY,
        given=[did("visited", on_date("2026-01-31T11:00+01:00"))],
        until=on_date("2026-03-15T00:00Z"),
        then=[entered("quiet", on_date("2026-02-28T11:00+01:00"))],
    ),
    Story(
        "a month over the night clocks go forward keeps the hour of the wall",
        MONTHLY,
        given=[did("visited", on_date("2026-03-10T09:00+01:00"))],
        until=on_date("2026-05-01T00:00Z"),
        then=[entered("quiet", on_date("2026-04-10T09:00+02:00"))],
    ),
    Story(
        "an hour that the clocks skip moves forward by the gap",
        TWO_MONTHS,
        given=[did("visited", on_date("2026-01-29T02:30+01:00"))],
        until=on_date("2026-05-01T00:00Z"),
        then=[entered("quiet", on_date("2026-03-29T03:30+02:00"))],
    ),
    *(
        Story(
            f"nothing leaves a window before what is older: {name}",
            model,
            given=[
                did("visited", on_date("2026-01-28T23:00Z"), n=1),
                did("visited", on_date("2026-01-31T01:00Z"), n=1),
                put_into("paired", on_date("2026-01-31T01:00Z"), model="story"),
            ],
            when=did("noticed", on_date("2026-02-28T12:00Z")),
            until=on_date("2026-05-01T00:00Z"),
            then=[entered("single", on_date("2026-02-28T23:00Z"))],
        )
        for name, model in (("an event", PAIRED), ("a value", SUMMED))
    ),
    Story(
        "a younger event leaves a window after an older one",
        PAIRED,
        given=[
            did("visited", on_date("2026-01-28T01:00Z")),
            did("visited", on_date("2026-01-31T23:00Z")),
            put_into("paired", on_date("2026-01-31T23:00Z"), model="story"),
        ],
        until=on_date("2026-05-01T00:00Z"),
        then=[entered("single", on_date("2026-02-28T01:00Z"))],
    ),
]

SIGNALS = lifecycle(
    "any",
    signals={
        "spent": {"sum": "properties.amount", "on": "ordered", "within": "10d"},
        "mean": {"avg": "properties.amount", "on": "ordered"},
        "least": {"min": "properties.amount", "on": "ordered"},
        "most": {"max": "properties.amount", "on": "ordered"},
        "goods": {"distinct": "properties.good", "on": "ordered"},
        "score": {"latest": "properties.score", "on": "answered", "where": "properties.valid"},
        "visits": {"count": "visited"},
        "began": {"first": "visited"},
    },
    alerts=[
        alert("spent-10", when="signals.spent >= 10.0"),
        alert("spent-nothing", when="signals.spent == 0.0"),
        alert("mean-5", when="signals.mean == 5.0"),
        alert("mean-known", when="signals.mean != null"),
        alert("range", when="signals.most - signals.least >= 6"),
        alert("goods-2", when="signals.goods == 2"),
        alert("score-9", when="signals.score == 9"),
        alert("late-visit", when='now - signals.began >= duration("48h")'),
    ],
)

SIGNAL_STORIES = [
    Story(
        "an empty sum is zero, and leaves of itself when the window has passed",
        SIGNALS,
        given=[],
        when=did("ordered", 0, amount=10),
        until=20,
        then=[
            entered("any", 0),
            alerted("spent-10", 0),
            alerted("mean-known", 0),
            alerted("spent-nothing", 10),
        ],
    ),
    Story(
        "an average, a least and a most know every number",
        SIGNALS,
        given=[did("ordered", 0, amount=2)],
        when=did("ordered", 1, amount=8),
        then=[alerted("spent-10", 1), alerted("mean-5", 1), alerted("range", 1)],
    ),
    Story(
        "what is not a number is skipped",
        SIGNALS,
        given=[did("ordered", 0, amount=2)],
        when=did("ordered", 1, amount="8"),
        then=[],
    ),
    Story(
        "distinct values are told apart",
        SIGNALS,
        given=[did("ordered", 0, good="tea"), did("ordered", 1, good="tea"), did("ordered", 2)],
        when=did("ordered", 3, good="cup"),
        then=[alerted("goods-2", 3)],
    ),
    Story(
        "the latest value is the one of the newest event that had one",
        SIGNALS,
        given=[did("answered", 0, score=3, valid=True)],
        when=did("answered", 1, score=9, valid=True),
        then=[alerted("score-9", 1)],
    ),
    Story(
        "an event that does not meet `where` is not taken in",
        SIGNALS,
        given=[did("answered", 0, score=3, valid=True)],
        when=did("answered", 1, score=9, valid=False),
        then=[],
    ),
    Story(
        "an event for which `where` is an error is not taken in",
        SIGNALS,
        given=[did("answered", 0, score=3, valid=True)],
        when=did("answered", 1, score=9),
        then=[],
    ),
    Story(
        "a condition on now becomes true of itself",
        SIGNALS,
        given=[did("visited", 0), identified(1, x=1)],
        until=10,
        then=[alerted("late-visit", 2)],
    ),
]

NOW_AFTER = lifecycle(
    "lead old",
    rule("old", "lead", "old", when='now - entered_at > duration("48h")'),
)
NOW_DATED = lifecycle(
    "lead old",
    rule("old", "lead", "old", when="now >= timestamp(traits.until)"),
)
NOW_STORIES = [
    Story(
        "later than is one microsecond later",
        NOW_AFTER,
        given=[did("visited", 0)],
        until=9,
        then=[entered("old", 2, 1)],
    ),
    Story(
        "a date in a trait comes by time alone",
        NOW_DATED,
        given=[identified(0, until="2026-01-05T00:00:00Z")],
        until=9,
        then=[entered("old", 4)],
    ),
    Story(
        "a date in a trait that is over when it is learned counts at once",
        NOW_DATED,
        given=[did("visited", 0)],
        when=identified(6, until="2026-01-05T00:00:00Z"),
        then=[entered("old", 6)],
    ),
    Story(
        "a date that is none is an error, and not matched",
        NOW_DATED,
        given=[identified(0, until="tomorrow")],
        until=90,
        then=[],
    ),
]


@both_tellers
@pytest.mark.parametrize(
    "story", STORIES + SIGNAL_STORIES + NOW_STORIES, ids=lambda story: story.name
)
def test_story(story: Story, tell: Teller) -> None:
    assert told(tell(story)) == story.then


@both_tellers
def test_what_time_alone_did_names_no_event(tell: Teller) -> None:
    """The cause is the condition; the position is that of the event before."""
    given = [did("ordered", 0), did("ordered", 3)]

    (record,) = tell(Story("", SHOP, given=given, until=30, then=[]))

    assert (record.cause.kind, record.cause.rule, record.cause.event_id) == (
        "condition",
        "cooled",
        None,
    )
    assert record.position == 2
