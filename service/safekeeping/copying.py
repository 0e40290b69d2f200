"""Copies made and restored: a portable file out of one database, and all of it into another."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from domain.instants import format_instant
from projections.rows.changes import Row
from service.ports import Store
from service.safekeeping.archive import (
    FORMAT,
    VERSION,
    Archive,
    CopyFile,
    CopyWriter,
    Header,
    Restored,
    new_file,
)
from service.schema import NEWEST

EVENTS = "events"
PACKED_LEVEL = 6

Tell = Callable[[str, float, int], None]
"""Is told which table it is, which share of everything is done, and how many events that are."""


async def write_copy(
    store: Store, archive: Archive, path: Path, *, now: int, secrets: bool, tell: Tell
) -> dict[str, int]:
    """Write everything that *archive* keeps to *path* and return how many rows, by table.

    Others may go on writing: the copy is of one moment. Where anything goes wrong there is no file.
    """
    head = (await store.positions()).head
    tables = archive.tables(secrets=secrets)
    header = Header(
        format=FORMAT,
        version=VERSION,
        created_at=format_instant(now),
        revision=NEWEST,
        head=head,
        tables={table.name: list(table.columns) for table in tables},
    )
    with new_file(path) as unfinished, gzip.open(unfinished, "wb", PACKED_LEVEL) as packed:
        writer = CopyWriter(packed)
        writer.begin(header, tables)

        def take(name: str, rows: Sequence[Row]) -> None:
            writer.take(name, rows)
            tell(name, writer.rows[EVENTS] / max(head, 1), writer.rows[EVENTS])

        await archive.copy(take, secrets=secrets)
        writer.end()
    return dict(writer.rows)


async def restore_copy(archive: Archive, path: Path, *, tell: Tell) -> Restored:
    """Write the copy in *path* into the empty database of *archive*.

    The file is read twice: first to its end, so that one that was cut or changed is refused before
    anything is written; then into one transaction, which nobody sees before it is whole.

    Raises:
        CopyError: It is no whole copy; nothing was written.
        NotEmpty: The database holds something already.
        StoreUnavailable: Nothing was written.
    """
    file = CopyFile(path)
    file.check()

    def pages() -> Iterator[tuple[str, Sequence[Row]]]:
        events = 0
        for name, rows in file.pages(archive.tables(secrets=True)):
            yield name, rows
            events += len(rows) if name == EVENTS else 0
            tell(name, file.place / file.size, events)

    return await archive.restore(pages())
