"""A file is opened as what its plan says that it is: lines of text, or typed columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from service.imports.lines import LinesOfFile, Place, Record
from service.imports.parquet import ParquetFile
from service.imports.plan import Plan

PARQUET_BYTES_MAX = 1 << 30


class OpenFile(Protocol):
    """A file whose records are read one after another, from any border on."""

    @property
    def share(self) -> float:
        """How much of it has been read, 0 to 1."""
        ...

    def records(self, place: Place) -> Iterator[Record]:
        """Yield the records from *place* on.

        Raises:
            PlanError: The file lacks columns that the plan names.
            UnreadableFile: It breaks off; what stands before the break was yielded.
        """
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


def opened(path: Path, plan: Plan, *, parquet_bytes_max: int = PARQUET_BYTES_MAX) -> OpenFile:
    """Return the file at *path*, open; *parquet_bytes_max* bounds the memory that Parquet takes.

    Raises:
        PlanError: Nothing here reads that format.
        UnreadableFile: It is not of that format.
    """
    if plan.format == "parquet":
        return ParquetFile(path, plan, bytes_max=parquet_bytes_max)
    return LinesOfFile(path, plan)
