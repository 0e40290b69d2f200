"""Late, void, repeated and merged events: the history is told again, as if it had come in order."""

from __future__ import annotations

from dataclasses import replace

from domain.events import ALIAS
from tests.builders import at, did, entered, lifecycle, numbered, rule, told, voided
from tests.domain.stories.telling import Historian, both_historians

SHOP = lifecycle(
    "lead customer loyal dormant",
    rule("first-order", ["lead", "dormant"], "customer", on="ordered"),
    rule("repeat", "customer", "loyal", when="signals.orders >= 2"),
    rule("silence", ["customer", "loyal"], "dormant", after="30d", since="last_order"),
    signals={"last_order": {"last": "ordered"}, "orders": {"count": "ordered", "within": "20d"}},
)


@both_historians
def test_a_late_event_is_told_where_it_belongs(tell: Historian) -> None:
    """The silence that it breaks has never been."""
    events = numbered(
        [did("visited", 0), did("ordered", 1), did("visited", 60), did("ordered", 25)]
    )

    records = tell(SHOP, events, at(60))

    assert told(records) == [entered("lead", 0), entered("customer", 1), entered("dormant", 55)]
    assert [record.position for record in records] == [1, 2, 4]


@both_historians
def test_a_late_event_becomes_the_first(tell: Historian) -> None:
    events = numbered([did("visited", 5), did("ordered", 2)])

    assert told(tell(SHOP, events, at(6))) == [entered("lead", 2), entered("customer", 2)]


@both_historians
def test_of_late_events_at_one_instant_the_lower_position_comes_first(tell: Historian) -> None:
    """The order of arrival decides what the instant cannot."""
    moved = lifecycle(
        "lead one two",
        rule("one", ["lead", "two"], "one", on="a"),
        rule("two", ["lead", "one"], "two", on="b"),
    )
    events = numbered([did("visited", 0), did("b", 3), did("a", 3)])

    assert told(tell(moved, events, at(3))) == [
        entered("lead", 0),
        entered("two", 3),
        entered("one", 3),
    ]


@both_historians
def test_a_void_event_has_never_been(tell: Historian) -> None:
    events = numbered([did("visited", 0), did("ordered", 1), did("ordered", 2), voided("e2", 3)])

    assert told(tell(SHOP, events, at(3))) == [entered("lead", 0), entered("customer", 2)]


@both_historians
def test_a_void_may_arrive_before_what_it_voids(tell: Historian) -> None:
    events = numbered([did("visited", 0), voided("e3", 1), did("ordered", 2)])

    assert told(tell(SHOP, events, at(3))) == [entered("lead", 0)]


@both_historians
def test_a_void_of_nothing_changes_nothing(tell: Historian) -> None:
    events = numbered([did("visited", 0), voided("e77", 1), did("ordered", 2)])

    assert told(tell(SHOP, events, at(3))) == [entered("lead", 0), entered("customer", 2)]


@both_historians
def test_a_subject_of_whom_nothing_counts_has_no_stage(tell: Historian) -> None:
    events = numbered([did("visited", 0), voided("e1", 1)])

    assert tell(SHOP, events, at(99)) == []


@both_historians
def test_an_event_id_seen_twice_counts_once(tell: Historian) -> None:
    """The repeat arrived later and says something else; the first arrival stands."""
    events = numbered([did("visited", 0), did("ordered", 1)])
    repeat = replace(events[1], position=3, effective_at=at(2))

    records = tell(SHOP, [*events, repeat], at(3))

    assert told(records) == [entered("lead", 0), entered("customer", 1)]


@both_historians
def test_one_id_from_two_sources_is_two_events(tell: Historian) -> None:
    events = numbered([did("visited", 0), did("ordered", 1)])
    other = replace(events[1], position=3, source="another")

    records = tell(SHOP, [*events, other], at(3))

    assert told(records)[1:] == [entered("customer", 1), entered("loyal", 1)]


@both_historians
def test_a_merged_subject_has_lived_both_lives(tell: Historian) -> None:
    """An order before and one after the sign-in make a loyal customer; the link is no event."""
    anonymous = [did("visited", 0), did("ordered", 1)]
    known = [did("visited", 2), did("ordered", 4)]
    link = did(ALIAS, 3, anonymous_id="anon-1", customer_id="ann")

    records = tell(SHOP, numbered([*known, *anonymous, link]), at(5))

    assert told(records) == [entered("lead", 0), entered("customer", 1), entered("loyal", 4)]


@both_historians
def test_a_link_alone_begins_no_life(tell: Historian) -> None:
    link = did(ALIAS, 3, anonymous_id="anon-1", customer_id="ann")

    assert tell(SHOP, numbered([link]), at(5)) == []
