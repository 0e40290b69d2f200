"""Connections to PostgreSQL: one that writes, a bounded number that only read.

Code that uses them blocks; it runs in a greenlet, and what blocks there is awaited by the event
loop that called it (`runner`). Statements go to asyncpg directly, under SQLAlchemy's pool.

The writer plans every statement as a look-up by key, whatever the statistics say: a fresh table
without any would be read from end to end for each batch. Readers leave plans to the planner.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util.concurrency import await_

from projections.rows.changes import Row
from service.adapters.postgres.arrays import array
from service.adapters.postgres.troubles import LOST, translated
from service.ports import StoreUnavailable

Answer = TypeVar("Answer")

WRITER_SETTINGS: Mapping[str, str] = {
    "application_name": "stagefold writer",
    "enable_hashagg": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "enable_sort": "on",
    "plan_cache_mode": "force_generic_plan",
}
READER_SETTINGS: Mapping[str, str] = {
    "application_name": "stagefold reader",
    "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on",
    "max_parallel_workers_per_gather": "0",  # to start them takes longer than to answer a reader
}
_BOTH: Mapping[str, str] = {"jit": "off", "client_encoding": "UTF8"}
_READ = "BEGIN"
_NOTE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_CARRY = ";".join(
    (
        _NOTE,
        *(
            f"SET LOCAL enable_{way} = off"
            for way in ("hashagg", "hashjoin", "mergejoin", "seqscan")
        ),
        "SELECT pg_advisory_xact_lock('webhook_lanes'::regclass::oid::bigint)",
    )
)
"""Everything is looked up by key; whatever is written so is written by one at a time."""
_ACKNOWLEDGED_IS_DURABLE = """
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') = 'off'
"""
"""Whatever the server's default is; stricter settings than `on` stay."""

_STATEMENTS_KEPT = 512
_SEQUENCES = (list, tuple)
_MARGIN_SECONDS = 5.0
_PATIENT_SECONDS = 86_400.0


Write: TypeAlias = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait for PostgreSQL, in seconds, and how many may read at once.

    Attributes:
        connect: For a connection to open, and for one of the pool to come free.
        lock: For another process's append, or whatever else holds a lock.
        write: For one statement of the writer.
        read: For one statement of a reader.
        idle: Between two statements of a transaction; a process that stands still loses its lock.
        readers: Connections for reading.
    """

    connect: float = 5.0
    lock: float = 10.0
    write: float = 60.0
    read: float = 30.0
    idle: float = 60.0
    readers: int = 8


class Link:
    """A connection lent for one transaction, used as if it blocked.

    Writes whose answer nobody needs can be sent and left to the server, while the caller computes
    what comes next. Whatever is asked after them waits for them, and raises what they raised.
    """

    def __init__(self, driver: asyncpg.Connection[Any]) -> None:
        """Speak through *driver*."""
        self.driver = driver
        self._seconds: float | None = None
        self._unsent: deque[Write] = deque()
        self._sending: asyncio.Task[None] | None = None

    def be_patient(self) -> None:
        """Let each statement of this transaction take as long as it takes."""
        self.execute("SET LOCAL statement_timeout = 0")
        self._seconds = _PATIENT_SECONDS

    def rows(self, sql: str, *bound: object) -> list[Row]:
        """Return the rows of a statement; none where a text is asked for that cannot be stored.

        Whatever is bound as a sequence becomes the text of an array.
        """
        if not all(is_storable(value) for value in bound if isinstance(value, str)):
            return []
        self.settle()
        sent = _as_sent(bound)
        found: list[Row] = await_(self.driver.fetch(sql, *sent, timeout=self._seconds))
        return found

    def row(self, sql: str, *bound: object) -> Row | None:
        """Return the first row of a statement."""
        found = self.rows(sql, *bound)
        return found[0] if found else None

    def execute(self, script: str) -> None:
        """Run statements that take and return nothing, in one round trip."""
        self.settle()
        await_(self.driver.execute(script))

    def listed(self, sql: str, rows: Iterable[Sequence[object]]) -> list[Row]:
        """Return the rows of a statement whose parameters are the columns of *rows*."""
        arrays = list(zip(*rows, strict=True))
        return self.rows(sql, *arrays) if arrays else []

    def copy(self, table: str, names: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert *rows* with COPY."""
        self.settle()
        await_(self.driver.copy_records_to_table(table, columns=names, records=rows))

    # ------------------------------------------------------------ writes that are not waited for

    def send_copy(self, table: str, names: Sequence[str], rows: Sequence[Row]) -> None:
        """Begin to insert *rows* with COPY."""
        self._send(partial(self.driver.copy_records_to_table, table, columns=names, records=rows))

    def send(self, sql: str, *bound: object) -> None:
        """Begin to run a statement that returns nothing; sequences are bound as in `rows`."""
        self._send(partial(self.driver.fetch, sql, *_as_sent(bound), timeout=self._seconds))

    def _send(self, write: Write) -> None:
        self._unsent.append(write)
        if self._sending is not None and self._sending.done():
            self.settle()
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send_all())

    async def _send_all(self) -> None:
        while self._unsent:
            await self._unsent.popleft()()

    def settle(self) -> None:
        """Wait until everything that was begun is done; raise what it raised."""
        sending, self._sending = self._sending, None
        if sending is not None:
            await_(sending)

    def abandon(self) -> None:
        """Begin nothing more, and wait for what has begun, whatever becomes of it."""
        self._unsent.clear()
        sending, self._sending = self._sending, None
        if sending is not None:
            await_(asyncio.wait([sending]))
            sending.exception()  # whoever gives up has seen one before


def _as_sent(bound: Sequence[object]) -> list[object]:
    """Return what is bound as the driver gets it: of every sequence the text of an array."""
    return [array(value) if isinstance(value, _SEQUENCES) else value for value in bound]


class Database:
    """The two pools of one process."""

    def __init__(self, url: str, limits: Limits) -> None:
        """Open nothing yet; *url* is what libpq and asyncpg take."""
        url = f"postgresql://{url.partition('://')[2]}"  # whatever driver it named
        self.place = without_password(url)
        self.limits = limits
        self._is_closed = False
        self._writing = _engine(url, WRITER_SETTINGS, limits, size=1, seconds=limits.write)
        self._migrating = _engine(url, WRITER_SETTINGS, limits, size=1, seconds=_PATIENT_SECONDS)
        self._reading = _engine(
            url, READER_SETTINGS, limits, size=limits.readers, seconds=limits.read
        )

    @property
    def engine(self) -> AsyncEngine:
        """What migrations run on: an index on a long log takes minutes."""
        return self._migrating

    @contextmanager
    def writing(self, begin: str) -> Iterator[Link]:
        """Lend the connection that writes, after *begin*; its user commits."""
        with translated(self.place), self._lent(self._writing, begin) as link:
            yield link

    @contextmanager
    def reading(self) -> Iterator[Link]:
        """Lend a connection inside a transaction: everything read through it is of one moment."""
        with translated(self.place), self._lent(self._reading, _READ) as link:
            yield link
            link.execute("COMMIT")

    def glance(self, look: Callable[[Link], Answer]) -> Answer | None:
        """Return what *look* finds by one statement, which needs no transaction around it.

        None where it could not be asked; to ask in a transaction finds out why.
        """
        if self._is_closed:
            return None
        with translated(self.place):
            proxied = self._reading.sync_engine.raw_connection()
        try:
            return look(Link(_driver(proxied)))
        except (asyncpg.PostgresError, *LOST):
            proxied.invalidate()
            return None
        finally:
            proxied.close()

    @contextmanager
    def noting(self) -> Iterator[Link]:
        """Lend a connection inside a transaction that may write, beside the one that appends."""
        with translated(self.place), self._lent(self._reading, _NOTE) as link:
            yield link
            link.execute("COMMIT")

    @contextmanager
    def carrying(self) -> Iterator[Link]:
        """Lend a connection as `noting` does, to one at a time of all processes."""
        with translated(self.place), self._lent(self._reading, _CARRY) as link:
            yield link
            link.execute("COMMIT")

    @contextmanager
    def _lent(self, engine: AsyncEngine, begin: str) -> Iterator[Link]:
        if self._is_closed:
            raise StoreUnavailable("the store is closed: expected calls before close() only")
        proxied = self._begun(engine, begin)
        is_clear = False
        link = Link(_driver(proxied))
        try:
            yield link
            link.settle()
            is_clear = True
        finally:
            if not is_clear:
                link.abandon()
                _clear(proxied)
            proxied.close()

    def _begun(self, engine: AsyncEngine, begin: str) -> PoolProxiedConnection:
        """Return a connection on which *begin* has run.

        After a restart of the server every connection of the pool is lost, and each is found out
        here once: nothing has been asked yet, so another one does as well.
        """
        for _ in range(self.limits.readers + 1):
            proxied = engine.sync_engine.raw_connection()
            is_begun = False
            try:
                await_(_driver(proxied).execute(begin))
                is_begun = True
                return proxied
            except LOST:
                continue
            finally:
                if not is_begun:
                    proxied.invalidate()
                    proxied.close()
        raise ConnectionResetError("every connection of the pool was lost")

    def close(self) -> None:
        """Close every connection that is not lent."""
        self._is_closed = True
        for engine in (self._writing, self._reading, self._migrating):
            await_(engine.dispose())


def is_storable(text: str) -> bool:
    """Tell whether PostgreSQL can hold *text*: U+0000 and halves of surrogate pairs it cannot."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def without_password(url: str) -> str:
    """Return *url* as it may be shown: without a password and without options."""
    parts = urlsplit(url)
    who, _, where = parts.netloc.rpartition("@")
    user = who.partition(":")[0]
    return f"postgresql://{f'{user}@' if user else ''}{where}{parts.path}"


def _driver(proxied: PoolProxiedConnection) -> asyncpg.Connection[Any]:
    driver: asyncpg.Connection[Any] = proxied.driver_connection
    return driver


def _clear(proxied: PoolProxiedConnection) -> None:
    """Leave no transaction behind; a connection that cannot say so goes."""
    driver = _driver(proxied)
    try:
        if not driver.is_closed() and driver.is_in_transaction():
            await_(driver.execute("ROLLBACK"))
    except (asyncpg.PostgresError, *LOST):
        proxied.invalidate()


def _engine(
    url: str, settings: Mapping[str, str], limits: Limits, *, size: int, seconds: float
) -> AsyncEngine:
    """Return a pool of *size* connections, each statement of which may take some *seconds*."""
    server_settings = {
        **_BOTH,
        **settings,
        "statement_timeout": _milliseconds(seconds),
        "lock_timeout": _milliseconds(limits.lock),
        "idle_in_transaction_session_timeout": _milliseconds(limits.idle),
    }

    async def connect() -> asyncpg.Connection[Any]:
        with translated(without_password(url)):
            connection = await asyncpg.connect(
                url,
                timeout=limits.connect,
                command_timeout=seconds + _MARGIN_SECONDS,
                statement_cache_size=_STATEMENTS_KEPT,
                max_cached_statement_lifetime=0,
                server_settings=server_settings,
            )
            await connection.execute(_ACKNOWLEDGED_IS_DURABLE)
            return connection

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=size,
        max_overflow=0,
        pool_timeout=limits.connect,
        pool_reset_on_return=None,
    )


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1_000))
