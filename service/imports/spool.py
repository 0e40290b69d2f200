"""The spool: uploaded files as they arrive, each on disk before anybody is told that it is there.

What is on disk is the truth about how far an upload has come. A broken one goes on behind it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service.settings import Settings

PIECE_BYTES = 1 << 20
"""So much is gathered before it is written."""


@dataclass(frozen=True, slots=True)
class Spool:
    """Where uploaded files are kept, and how long one of them may be."""

    folder: Path
    bytes_max: int

    @classmethod
    def of(cls, settings: Settings) -> Spool:
        """Return the spool that *settings* describe."""
        return cls(settings.spool_dir.absolute(), settings.import_bytes_max)


class SpoolBusy(Exception):  # noqa: N818 -- it names a state of affairs
    """Somebody else is sending the same file."""


class TooLong(Exception):  # noqa: N818 -- as above
    """The file is longer than a file may be; what is on disk is cut back to where it began."""


def size_of(path: Path) -> int | None:
    """Return how many bytes of an upload are on disk; None where the file cannot be reached."""
    try:
        return path.stat().st_size
    except OSError:
        return None


async def append(path: Path, begin: int, pieces: AsyncIterator[bytes], *, longest: int) -> None:
    """Write *pieces* to *path* from byte *begin* on; what has arrived stays, whatever happens.

    Raises:
        SpoolBusy: Another request writes to it.
        TooLong: It would be longer than *longest* bytes.
        OSError: The disk is full, for example.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SpoolBusy from None
        os.lseek(handle, begin, os.SEEK_SET)
        await _pour(handle, begin, pieces, longest)
    finally:
        os.close(handle)


async def _pour(handle: int, begin: int, pieces: AsyncIterator[bytes], longest: int) -> None:
    waiting, taken = bytearray(), begin
    try:
        async for piece in pieces:
            taken += len(piece)
            if taken > longest:
                waiting.clear()
                os.ftruncate(handle, begin)
                raise TooLong
            waiting += piece
            if len(waiting) >= PIECE_BYTES:
                full, waiting = waiting, bytearray()
                await asyncio.to_thread(_write, handle, bytes(full))
    finally:
        _write(handle, bytes(waiting))
        await asyncio.to_thread(os.fsync, handle)


def _write(handle: int, octets: bytes) -> None:
    view = memoryview(octets)
    while view:
        view = view[os.write(handle, view) :]


def remove(path: Path) -> None:
    """Remove an uploaded file, where it can be reached."""
    with suppress(OSError):
        path.unlink()
