"""What the command keeps of an import: a bookmark, and refused records beside the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from service.door.events import Origin
from service.imports.bookmarks import Bookmark, BookmarkFile
from service.imports.rejected import Rejected, RejectedFile
from service.imports.running import Task


class InFiles:
    """Keeps in files; fits `service.imports.running.Keeps`."""

    def __init__(
        self, task: Task, rejected_path: Path, bookmarks: Path, *, restart: bool = False
    ) -> None:
        """Keep the bookmark in the folder *bookmarks*; with *restart* a former one is ignored."""
        self._bookmarks = BookmarkFile(bookmarks, task.path, task.plan, tenant=task.tenant)
        self._rejected_path = rejected_path
        self._restart = restart
        self._rejected: RejectedFile | None = None

    async def read(self) -> Bookmark | None:
        """Return the bookmark of a former run."""
        return None if self._restart else self._bookmarks.read()

    def begin(self, bookmark: Bookmark) -> None:
        """Open the file of refused records behind those of *bookmark*."""
        self._rejected = RejectedFile(self._rejected_path, keep_bytes=bookmark.rejected_bytes)

    async def refuse(self, rejected: Sequence[Rejected], origin: Origin) -> int:  # noqa: ARG002 -- of the protocol
        """Write *rejected* down and return how long the file is."""
        if self._rejected is None:
            raise AssertionError("records are refused only once the import has begun")
        self._rejected.write(rejected)
        return self._rejected.size

    async def write(self, bookmark: Bookmark, share: float) -> None:  # noqa: ARG002 -- the share is not asked for again
        """Keep *bookmark*."""
        self._bookmarks.write(bookmark)

    async def forget(self) -> None:
        """Remove the bookmark."""
        self._bookmarks.remove()

    def close(self) -> None:
        """Close the file of refused records."""
        if self._rejected is not None:
            self._rejected.close()
