"""Who is who: joins and cuts of names, in any order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from projections.asking import Ref
from projections.subjects import clusters
from projections.subjects.profiles import Identity

NAMES = range(1, 7)
PAIRS = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES))


def town() -> dict[Ref, Identity]:
    """Return six strangers: names 1 to 3 are customers, 4 to 6 visitors."""
    people = [
        Identity(0, number, "default", "customer" if number < 4 else "anonymous", str(number))
        for number in NAMES
    ]
    return {one.ref: one for one in people}


def join(people: dict[Ref, Identity], one: int, other: int) -> None:
    """Join two names, if they are strangers."""
    side, named = people[0, one], people[0, other]
    if side.root == named.root:
        return
    members = [each for each in people.values() if each.root in (side.root, named.root)]
    root = clusters.join(side, named, {each.ref: each for each in members})
    for each in members:
        each.root = root


def part(people: dict[Ref, Identity], one: int, other: int) -> None:
    """Part two names of one cluster."""
    side, named = people[0, one], people[0, other]
    if side is named or side.root != named.root:
        return
    members = {each.ref: each for each in people.values() if each.root == side.root}
    leaving = clusters.part(side, named, members)
    for refs in (leaving, members.keys() - leaving):
        root = side.root if side.root in refs else clusters.root_of(refs, members)
        for ref in refs:
            members[ref].root = root


def groups(people: dict[Ref, Identity]) -> set[frozenset[int]]:
    """Return who is with whom."""
    return {
        frozenset(each.subject_id for each in people.values() if each.root == root)
        for root in {each.root for each in people.values()}
    }


def test_a_customer_stays_the_root_and_a_visitor_gives_way() -> None:
    people = town()

    join(people, 4, 1)
    join(people, 4, 5)

    assert {people[0, number].root for number in (1, 4, 5)} == {(0, 1)}


def test_the_side_that_asked_keeps_its_root() -> None:
    people = town()

    join(people, 2, 1)

    assert people[0, 1].root == (0, 2)


def test_a_cut_falls_between_the_two_that_were_joined() -> None:
    """2 had come with 5; joined to 1 through 5, both leave together when 5 is named."""
    people = town()
    join(people, 2, 5)
    join(people, 1, 5)

    part(people, 1, 5)

    assert groups(people) == {frozenset({1}), frozenset({2, 5}), *map(frozenset, ({3}, {4}, {6}))}
    assert people[0, 2].root == people[0, 5].root == (0, 2)


@given(st.lists(PAIRS, max_size=12), PAIRS)
def test_a_cut_right_after_its_join_changes_nothing(
    joins: list[tuple[int, int]], pair: tuple[int, int]
) -> None:
    """Whatever had been joined before, the two clusters are as they were."""
    people = town()
    for one, other in joins:
        join(people, one, other)
    before = groups(people)
    were_strangers = people[0, pair[0]].root != people[0, pair[1]].root

    join(people, *pair)
    part(people, *pair)

    assert groups(people) == before or not were_strangers


@given(st.lists(st.tuples(st.booleans(), PAIRS), max_size=20))
def test_every_cluster_is_a_tree_with_a_customer_on_top_if_it_has_one(
    steps: list[tuple[bool, tuple[int, int]]],
) -> None:
    people = town()

    for is_join, pair in steps:
        (join if is_join else part)(people, *pair)

    for group in groups(people):
        members = [people[0, number] for number in group]
        assert sum(each.parent is None for each in members) == 1
        root = people[members[0].root]
        assert root.subject_id in group
        assert root.kind == "customer" or all(each.kind == "anonymous" for each in members)
