"""Promises of the store that could not be kept.

StoreError                      code
├── StoreUnavailable            store_unavailable   full disk, lock held by another, closed
│   ├── StoreDamaged            store_unavailable   pages that are none
│   └── Draining                draining            the process is leaving
├── Overloaded                  overloaded          the queue of appends is full
├── UnknownModel                model_not_found     no such model or version
├── VersionMismatch             version_mismatch    `If-Match` named another version
├── SchemaMismatch              schema_mismatch     written by another release
└── WallBroken                  row_security_broken tenants are not kept apart as was asked for
"""

from __future__ import annotations

from typing import ClassVar


class StoreError(Exception):
    """A promise of the store that could not be kept; `code` is stable."""

    code: ClassVar[str] = "store_error"


class StoreUnavailable(StoreError):  # noqa: N818 -- it names a state of affairs
    """The database cannot write now; reads go on. Nothing of the call was stored.

    Where it *is_away*, it cannot be reached at all, or is starting or stopping: it may come back.
    """

    code = "store_unavailable"

    def __init__(
        self, message: str, *, retry_after_seconds: int = 1, is_away: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.is_away = is_away


class StoreDamaged(StoreUnavailable):
    """The database has pages that cannot be read; `stagefold verify` looks at it."""


class Draining(StoreUnavailable):
    """The process is leaving and takes nothing new; another one will."""

    code = "draining"


class Overloaded(StoreError):  # noqa: N818 -- it names a state of affairs
    """More appends are waiting than fit the queue; nothing of the call was stored."""

    code = "overloaded"

    def __init__(self, message: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class UnknownModel(StoreError):  # noqa: N818 -- it names a state of affairs
    """There is no such model, or it has no such version."""

    code = "model_not_found"


class VersionMismatch(StoreError):  # noqa: N818 -- it names a state of affairs
    """The model's newest version is not the one that the caller expected."""

    code = "version_mismatch"

    def __init__(self, message: str, *, newest: int) -> None:
        super().__init__(message)
        self.newest = newest


class SchemaMismatch(StoreError):  # noqa: N818 -- it names a state of affairs
    """The database was written by another release and needs, or is beyond, a migration."""

    code = "schema_mismatch"


class OutdatedFold(StoreError):  # noqa: N818 -- it names a state of affairs
    """Projections were made by another engine, and are folded on by none."""

    code = "fold_outdated"


class WallBroken(StoreError):  # noqa: N818 -- it names a state of affairs
    """Row security was asked for and does not stand; nothing is read without it."""

    code = "row_security_broken"
