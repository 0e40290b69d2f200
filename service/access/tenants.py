"""Tenants: who has data here, each with keys of its own; the operator's is there from the start."""

from __future__ import annotations

import re

from projections.asking import EVERYBODY
from projections.registers.access import TENANTS, Tenant, add_tenant
from projections.registers.register import entries, entry
from service import notes
from service.access.keys import ADMIN, DEFAULT_TENANT, KeyRing
from service.errors import Problem
from service.ports import ApiKey, Clock, Store

ID_PATTERN = "^[a-z0-9][a-z0-9_-]{0,62}$"

_OPERATORS = Tenant(DEFAULT_TENANT, "The operator", 0)
_is_id = re.compile(ID_PATTERN).fullmatch


class Tenants:
    """Makes and lists tenants."""

    def __init__(self, store: Store, clock: Clock, keys: KeyRing) -> None:
        self._store = store
        self._clock = clock
        self._keys = keys

    async def create(self, tenant_id: str, name: str) -> tuple[Tenant, ApiKey, str]:
        """Return a new tenant, its first admin key, and the key's secret, shown this once.

        Raises:
            Problem: `tenant_exists`; `validation_failed` for what cannot be an id.
        """
        if _is_id(tenant_id) is None:
            message = "id: expected a-z, 0-9, - and _, at most 63 of them and not - or _ first"
            raise Problem("validation_failed", message)
        tenant = Tenant(tenant_id, name, self._clock.now())
        notes.tell(after=tenant)
        is_new = tenant_id != DEFAULT_TENANT and await self._store.keep(add_tenant(tenant))
        if not is_new:
            raise Problem("tenant_exists", f"there is a tenant {tenant_id!a} already")
        key, token = await self._keys.create(tenant=tenant_id, name="first", scopes=(ADMIN,))
        return tenant, key, token

    async def all(self) -> list[Tenant]:
        """Return every tenant by id, the operator's own first."""
        return [_OPERATORS, *await self._store.look(entries(TENANTS), of=EVERYBODY)]

    async def exists(self, tenant_id: str) -> bool:
        """Whether there is a tenant of that id."""
        asked = entry(TENANTS, tenant_id)
        return (
            tenant_id == DEFAULT_TENANT or await self._store.look(asked, of=EVERYBODY) is not None
        )
