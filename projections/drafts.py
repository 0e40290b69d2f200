"""Drafts: offered events with the names they speak of, before they are judged."""

from __future__ import annotations

from typing import TypeAlias

from domain.events import ALIAS, UNALIAS
from projections import clusters
from projections.erasure import key_digest
from projections.log import NewEvent, SubjectKey, SubjectKind
from projections.payloads import content_number, decoder

Name: TypeAlias = tuple[str, SubjectKind, str]
"""Tenant, kind and id of a subject."""


_NOBODY = (None, None, None)


class Draft:
    """An offered event with the names it speaks of, before it is judged."""

    __slots__ = ("account", "alias", "content", "event", "name", "names", "place", "visitor")

    def __init__(self, place: tuple[int, int], event: NewEvent) -> None:
        """Note that *event* was offered at *place*: number of the submission, number in it."""
        tenant = event.tenant
        self.place = place
        self.event = event
        self.visitor: Name | None = None
        if event.customer_id is not None:
            self.name: Name = (tenant, "customer", event.customer_id)
            if event.anonymous_id is not None:
                self.visitor = (tenant, "anonymous", event.anonymous_id)
        else:
            self.name = (tenant, "anonymous", event.anonymous_id or "")
        account = event.account_id
        self.account: Name | None = None if account is None else (tenant, "account", account)
        self.alias = _alias_of(event)
        self.content = content_number(event.payload)
        others = (self.visitor, self.account, self.alias)
        self.names: tuple[Name, ...] = (self.name,)
        if others != _NOBODY:
            self.names += tuple(name for name in others if name is not None)

    @property
    def erased_digest(self) -> bytes:
        """What it would be known by if its name had been erased."""
        tenant, kind, text = self.name
        return key_digest(tenant, SubjectKey(kind, text), self.event.source, self.event.event_id)


def _alias_of(event: NewEvent) -> Name | None:
    if event.type not in (ALIAS, UNALIAS):
        return None
    named = clusters.named_alias(event, decoder(event.api_format)(event.payload))
    return None if named is None else (event.tenant, named.kind, named.id)
