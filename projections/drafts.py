"""Drafts: offered events with the names they speak of, before they are judged."""

from __future__ import annotations

from typing import TypeAlias

from domain.events import ALIAS, UNALIAS
from projections import clusters
from projections.log import NewEvent, SubjectKind
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


def _alias_of(event: NewEvent) -> Name | None:
    if event.type not in (ALIAS, UNALIAS):
        return None
    named = clusters.named_alias(event, decoder(event.api_format)(event.payload))
    return None if named is None else (event.tenant, named.kind, named.id)
