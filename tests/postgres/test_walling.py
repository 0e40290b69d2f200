"""The wall is built where it is missing, and a start that would read without it ends."""

from __future__ import annotations

import asyncpg
import pytest

from projections.asking import EVERYBODY
from projections.registers.register import entries
from projections.webhooks.rows import ENDPOINTS
from service.adapters.postgres import postgres_store, schema, upgrade_database
from service.adapters.postgres.connections import Database, Limits
from service.bootstrap import migrate
from service.ports.errors import WallBroken
from service.settings import Settings, SettingsError
from tests.contract.saying import TENANT, post, sent
from tests.postgres.telling import Operator
from tests.servers.postgres import PATIENT, Databases, reader_role_of, user_of

pytestmark = pytest.mark.anyio

IN_THE_WAY = [
    ("a superuser", "ALTER ROLE {role} SUPERUSER", "NOSUPERUSER NOBYPASSRLS"),
    ("one who passes by", "ALTER ROLE {role} BYPASSRLS", "found SUPERUSER or BYPASSRLS"),
    ("an owner", "ALTER TABLE events OWNER TO {role}", "table events: expected an owner other"),
    ("one of the owners", "GRANT stagefold TO {role}", "expected an owner other than"),
    ("another policy", "CREATE POLICY more ON feed USING (true)", "table feed: .* another one"),
    ("what is nobody's", "GRANT SELECT ON seals TO PUBLIC", "table seals: expected that"),
]
"""What an operator may have done that lets a reader pass by, and what is said of it."""

MENDED = [
    "DROP POLICY stagefold_tenant ON feed",
    "ALTER TABLE feed DISABLE ROW LEVEL SECURITY",
    "ALTER POLICY stagefold_tenant ON feed TO PUBLIC",
    "COMMENT ON POLICY stagefold_tenant ON feed IS 'of an older release'",
    "REVOKE SELECT ON feed FROM {role}",
    "REVOKE {role} FROM CURRENT_USER",
]


async def start(url: str, role: str = "") -> None:
    """Open a store with a wall, see that it reads, and close it."""
    store = await postgres_store(url, limits=PATIENT, reader_role=role or reader_role_of(url))
    try:
        assert await store.look(entries(ENDPOINTS), of="anybody") == []
    finally:
        await store.close()


def lent_role(url: str) -> dict[str, str]:
    """Return what a script about the role may name."""
    return {"role": reader_role_of(url), "user": user_of(url)}


@pytest.mark.parametrize(
    ("script", "said"), [one[1:] for one in IN_THE_WAY], ids=[one[0] for one in IN_THE_WAY]
)
async def test_a_reader_who_would_pass_by_is_refused(
    script: str, said: str, url: str, operator: Operator
) -> None:
    await start(url)
    await operator.execute(script.format(**lent_role(url)))

    with pytest.raises(WallBroken, match=said):
        await start(url)


@pytest.mark.parametrize("script", MENDED)
async def test_what_is_missing_is_put_back(script: str, url: str, operator: Operator) -> None:
    await start(url)
    await operator.execute(script.format(**lent_role(url)))

    await start(url)

    policy = await operator.fetchrow(
        "SELECT roles, qual FROM pg_policies WHERE tablename = 'feed' AND policyname ="
        " 'stagefold_tenant'"
    )
    assert policy is not None
    assert policy["roles"] == [reader_role_of(url)]
    assert "stagefold.tenant" in policy["qual"]


async def test_one_role_does_not_read_in_two_databases(url: str, databases: Databases) -> None:
    """Whoever is a member of it in one of them could read the other."""
    await start(url)

    async with databases.fresh() as other:
        with pytest.raises(WallBroken, match="expected one of this database alone"):
            await start(other, reader_role_of(url))


async def test_a_user_who_may_not_make_roles_is_told_what_to_run(databases: Databases) -> None:
    async with databases.bare() as url:
        operator = await asyncpg.connect(url)
        names = lent_role(url)
        database = names["role"]
        await operator.execute(f"CREATE ROLE {names['user']} LOGIN")
        await operator.execute(f"ALTER DATABASE {database} OWNER TO {names['user']}")
        theirs = url.replace("stagefold@", f"{names['user']}@")

        with pytest.raises(WallBroken, match=f'run: CREATE ROLE "{database}" NOLOGIN; GRANT'):
            await start(theirs)
        await operator.execute(f"CREATE ROLE {database} NOLOGIN")
        await operator.execute(f"GRANT {database} TO {names['user']}")
        await operator.close()

        await start(theirs)


async def test_one_who_does_not_own_the_tables_does_not_put_them_behind_a_wall(
    url: str, operator: Operator
) -> None:
    """Policies would bind such a user, who writes for all tenants."""
    names = lent_role(url)
    await operator.execute(f"CREATE ROLE {names['user']} LOGIN")
    await operator.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {names['user']}")
    await operator.execute(f"CREATE ROLE {names['role']}")
    await operator.execute(f"GRANT {names['role']} TO {names['user']}")

    with pytest.raises(WallBroken, match="owner"):
        await start(url.replace("stagefold@", f"{names['user']}@"))


async def test_who_starts_without_the_setting_reads_as_before(url: str) -> None:
    await start(url)
    store = await postgres_store(url, limits=PATIENT)

    await post(store, sent("e1"))

    assert len((await store.log(TENANT)).rows) == 1
    assert await store.look(entries(ENDPOINTS), of=EVERYBODY) == []
    await store.close()


async def test_the_wall_stands_again_after_the_schema_went_down_and_up(url: str) -> None:
    await start(url)
    database = Database(url, Limits())
    async with database.engine.connect() as connection:
        await connection.run_sync(schema.migrate, "0001")
        await connection.commit()
    await database.engine.dispose()

    await upgrade_database(url, reader_role=reader_role_of(url))

    await start(url)


async def test_migrating_builds_the_wall(url: str, operator: Operator) -> None:
    role = reader_role_of(url)
    variables = {"STAGEFOLD_DATABASE_URL": url, "STAGEFOLD_POSTGRES_READER_ROLE": role}

    await migrate(Settings.from_environment(variables))

    assert await operator.fetchval("SELECT count(*) FROM pg_policies WHERE roles = $1", [role]) > 30


@pytest.mark.parametrize("role", ["pg_monitor", "public", "Mixed", "a b", "1", "x" * 64])
def test_a_setting_that_names_no_role_of_ours_is_refused(role: str) -> None:
    variables = {
        "STAGEFOLD_DATABASE_URL": "postgresql://db/x",
        "STAGEFOLD_POSTGRES_READER_ROLE": role,
    }

    with pytest.raises(SettingsError, match="expected the name of a role"):
        Settings.from_environment(variables)


def test_a_database_without_row_security_is_refused_a_wall() -> None:
    with pytest.raises(SettingsError, match="expected a database that knows row security"):
        Settings.from_environment({"STAGEFOLD_POSTGRES_READER_ROLE": "stagefold_reader"})
