"""Row security, the wall between tenants: whose every row is, as conditions that bind a reader.

Whoever reads for a tenant takes, until the end of the transaction, a role that owns nothing and
names the tenant. Policies then hide every row that is not of that tenant, whatever a statement
asks for; where no tenant is named they hide all. Whoever writes goes on as the owner, whom policies
do not bind. `walling` builds it and looks whether it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Table, func, literal_column, select, true

from service.adapters.postgres.compiled import TEXT, WHOLE, for_postgres, words
from service.adapters.sql import access, hooked, rebuilds, stays, tables, waiting
from service.adapters.sql.declared import metadata

NAMED = "stagefold.tenant"
"""The setting of a transaction that names its tenant."""

_SUBJECT = (tables.subjects, {"bucket": "bucket", "subject_id": "subject_id"})
_GENERATION = (tables.generations, {"generation": "generation"})
_ENDPOINT = (hooked.endpoints, {"id": "endpoint"})

_OWNERS: Mapping[Table, tuple[Table, Mapping[str, str]]] = {
    tables.event_keys: _SUBJECT,
    tables.account_events: _SUBJECT,
    waiting.former_roots: _SUBJECT,
    tables.stages: _GENERATION,
    tables.stage_counts: _GENERATION,
    stays.stay_counts: _GENERATION,
    tables.transitions: _GENERATION,
    tables.parked: _GENERATION,
    rebuilds.rebuilds: _GENERATION,
    rebuilds.built_ranges: _GENERATION,
    hooked.conditions: _ENDPOINT,
    hooked.lanes: _ENDPOINT,
    hooked.due: _ENDPOINT,
}
"""Of tables without a tenant: the table that has it, and its key by our columns."""

CLOSED: Mapping[str, str] = {
    "snapshots": "states to fold on from, which only writers do",
    "backlog": "batches that wait to be folded, of all tenants together",
    "erasing": "the log's door, open only within an erasure",
    "erased_events": "digests that seals are checked by",
    "erased_keys": "digests that lead to nobody",
    "erased_buckets": "buckets that hold such digests",
    "salts": "secrets that seals are made with",
    "seals": "hashes over the whole log",
    "consumed_offsets": "how far topics of Kafka are read",
    "webhook_counters": "how far feeds and numbers have come",
    "webhook_keys": "what the service signs with",
    "catalogue_changes": "how often any model has changed",
    "leases": "which process runs which loop",
    "alembic_version": "the migration that the schema is at",
}
"""Tables that nobody reads for a tenant, and why: the role has no right to them at all."""


@cache
def policies() -> Mapping[str, str]:
    """Return the tables behind the wall, each with the condition that a row is the tenant's."""
    return {
        table.name: for_postgres(_is_the_tenants(table))
        for table in metadata.sorted_tables
        if _is_behind(table)
    }


def _is_behind(table: Table) -> bool:
    return "tenant" in table.c or table in _OWNERS or table is access.tenants


def _is_the_tenants(table: Table) -> ColumnElement[bool]:
    """Return the condition; of a table without a tenant that its owner is the tenant's.

    The tenant is named in a SELECT of its own, which is run once and not for every row.
    """
    named = func.current_setting(literal_column(f"'{NAMED}'", TEXT), true())
    tenant = select(named).scalar_subquery()
    if table is access.tenants:
        return table.c.id == tenant
    if "tenant" in table.c:
        return table.c.tenant == tenant
    owner, key = _OWNERS[table]
    same = [owner.c[name] == _of_row(table, own) for name, own in key.items()]
    found = select(literal_column("1", WHOLE)).select_from(owner)
    return found.where(*same, owner.c.tenant == tenant).exists()


def _of_row(table: Table, name: str) -> ColumnElement[Any]:
    """Return a column of the row that is judged, which is in no FROM."""
    return literal_column(f"{table.name}.{name}")


def behind() -> list[ColumnElement[str]]:
    """Return what goes behind the wall as a statement selects it: binds tenant and role.

    Whatever else the same statement asks is still answered to the owner: rights and policies are
    looked up before it begins.
    """
    return [
        func.set_config(literal_column(f"'{NAMED}'", TEXT), words("tenant"), true()),
        func.set_config(literal_column("'role'", TEXT), words("role"), true()),
    ]


def go_behind() -> str:
    """Return the statement that takes the role for a tenant until the transaction ends."""
    return for_postgres(select(*behind()), "tenant", "role")


COME_OUT = "RESET ROLE"
"""Makes the transaction the owner's again."""
