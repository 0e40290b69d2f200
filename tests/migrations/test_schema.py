"""The schema: what migrations make is what the tables declare, and what is written stays."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Text, create_engine, insert

from service.adapters.sql import archived
from service.adapters.sql.compiled import text_and_names
from service.adapters.sql.declared import metadata
from service.adapters.sqlite.connections import open_writer
from service.ports.errors import SchemaMismatch
from service.schema import NEWEST, revision, sqlite_path, upgrade

DECLARED = "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql NOT NULL"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database made by the migrations."""
    path = tmp_path_factory.mktemp("migrated") / "store.db"
    upgrade(path)
    return path


@pytest.fixture
def connection(made: Path, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Return the writer's connection to a database with one row in each append-only table."""
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(made)) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
    with closing(open_writer(path)) as writer:
        for table in ("events", "event_keys", "feed", "transitions", "audit_log"):
            _add_row(writer, table)
        yield writer


def _add_row(connection: sqlite3.Connection, name: str) -> None:
    table = metadata.tables[name]
    values = {
        column.name: "x" if isinstance(column.type, Text) else 1
        for column in table.c
        if not column.nullable
    }
    statement, names = text_and_names(insert(table).values(values))
    connection.execute(statement, [values[bound] for bound in names])


def test_migrations_make_what_the_tables_declare(made: Path) -> None:
    with closing(sqlite3.connect(made)) as connection:
        migrated = dict(connection.execute(DECLARED))
    with create_engine("sqlite://").connect() as plain:
        metadata.create_all(plain)
        declared = {row[0]: row[1] for row in plain.exec_driver_sql(DECLARED)}

    migrated.pop("alembic_version")
    assert _words(migrated) == _words(declared)


def _words(statements: dict[str, str]) -> dict[str, str]:
    return {name: re.sub(r"\s+", " ", statement) for name, statement in statements.items()}


def test_every_table_is_strict(made: Path) -> None:
    with closing(sqlite3.connect(made)) as connection:
        tables = connection.execute("SELECT name, type, strict FROM pragma_table_list")
        loose = {name for name, kind, strict in tables if kind == "table" and not strict}

    assert loose == {"alembic_version", "sqlite_schema", "sqlite_temp_schema"}


def test_keys_of_what_grows_with_customers_begin_with_the_bucket() -> None:
    """The two logs are known by their position; the rest could be spread over nodes tomorrow."""
    growing = [table for table in metadata.tables.values() if "bucket" in table.c]
    keys = {table.name: [column.name for column in table.primary_key] for table in growing}

    other = {name: key for name, key in keys.items() if key[0] != "bucket"}
    assert other == {"events": ["position"], "feed": ["position"]}
    assert not any(table.foreign_keys for table in metadata.tables.values())


def test_the_newest_migration_is_the_one_this_release_wants() -> None:
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))

    assert ScriptDirectory.from_config(config).get_heads() == [NEWEST]


def test_migrations_say_when_they_may_run() -> None:
    for path in sorted(Path(str(files("migrations"))).glob("versions/*.py")):
        assert re.search(r"^Stage: (pre|post) deployment", path.read_text(), re.MULTILINE), path


def test_an_upgrade_of_an_old_database_keeps_what_is_in_it(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    shutil.copy(made, path)
    with closing(open_writer(path)) as writer:
        _add_row(writer, "events")

    assert upgrade(path) == NEWEST

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)


def test_an_upgrade_that_was_cut_short_begins_anew(tmp_path: Path) -> None:
    """A file without a schema is what a first start leaves that died before its commit."""
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchone()

    assert revision(path) is None
    assert upgrade(path) == NEWEST


def test_a_database_of_a_newer_release_is_left_alone(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    shutil.copy(made, path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()

    with pytest.raises(SchemaMismatch, match=f"expected migration {NEWEST} or older, found 9999"):
        upgrade(path)


@pytest.mark.parametrize("url", ["sqlite://", "postgresql://db/x", "store.db"])
def test_an_address_that_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected sqlite:/// and the path of a file"):
        sqlite_path(url)


@pytest.mark.parametrize("table", ["events", "event_keys", "feed"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET position = 9",
        "DELETE FROM {table}",
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        "REPLACE INTO {table} SELECT * FROM {table}",
    ],
)
def test_a_log_only_grows(connection: sqlite3.Connection, table: str, statement: str) -> None:
    """Also round the corner: a REPLACE deletes, and its trigger fires on our connection."""
    with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
        connection.execute(statement.format(table=table))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE transitions SET to_stage = 'y'",
        "UPDATE transitions SET retracted_position = 2, to_stage = 'y'",
        "UPDATE transitions SET retracted_position = NULL",
        "DELETE FROM transitions",
    ],
)
def test_a_record_is_only_ever_retracted(connection: sqlite3.Connection, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="transitions: "):
        connection.execute(statement)


def test_a_record_is_retracted_once(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE transitions SET retracted_position = 2, retracted_cause = 'late'")

    with pytest.raises(sqlite3.IntegrityError, match="only ever retracted, and once"):
        connection.execute("UPDATE transitions SET retracted_position = 3")


def test_each_table_is_copied_or_known_to_be_left_behind() -> None:
    """Whoever adds a table decides whether `stagefold export` takes it along."""
    decided = [*archived.KEPT, *archived.DERIVED, *archived.PASSING]

    assert {table.name for table in decided} == set(metadata.tables)
    assert len(decided) == len(metadata.tables)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        "REPLACE INTO audit_log SELECT * FROM audit_log",
    ],
)
def test_what_was_noted_stays_noted(connection: sqlite3.Connection, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="audit_log is append-only"):
        connection.execute(statement)
