"""What goes wrong with PostgreSQL, told apart: troubles that pass, and mistakes that do not.

A trouble that passes becomes `StoreUnavailable`. Codes: PostgreSQL documentation, appendix A.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from service.ports import StoreUnavailable

LOST = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # of a connection that learns of its end while it is used
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    OSError,
)
"""What asyncpg raises when a connection is gone."""

_OF_DRIVER = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_SOON, _LATER = 1, 5
_PASSING: dict[str, tuple[str, int]] = {
    "08": ("the connection was lost", _SOON),
    "25006": ("it only reads; it may be a standby", _LATER),
    "25P03": ("a transaction stood still for too long", _SOON),
    "28": ("it refuses our credentials", _LATER),
    "3D000": ("there is no such database", _LATER),
    "40": ("a transaction was undone in favour of another", _SOON),
    "53100": ("its disk is full", _LATER),
    "53200": ("it is out of memory", _LATER),
    "53300": ("it has too many connections", _LATER),
    "53": ("it is out of resources", _LATER),
    "55P03": ("another process has held its lock for too long", _SOON),
    "55006": ("it is in use", _SOON),
    "57014": ("a statement took too long", _SOON),
    "57P": ("it is starting or stopping", _SOON),
    "58": ("its files cannot be read or written", _LATER),
}

_AWAY = ("08", "53300", "57P")
"""Codes of a server that is there again later: lost, full of connections, starting or stopping."""


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn a database that cannot work at present into `StoreUnavailable`; other errors pass."""
    try:
        yield
    except (*_OF_DRIVER, DBAPIError, PoolTimeoutError) as error:
        found = _trouble(error)
        if found is None:
            raise
        reason, seconds = found
        message = f"database {place}: {reason} ({_told(error)})"
        away = _is_away(error)
        raise StoreUnavailable(message, retry_after_seconds=seconds, is_away=away) from error
    except OSError as error:  # refused, reset, unknown host, and a wait that was too long
        message = f"database {place}: it cannot be reached ({_told(error)})"
        raise StoreUnavailable(message, retry_after_seconds=_SOON, is_away=True) from error


def _trouble(error: Exception) -> tuple[str, int] | None:
    """Return why the database cannot work at present and when to ask again; None for a mistake."""
    if isinstance(error, PoolTimeoutError):
        return "all connections are in use", _SOON
    code = _code(error)
    if code is None:
        told = str(error)
        is_lost = "closed" in told or "connection" in told or "cannot switch to state" in told
        return ("the connection was lost", _SOON) if is_lost else None
    for length in (5, 3, 2):
        found = _PASSING.get(code[:length])
        if found is not None:
            return found
    return None


def _is_away(error: Exception) -> bool:
    code = _code(error)
    return not isinstance(error, PoolTimeoutError) and (code is None or code.startswith(_AWAY))


def _code(error: Exception) -> str | None:
    """Return the SQLSTATE of *error*; None for one of the connection itself."""
    found: str | None = getattr(getattr(error, "orig", None) or error, "sqlstate", None)
    return found


def _told(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
