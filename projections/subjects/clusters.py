"""Who is who: subjects joined to one customer, and parted again.

A cluster is a tree whose edges are the joins that were asked for; its canonical subject (*root*)
is written at every member. Events keep the subject they were sent for, so cutting an edge restores
both sides. A join turns the joined side's tree round until the named subject is on top, so that
the edge really lies between the two that were named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from domain.events import ALIAS, UNALIAS
from projections.asking import Ref
from projections.events.log import NewEvent, SubjectKey
from projections.subjects.profiles import Identity

PREVIOUS_NAMES = ("previous_id", "alias", "customer_id")


def named_alias(event: NewEvent, properties: Mapping[str, object]) -> SubjectKey | None:
    """Return the subject that an `$alias` or `$unalias` names beside its own, None where none.

    `anonymous_id` names an unknown visitor; `previous_id`, `alias` or `customer_id` a customer.
    """
    if event.type not in (ALIAS, UNALIAS):
        return None
    anonymous = properties.get("anonymous_id")
    if isinstance(anonymous, str) and anonymous:
        return SubjectKey("anonymous", anonymous)
    for name in PREVIOUS_NAMES:
        named = properties.get(name)
        if isinstance(named, str) and named:
            return SubjectKey.of_customer(named)
    return None


def join(side: Identity, named: Identity, members: Mapping[Ref, Identity]) -> Ref:
    """Hang the cluster of *named* below *side* and return the root of both.

    *members* holds both clusters. The root of *side* stays, unless only the other one is known by
    name. The members' roots are the caller's to set.
    """
    turn_to_top(named, members)
    named.parent = side.ref
    keeps, other = members[side.root], members[named.root]
    if keeps.kind == "anonymous" and other.kind == "customer":
        return other.ref
    return keeps.ref


def turn_to_top(member: Identity, members: Mapping[Ref, Identity]) -> None:
    """Make *member* the top of its tree by turning the edges above it round."""
    below: Ref | None = None
    current: Identity | None = member
    while current is not None:
        above = current.parent
        current.parent = below
        below = current.ref
        current = members[above] if above is not None else None


def part(side: Identity, named: Identity, members: Mapping[Ref, Identity]) -> set[Ref]:
    """Cut *named* off the cluster of *side* and return the subjects that leave with it."""
    turn_to_top(side, members)
    named.parent = None
    return _below(named, members)


def _below(member: Identity, members: Mapping[Ref, Identity]) -> set[Ref]:
    children: dict[Ref, list[Ref]] = {}
    for identity in members.values():
        if identity.parent is not None:
            children.setdefault(identity.parent, []).append(identity.ref)
    found: set[Ref] = set()
    waiting = [member.ref]
    while waiting:
        ref = waiting.pop()
        found.add(ref)
        waiting.extend(children.get(ref, ()))
    return found


def root_of(refs: Iterable[Ref], members: Mapping[Ref, Identity]) -> Ref:
    """Return the canonical subject of a cluster that lost its own: the oldest known by name."""
    identities: Sequence[Identity] = [members[ref] for ref in refs]
    oldest = min(identities, key=lambda one: (one.kind == "anonymous", one.subject_id))
    return oldest.ref
