"""Building the wall between tenants, and seeing that it stands before anything is read behind it.

What is missing is added at the start, as a migration would be: the role, its rights and a policy on
each table. What is in the way is for an operator to decide, so the start ends and says what to run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import asyncpg
from sqlalchemy.dialects import postgresql

from projections.rows.changes import Row
from service.adapters.postgres import wall
from service.adapters.postgres.compiled import statement
from service.adapters.postgres.connections import Database, Link
from service.ports.errors import WallBroken

_ONE_AT_A_TIME = """
BEGIN;
SET LOCAL lock_timeout = '60s';
SELECT pg_advisory_xact_lock(hashtext('stagefold migrations'));
SET LOCAL lock_timeout = '5s'
"""
"""As migrations do: wait long for another process, and shortly for a table somebody reads."""

_ROLE = """
SELECT rolsuper OR rolbypassrls AS passes_by,
  EXISTS (SELECT FROM pg_shdepend
    WHERE refclassid = 'pg_authid'::regclass AND refobjid = pg_roles.oid AND dbid <> 0
    AND dbid <> (SELECT oid FROM pg_database WHERE datname = current_database())) AS is_elsewhere,
  pg_has_role(current_user, oid, CASE WHEN current_setting('server_version_num')::int >= 160000
    THEN 'SET' ELSE 'MEMBER' END) AS is_ours
FROM pg_roles WHERE rolname = $1::text
"""
_SCHEMA = "SELECT current_schema(), has_schema_privilege($1::text, current_schema(), 'USAGE')"
_TABLES = """
SELECT named.name,
  relrowsecurity AND EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid
    AND polname = 'stagefold_tenant' AND polcmd = 'r' AND polpermissive
    AND polroles = ARRAY[$1::text::regrole::oid]
    AND obj_description(pg_policy.oid, 'pg_policy') = named.mark) AS has_policy,
  EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid
    AND polname <> 'stagefold_tenant' AND polpermissive AND EXISTS (
      SELECT FROM unnest(polroles) AS whom
      WHERE whom = 0 OR pg_has_role($1::text, whom, 'USAGE'))) AS has_others,
  has_table_privilege($1::text, pg_class.oid, 'SELECT') AS may_read,
  pg_has_role($1::text, relowner, 'USAGE') AS is_owner,
  row_security_active(pg_class.oid) AS binds_us
FROM unnest($2::text::text[], $3::text::text[]) AS named (name, mark)
JOIN pg_class ON pg_class.oid = to_regclass(named.name)
ORDER BY named.name
"""
_PROBE = """
SAVEPOINT probe;
INSERT INTO tenants (id, name, created_at) VALUES ('nobody: a probe', '', 0)
"""
_PROBED = "nobody: a probe"
_IS_SEEN = "SELECT id FROM tenants WHERE id = $1::text"


def stand(database: Database, role: str) -> None:
    """Make sure that *role* reads behind the wall; to be called where blocking is allowed.

    Raises:
        WallBroken: It does not, and we may not or must not mend it.
        StoreUnavailable: The database cannot be reached, or somebody holds a lock on a table.
    """
    with database.writing(_ONE_AT_A_TIME) as link:
        user = link.rows("SELECT current_user::text")[0][0]
        try:
            _have_role(link, role)
            _have_policies(link, role)
        except asyncpg.InsufficientPrivilegeError as error:
            raise WallBroken(f"row security: {error.args[0]}; {_cure(role, user)}") from error
        gaps = [*_gaps_of_role(link, role), *_gaps_of_tables(link, role)]
        if gaps:
            raise WallBroken(f"row security: {'; '.join(gaps)}")
        _probe(link, role)
        link.execute("COMMIT")


def _cure(role: str, user: str) -> str:
    name = _quoted(role)
    return (
        f"expected {user} to own the tables and to be allowed to make roles, or that an"
        f" administrator had run: CREATE ROLE {name} NOLOGIN; GRANT {name} TO {_quoted(user)}"
    )


# ---------------------------------------------------------------- what is missing


def _have_role(link: Link, role: str) -> None:
    """Make the role, and let us take it."""
    found = link.row(_ROLE, role)
    if found is None:
        link.execute(f"CREATE ROLE {_quoted(role)} NOLOGIN")
        found = link.row(_ROLE, role)
    if found is not None and not found[2]:
        link.execute(f"GRANT {_quoted(role)} TO CURRENT_USER")
    schema = link.row(_SCHEMA, role)
    if schema is not None and not schema[1]:
        link.execute(f"GRANT USAGE ON SCHEMA {_quoted(schema[0])} TO {_quoted(role)}")


def _have_policies(link: Link, role: str) -> None:
    """Add the policies that are missing or others by now, and the right to read their tables."""
    for name, has_policy, _, may_read, *_ in _tables(link, role, list(wall.policies())):
        if not has_policy:
            link.execute(_policy(name, role))
        if not may_read:
            link.execute(f"GRANT SELECT ON {name} TO {_quoted(role)}")


def _policy(table: str, role: str) -> str:
    """Return the script that puts *table* behind the wall."""
    condition = wall.policies()[table]
    return f"""
    ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
    DROP POLICY IF EXISTS stagefold_tenant ON {table};
    CREATE POLICY stagefold_tenant ON {table} FOR SELECT TO {_quoted(role)} USING ({condition});
    COMMENT ON POLICY stagefold_tenant ON {table} IS '{_mark(table)}'
    """


def _mark(table: str) -> str:
    """Return what the policy of *table* is known by, so that another condition replaces it."""
    condition = wall.policies().get(table, "")
    return f"rows of the tenant in {wall.NAMED}: {hashlib.sha256(condition.encode()).hexdigest()}"


def _tables(link: Link, role: str, names: Sequence[str]) -> list[Row]:
    return link.rows(_TABLES, role, names, [_mark(name) for name in names])


def _quoted(name: str) -> str:
    """Return *name* as an identifier; tables of ours need no quotes."""
    return str(_PREPARER.quote_identifier(name))


_PREPARER = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call] # not typed there


# ---------------------------------------------------------------- what is in the way


def _gaps_of_role(link: Link, role: str) -> Iterator[str]:
    passes_by, is_elsewhere, _ = link.rows(_ROLE, role)[0]
    if passes_by:
        yield (
            f"role {role}: expected one that policies bind, found SUPERUSER or BYPASSRLS;"
            f" run ALTER ROLE {_quoted(role)} NOSUPERUSER NOBYPASSRLS, or name another role"
        )
    if is_elsewhere:
        yield (
            f"role {role}: expected one of this database alone, found rights in another one of the"
            " server, whose users could read here; name another role"
        )


def _gaps_of_tables(link: Link, role: str) -> Iterator[str]:
    for name, has_policy, has_others, _, is_owner, binds_us in _tables(
        link, role, list(wall.policies())
    ):
        if not has_policy:
            yield f"table {name}: expected our policy, found none"
        if has_others:
            yield (
                f"table {name}: expected our policy alone, found another one that lets {role}"
                " see more; drop it, or make it RESTRICTIVE"
            )
        if is_owner:
            yield f"table {name}: expected an owner other than {role}; run ALTER TABLE … OWNER TO"
        if binds_us:
            yield f"table {name}: expected to be its owner, found that its policies bind us"
    for name, _, _, may_read, *_ in _tables(link, role, list(wall.CLOSED)):
        if may_read:
            yield f"table {name}: expected that {role} may not read it; take that right away"


def _probe(link: Link, role: str) -> None:
    """Add a row, see that another tenant does not see it and its own does, and take it back."""
    link.execute(_PROBE)
    for tenant, is_seen in ((_PROBED, True), ("", False), ("default", False)):
        link.rows(statement(wall.go_behind), tenant, role)
        if (link.row(_IS_SEEN, _PROBED) is not None) is not is_seen:
            found = "it was seen" if not is_seen else "it was not"
            raise WallBroken(
                f"row security: expected a row to be seen by its tenant alone, and for {tenant!r}"
                f" {found}; is row_security set for the role {role}?"
            )
        link.execute(wall.COME_OUT)
    link.execute("ROLLBACK TO SAVEPOINT probe")
