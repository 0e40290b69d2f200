"""Drafts: offered events with the names they speak of; arrivals: those that were admitted."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from domain.events import ALIAS, UNALIAS, Event
from projections.events.log import NewEvent, SubjectKey, SubjectKind
from projections.events.payloads import content_number, decoder
from projections.registers.erasure import is_erased_name, key_digest
from projections.rows.changes import Row
from projections.rows.questions import EventKey
from projections.subjects import clusters
from projections.subjects.profiles import Identity

Name: TypeAlias = tuple[str, SubjectKind, str]
"""Tenant, kind and id of a subject."""


class Draft(msgspec.Struct, eq=False, gc=False):
    """An offered event with the names it speaks of, before it is judged.

    Attributes:
        place: Number of the submission, number in it.
        name: The subject it is for.
        content: Hash of its payload.
        visitor, account, alias: Whom it speaks of beside *name*.
        is_plain: Whether it speaks of nobody else and asks only to be stored and folded.
        subject: That of *name*, once it is known to exist.
        key: Under what it may be in the log, where there is only one such key; None otherwise.
    """

    place: tuple[int, int]
    event: NewEvent
    name: Name
    content: int
    visitor: Name | None = None
    account: Name | None = None
    alias: Name | None = None
    is_plain: bool = True
    subject: Identity | None = None
    key: EventKey | None = None

    @property
    def erased_digest(self) -> bytes:
        """What it would be known by if its name had been erased."""
        tenant, kind, text = self.name
        return key_digest(tenant, SubjectKey(kind, text), self.event.source, self.event.event_id)

    @property
    def names(self) -> tuple[Name, ...]:
        """Its own subject, and whom it speaks of beside."""
        return (self.name, *self.others)

    @property
    def others(self) -> tuple[Name, ...]:
        """Whom it speaks of beside its own subject."""
        return tuple(name for name in (self.visitor, self.account, self.alias) if name is not None)


def draft_of(place: tuple[int, int], event: NewEvent) -> Draft:
    """Return the draft of *event*, which was offered at *place*."""
    tenant, customer, visitor = event.tenant, event.customer_id, event.anonymous_id
    content = content_number(event.payload)
    if customer is None:
        draft = Draft(place, event, (tenant, "anonymous", visitor or ""), content)
    else:
        draft = Draft(place, event, (tenant, "customer", customer), content)
        if visitor is not None:
            draft.visitor = (tenant, "anonymous", visitor)
    if event.account_id is not None:
        draft.account = (tenant, "account", event.account_id)
    if event.type.startswith("$"):
        draft.alias = _alias_of(event)
        draft.is_plain = False
    beside = draft.visitor is not None or draft.account is not None
    if beside or event.expected is not None or is_erased_name(draft.name[2]):
        draft.is_plain = False
    return draft


class Arrival(msgspec.Struct, eq=False, gc=False):
    """An admitted event: what the fold sees of it, and whom it is for."""

    draft: Draft
    event: Event
    subject: Identity
    account: Identity | None
    is_late: bool = False

    def row(self, recorded_at: int) -> Row:
        """Return its `EVENT_COLUMNS`."""
        offered, event, subject = self.draft.event, self.event, self.subject
        return (
            event.position,
            subject.bucket,
            subject.subject_id,
            offered.tenant,
            offered.type,
            offered.event_id,
            offered.source,
            offered.account_id,
            event.occurred_at,
            recorded_at,
            event.effective_at,
            int(self.is_late),
            int(offered.historical),
            offered.api_format,
            offered.key_id,
            offered.traceparent,
            offered.payload,
        )


def _alias_of(event: NewEvent) -> Name | None:
    if event.type not in (ALIAS, UNALIAS):
        return None
    named = clusters.named_alias(event, decoder(event.api_format)(event.payload))
    return None if named is None else (event.tenant, named.kind, named.id)
