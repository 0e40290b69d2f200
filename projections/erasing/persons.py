"""Persons to be erased: all of their names, and every event that was sent for any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.buckets import bucket_of
from domain.events import VOID
from projections.asking import Ref, Script, ask
from projections.events.log import SubjectKey
from projections.registers.erasure import ErasureRefused, Order, event_id_at, is_erased_name
from projections.rows.changes import Row
from projections.rows.questions import (
    AskHistories,
    AskIdentities,
    AskIdentitiesOf,
    AskJoined,
    AskSealable,
    HistoryOf,
)
from projections.safekeeping.seals import SEALABLE_COLUMNS
from projections.subjects.profiles import Identity


@dataclass(frozen=True, slots=True)
class Person:
    """Everything there is of whom to erase.

    Attributes:
        members: The canonical subject first.
        tokens: What takes the place of their names.
        events: By position; columns of `SEALABLE_COLUMNS`.
        event_ids: Which ids take the place of which.
        accounts: Those that some of the events are of, by name.
        others: Ids of others' events that a `$void` of theirs withdraws for an account.
        texts: Retold texts: event_id, evidence, then the key of a record.
    """

    order: Order
    members: Sequence[Identity]
    tokens: Sequence[str]
    events: Sequence[dict[str, Any]]
    event_ids: dict[str, str]
    accounts: dict[str, Identity]
    others: dict[str, str] = field(default_factory=dict)
    texts: dict[tuple[int, int, int, int], Row] = field(default_factory=dict)

    @property
    def refs(self) -> list[Ref]:
        """Where the rows of its names are."""
        return [one.ref for one in self.members]

    @property
    def names(self) -> tuple[str, ...]:
        """Its names as answers show them."""
        return tuple(SubjectKey(one.kind, one.name).text for one in self.members)

    @property
    def positions(self) -> frozenset[int]:
        """Where its events are."""
        return frozenset(one["position"] for one in self.events)


def meet(order: Order) -> Script[Person]:
    """Return everything there is of whom *order* names.

    Raises:
        ErasureRefused: There is nobody of that name, or they are erased already.
    """
    tenant, key = order.tenant, order.key
    asked = AskIdentities([(bucket_of(tenant, key.id), tenant, key.kind, key.id)])
    named = yield from ask(asked)
    if not named:
        message = f"there is no customer {key.text[:120]!a}; no event has named it"
        raise ErasureRefused("customer_not_found", message)
    if is_erased_name(key.id):
        raise ErasureRefused("customer_erased", f"{key.text}: expected a name, found an erased one")
    root = named[0].root
    joined = yield from ask(AskJoined([root]))
    refs = [root, *sorted((bucket, number) for bucket, number, *_ in joined)]
    found = {one.ref: one for one in (yield from ask(AskIdentitiesOf(refs)))}
    rows = yield from ask(AskSealable(refs))
    events = [dict(zip(SEALABLE_COLUMNS, row, strict=True)) for row in sorted(rows)]
    event_ids: dict[str, str] = {}
    for one in events:
        event_ids.setdefault(one["event_id"], event_id_at(one["position"]))
    names = sorted({one["account_id"] for one in events if one["account_id"] is not None})
    accounts: dict[str, Identity] = {}
    if names:
        keys = [(bucket_of(tenant, name), tenant, "account", name) for name in names]
        accounts = {one.name: one for one in (yield from ask(AskIdentities(keys)))}
    tokens = [order.token(number, ref[0]) for number, ref in enumerate(refs)]
    return Person(order, [found[ref] for ref in refs], tokens, events, event_ids, accounts)


def know_others(person: Person) -> Script[None]:
    """Note which ids in `$void` events of *person* mean events of others, and so may stay."""
    if not person.accounts or all(one["type"] != VOID for one in person.events):
        return
    refs = [one.ref for one in person.accounts.values()]
    requests = [HistoryOf(ref, (ref,), is_account=True) for ref in refs]
    for history in (yield from ask(AskHistories(requests))).values():
        for row in history:
            if row.event.position not in person.positions:
                person.others[row.event.event_id] = row.event.event_id
