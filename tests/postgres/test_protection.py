"""What was written stays as it was written, whoever asks."""

from __future__ import annotations

import asyncpg
import pytest

from projections.registers.access import AuditEntry, write_down
from service.adapters.postgres.store import PostgresStore
from tests.contract.saying import SHOP, TEAM, TENANT, post, publish, sent
from tests.postgres.telling import Operator

pytestmark = pytest.mark.anyio


@pytest.fixture
async def written(store: PostgresStore) -> PostgresStore:
    """Return a store with a few events, one of them late, and a shadow generation."""
    await publish(store, SHOP)
    await publish(store, TEAM)
    await post(store, sent("e1", "ordered", 5), sent("e2", "visited", 9))
    await post(store, sent("e3", "ordered", 1))
    await store.keep(write_down(AuditEntry(TENANT, 0, 1, "k1", "POST /v1/x", "/v1/x", "done")))
    return store


@pytest.mark.parametrize(
    "command",
    [
        "UPDATE events SET payload = '{}'",
        "DELETE FROM events",
        "TRUNCATE events",
        "INSERT INTO events SELECT * FROM events ON CONFLICT (position) DO UPDATE SET payload = ''",
        "UPDATE event_keys SET content = 0",
        "DELETE FROM event_keys",
        "TRUNCATE event_keys",
        "UPDATE feed SET quiet = 1",
        "DELETE FROM feed",
        "TRUNCATE feed",
        "TRUNCATE transitions",
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "UPDATE transitions SET to_stage = 'buyer'",
        "UPDATE transitions SET retracted_position = NULL WHERE retracted_position IS NOT NULL",
        "UPDATE transitions SET retracted_position = 9 WHERE retracted_position IS NOT NULL",
        "UPDATE transitions SET retracted_position = 9, evidence = '' WHERE number = 1",
        "DELETE FROM transitions WHERE announced = 1",
    ],
)
async def test_nothing_rewrites_history(
    written: PostgresStore,  # noqa: ARG001 -- there must be something to rewrite
    operator: Operator,
    command: str,
) -> None:
    """Not even a superuser does it by mistake."""
    with pytest.raises(
        asyncpg.RestrictViolationError, match=r"append-only|only ever|never removed"
    ):
        await operator.execute(command)


async def test_an_owner_who_is_no_superuser_lacks_the_right_as_well(operator: Operator) -> None:
    rights = await operator.fetchrow(
        "SELECT has_table_privilege('public', 'events', 'UPDATE') AS everybody,"
        " (SELECT string_agg(privilege_type, ' ' ORDER BY privilege_type)"
        "  FROM information_schema.role_table_grants"
        "  WHERE table_name = 'events' AND grantee = current_user) AS owner"
    )

    assert rights is not None
    assert rights["everybody"] is False
    assert rights["owner"] == "INSERT REFERENCES SELECT TRIGGER"
