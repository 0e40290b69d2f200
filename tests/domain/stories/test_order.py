"""The order of stages: forward only, cycles, and what signals forget on the way."""

from __future__ import annotations

import pytest

from tests.builders import (
    DAY,
    Story,
    alert,
    alerted,
    did,
    entered,
    lifecycle,
    put_into,
    refused,
    rule,
    told,
)
from tests.domain.stories.telling import Teller, both_tellers

FORWARD = lifecycle(
    "lead customer loyal",
    rule("ordered", "lead", "customer", on="ordered"),
    rule("praised", "customer", "loyal", on="praised"),
    rule("back", ["customer", "loyal"], "lead", on="left"),
    rule("never", ["customer", "loyal"], "loyal", on="left"),
    rule("silence", "loyal", "customer", after="30d"),
    rule("cooled", "loyal", "lead", when="signals.orders == 0"),
    direction="forward_only",
    signals={"orders": {"count": "ordered", "within": "10d"}},
)

FORWARD_STORIES = [
    Story(
        "a transition to an earlier stage is recorded as suppressed",
        FORWARD,
        given=[did("ordered", 0)],
        when=did("left", 1),
        then=[refused("lead", 1)],
    ),
    Story(
        "an event whose transition was suppressed is used up",
        FORWARD,
        given=[did("ordered", 0)],
        when=did("left", 1),
        until=2,
        then=[refused("lead", 1)],
    ),
    Story(
        "each suppressed event is recorded",
        FORWARD,
        given=[did("ordered", 0), did("left", 1)],
        when=did("left", 1),
        then=[refused("lead", 1)],
    ),
    Story(
        "a person cannot put a subject back either",
        FORWARD,
        given=[did("ordered", 0)],
        when=put_into("lead", 1, model="story"),
        then=[refused("lead", 1)],
    ),
    Story(
        "silence and conditions are suppressed once each",
        FORWARD,
        given=[did("ordered", 0), did("praised", 1)],
        until=365,
        then=[refused("lead", 10), refused("customer", 31)],
    ),
    Story(
        "a condition that became true anew is suppressed anew",
        FORWARD,
        given=[did("ordered", 0), did("praised", 1)],
        when=did("ordered", 11),
        until=22,
        then=[refused("lead", 10), refused("lead", 21)],
    ),
]

CYCLE = lifecycle(
    "lead customer dormant",
    rule("ordered", ["lead", "dormant"], "customer", on="ordered"),
    rule("silence", "customer", "dormant", after="10d", since="last_order"),
    rule("reset", "*", "lead", on="reset"),
    rule("thrice", "customer", "dormant", when="signals.in_stage >= 3"),
    signals={
        "last_order": {"last": "ordered"},
        "in_stage": {"count": "visited", "scope": "stage"},
        "in_cycle": {"count": "visited", "scope": "cycle"},
        "causes": {"count": "ordered", "scope": "stage"},
        "causes_in_cycle": {"count": "ordered", "scope": "cycle"},
    },
    alerts=[
        alert("visited-cycle", when="signals.in_cycle >= 2"),
        alert("ordered-here", inside="customer", when="signals.causes >= 1"),
        alert("second-order", inside="customer", when="signals.causes_in_cycle >= 2"),
    ],
)

CYCLE_STORIES = [
    Story(
        "signals of a stage begin anew with each entry",
        CYCLE,
        given=[did("visited", 0), did("ordered", 1), did("visited", 2), did("visited", 3)],
        when=did("visited", 4),
        then=[entered("dormant", 4)],
    ),
    Story(
        "an event is not counted in the stage that it leads to",
        CYCLE,
        given=[did("visited", 0)],
        when=did("ordered", 1),
        then=[entered("customer", 1)],
    ),
    Story(
        "the next event of that type is",
        CYCLE,
        given=[did("visited", 0), did("ordered", 1)],
        when=did("ordered", 2),
        then=[alerted("ordered-here", 2), alerted("second-order", 2)],
    ),
    Story(
        "signals of a cycle go on from stage to stage",
        CYCLE,
        given=[did("visited", 0), did("ordered", 1)],
        when=did("visited", 2),
        then=[alerted("visited-cycle", 2)],
    ),
    Story(
        "signals of a cycle begin anew with the cycle",
        CYCLE,
        given=[did("visited", 0), did("ordered", 1), did("reset", 2)],
        when=did("visited", 3),
        then=[],
    ),
    Story(
        "silence counts over the cycles",
        CYCLE,
        given=[did("ordered", 0)],
        when=did("ordered", 12),
        until=30,
        then=[
            entered("dormant", 10),
            entered("customer", 12),
            entered("dormant", 22),
        ],
    ),
    Story(
        "the first event is counted in the initial stage",
        lifecycle(
            "lead customer",
            rule("seen", "lead", "customer", when="signals.visits >= 1"),
            signals={"visits": {"count": "visited", "scope": "stage"}},
        ),
        when=did("visited", 0),
        then=[entered("lead", 0), entered("customer", 0)],
    ),
]


@both_tellers
@pytest.mark.parametrize("story", FORWARD_STORIES + CYCLE_STORIES, ids=lambda story: story.name)
def test_story(story: Story, tell: Teller) -> None:
    assert told(tell(story)) == story.then


@both_tellers
def test_a_cycle_is_counted_on_each_entry_to_an_earlier_stage(tell: Teller) -> None:
    """Forward it stays, back it grows; directions and steps say which."""
    given = [did("visited", -1)]
    when = did("ordered", 0)
    after = [did("ordered", 12), did("reset", 13)]

    records = tell(Story("", CYCLE, given=given, when=when, until=11, then=[]))
    story = Story("", CYCLE, given=[*given, when, after[0]], when=after[1], then=[])
    (reset,) = tell(story)

    assert [(r.to_stage, r.cycle, r.direction, r.steps) for r in records] == [
        ("customer", 1, "forward", 1),
        ("dormant", 1, "forward", 1),
    ]
    assert (reset.to_stage, reset.cycle, reset.direction, reset.steps) == (
        "lead",
        3,
        "backward",
        -1,
    )
    assert reset.sequence == 5


@both_tellers
def test_a_suppressed_transition_says_what_was_refused(tell: Teller) -> None:
    """It carries the sequence of the transition before it, and changes no cycle."""
    story = Story("", FORWARD, given=[did("ordered", 0)], when=did("left", 1), then=[])

    (record,) = tell(story)

    assert (record.kind, record.cause.rule, record.cause.event_id) == ("suppressed", "back", "e2")
    assert (record.from_stage, record.to_stage, record.direction) == (
        "customer",
        "lead",
        "backward",
    )
    assert (record.sequence, record.steps, record.cycle) == (2, -1, 1)
    assert record.time_in_previous == DAY
