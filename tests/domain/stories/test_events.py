"""Events: the first one, the rule that wins, order, traits and manual transitions."""

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
    put_into,
    rule,
    told,
)
from tests.domain.stories.telling import Teller, both_tellers

SHOP = lifecycle(
    "lead customer loyal gone",
    rule("first-order", "lead", "customer", on="ordered"),
    rule("repeat", "customer", "loyal", when="signals.orders >= 2"),
    rule("praised", ["lead", "customer"], "loyal", on="reviewed", when="properties.score >= 4"),
    rule("left", "*", "gone", on=["cancelled", "erased"]),
    rule("won-back", "gone", "customer", on="ordered"),
    signals={"orders": {"count": "ordered", "within": "30d"}},
    events={"ordered": ["Order Completed", "purchase"]},
)

TWO_RULES = lifecycle(
    "lead small large",
    rule("large", "lead", "large", on="ordered", when="properties.amount >= 100"),
    rule("small", "lead", "small", on="ordered"),
    rule("never", "lead", "large", on="ordered"),
)

FIRST_RULE = lifecycle(
    "lead customer loyal",
    rule("any", "lead", "customer", on="*"),
    rule("chain", "customer", "loyal", on="*"),
)

STORIES = [
    Story(
        "the first event enters the initial stage",
        SHOP,
        when=did("visited", 0),
        then=[entered("lead", 0)],
    ),
    Story(
        "the first event enters the initial stage and leaves it at the same instant",
        SHOP,
        when=did("ordered", 0),
        then=[entered("lead", 0), entered("customer", 0)],
    ),
    Story(
        "an event that no rule names changes nothing",
        SHOP,
        given=[did("visited", 0)],
        when=did("visited", 1),
        then=[],
    ),
    Story(
        "an event goes by its other names",
        SHOP,
        given=[did("visited", 0)],
        when=did("Order Completed", 1),
        then=[entered("customer", 1)],
    ),
    Story(
        "a level-triggered rule follows at once",
        SHOP,
        given=[did("ordered", 0)],
        when=did("purchase", 2),
        then=[entered("loyal", 2)],
    ),
    Story(
        "one event fires one rule, not a chain of them",
        FIRST_RULE,
        when=did("visited", 0),
        then=[entered("lead", 0), entered("customer", 0)],
    ),
    Story(
        "of two rules that match the first in the document wins",
        TWO_RULES,
        given=[did("visited", 0)],
        when=did("ordered", 1, amount=100),
        then=[entered("large", 1)],
    ),
    Story(
        "a rule whose condition is false leaves the event to the next",
        TWO_RULES,
        given=[did("visited", 0)],
        when=did("ordered", 1, amount=99.5),
        then=[entered("small", 1)],
    ),
    Story(
        "a missing property is not matched",
        TWO_RULES,
        given=[did("visited", 0)],
        when=did("ordered", 1),
        then=[entered("small", 1)],
    ),
    Story(
        "a property of another type is not matched",
        TWO_RULES,
        given=[did("visited", 0)],
        when=did("ordered", 1, amount="100"),
        then=[entered("small", 1)],
    ),
    Story(
        "a rule from any stage fires in each",
        SHOP,
        given=[did("ordered", 0), did("ordered", 1)],
        when=did("erased", 2),
        then=[entered("gone", 2)],
    ),
    Story(
        "a rule whose target is the current stage does not fire",
        SHOP,
        given=[did("visited", 0), did("cancelled", 1)],
        when=did("cancelled", 2),
        then=[],
    ),
    Story(
        "two events at one instant are taken in order of arrival",
        SHOP,
        given=[did("visited", 0), did("cancelled", 3)],
        when=did("ordered", 3),
        then=[entered("customer", 3)],
    ),
    Story(
        "an event that is ours is not behaviour",
        FIRST_RULE,
        when=identified(0, plan="pro"),
        then=[entered("lead", 0)],
    ),
]

PLANS = lifecycle(
    "free paid gone",
    rule("paid", "free", "paid", when='traits.plan == "pro"'),
    rule("ended", "paid", "free", when="!has(traits.plan)"),
    rule("left", ["free", "paid"], "gone", on="cancelled"),
)

TRAITS = [
    Story(
        "a trait that is set makes a condition true",
        PLANS,
        given=[did("visited", 0)],
        when=identified(1, plan="pro"),
        then=[entered("paid", 1)],
    ),
    Story(
        "traits merge: others stay",
        PLANS,
        given=[identified(0, plan="pro")],
        when=identified(1, city="Kyoto"),
        then=[],
    ),
    Story(
        "null removes a trait",
        PLANS,
        given=[identified(0, plan="pro")],
        when=identified(1, plan=None),
        then=[entered("free", 1)],
    ),
    Story(
        "a trait that is not there is not matched",
        PLANS,
        given=[did("visited", 0)],
        when=identified(1, city="Kyoto"),
        then=[],
    ),
]

MANUAL = [
    Story(
        "a person may put a subject into any stage",
        SHOP,
        given=[did("visited", 0)],
        when=put_into("gone", 1, model="story"),
        then=[entered("gone", 1)],
    ),
    Story(
        "what is meant for another model is not obeyed",
        SHOP,
        given=[did("visited", 0)],
        when=put_into("gone", 1, model="another"),
        then=[],
    ),
    Story(
        "a stage that the model does not have is not entered",
        SHOP,
        given=[did("visited", 0)],
        when=put_into("heaven", 1, model="story"),
        then=[],
    ),
    Story(
        "nobody is put where they are",
        SHOP,
        given=[did("visited", 0)],
        when=put_into("lead", 1, model="story"),
        then=[],
    ),
    Story(
        "rules go on from where a person put the subject",
        SHOP,
        given=[did("ordered", 0), did("ordered", 0), put_into("gone", 1, model="story")],
        when=put_into("customer", 2, model="story"),
        then=[entered("customer", 2), entered("loyal", 2)],
    ),
    Story(
        "a first event may be a manual one",
        SHOP,
        when=put_into("gone", 0, model="story"),
        then=[entered("lead", 0), entered("gone", 0)],
    ),
]

ONCE = lifecycle(
    "lead tried bought",
    rule("tried", "lead", "tried", when="signals.visits >= 1"),
    rule("bought", "tried", "bought", when="signals.visits >= 2"),
    alerts=[alert("busy", when="signals.visits >= 3")],
    signals={"visits": {"count": "visited"}},
)

CHAINS = [
    Story(
        "level-triggered rules follow each other until none matches",
        ONCE,
        given=[],
        when=did("visited", 0),
        then=[entered("lead", 0), entered("tried", 0)],
    ),
    Story(
        "a level alert is raised when transitions have settled",
        lifecycle(
            "lead tried",
            rule("tried", "lead", "tried", when="signals.visits >= 1"),
            alerts=[alert("still", when='stage == "lead"'), alert("now", when='stage == "tried"')],
            signals={"visits": {"count": "visited"}},
        ),
        when=did("visited", 0),
        then=[entered("lead", 0), entered("tried", 0), alerted("now", 0)],
    ),
]


@both_tellers
@pytest.mark.parametrize("story", STORIES + TRAITS + MANUAL + CHAINS, ids=lambda story: story.name)
def test_story(story: Story, tell: Teller) -> None:
    assert told(tell(story)) == story.then


@both_tellers
def test_a_record_says_what_happened_and_why(tell: Teller) -> None:
    """Every field of a transition, an event its cause."""
    story = Story("", SHOP, given=[did("visited", 0)], when=did("ordered", 2), then=[])

    (record,) = tell(story)

    assert (record.kind, record.sequence, record.direction) == ("transition", 2, "forward")
    assert (record.from_stage, record.to_stage, record.steps) == ("lead", "customer", 1)
    assert (record.cause.kind, record.cause.rule, record.cause.event_id) == (
        "event",
        "first-order",
        "e2",
    )
    assert record.time_in_previous == 2 * 86_400_000_000
    assert (record.cycle, record.position) == (1, 2)


@both_tellers
def test_the_first_entry_comes_from_nowhere(tell: Teller) -> None:
    """Its rule is `$initial`, and there is no time in a stage before it."""
    (record,) = tell(Story("", SHOP, when=did("visited", 0), then=[]))

    assert (record.from_stage, record.direction, record.steps) == (None, "none", 0)
    assert (record.cause.kind, record.cause.rule, record.cause.event_id) == (
        "event",
        "$initial",
        "e1",
    )
    assert (record.sequence, record.cycle, record.time_in_previous) == (1, 1, None)


@both_tellers
def test_a_manual_transition_says_so(tell: Teller) -> None:
    """Its cause is `manual`, its rule `$manual`, its event the `$stage.set`."""
    when = put_into("gone", 1, model="story")

    (record,) = tell(Story("", SHOP, given=[did("visited", 0)], when=when, then=[]))

    assert (record.cause.kind, record.cause.rule, record.cause.event_id) == (
        "manual",
        "$manual",
        "e2",
    )


@both_tellers
def test_a_level_transition_names_the_event_at_whose_arrival_it_happened(tell: Teller) -> None:
    story = Story("", SHOP, given=[did("ordered", 0)], when=did("ordered", 2), then=[])

    (record,) = tell(story)

    assert (record.cause.kind, record.cause.rule, record.cause.event_id) == (
        "condition",
        "repeat",
        "e2",
    )
