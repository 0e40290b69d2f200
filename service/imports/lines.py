"""The records of a file, one after another, with their places: memory does not grow with the file.

A record ends at an offset of the unpacked bytes; reading can begin again there. A line that is too
long is cut short and refused, and what is not UTF-8 is refused; neither takes the next line along.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, cast

from service.door.faults import Fault
from service.imports.plan import Columns, Plan, PlanError
from service.imports.rows import RowError, RowWriter

LINE_BYTES_MAX = 1 << 20
"""No event is that long; the rest of such a line is passed over."""

_BOM = b"\xef\xbb\xbf"
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_MODULES = ("compression.zstd", "backports.zstd")


def _zstd() -> ModuleType | None:
    """Return what unpacks zstd here, if anything does."""
    for name in _ZSTD_MODULES:
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


_ZSTD = _zstd()
_ZSTD_ERRORS: tuple[type[Exception], ...] = () if _ZSTD is None else (_ZSTD.ZstdError,)
_BROKEN: tuple[type[Exception], ...] = (EOFError, gzip.BadGzipFile, zlib.error, *_ZSTD_ERRORS)
_DELIMITERS = {"csv": ",", "tsv": "\t"}


class UnreadableFile(ValueError):  # noqa: N818 -- it names a state of affairs
    """A file that cannot be read to its end; what stands before the break was read."""


@dataclass(slots=True, frozen=True)
class Record:
    """One event of a file, or what stands in its place.

    Attributes:
        line: Number of its first line, from 1.
        end: Offset of the byte after it, unpacked.
        last_line: Number of its last line.
        text: The event as JSON; None where the record is refused.
        raw: The record as it stands in the file.
        fault: Why it is refused; None where it is not.
    """

    line: int
    last_line: int
    end: int
    text: str | None
    raw: str
    fault: Fault | None = None


@dataclass(slots=True, frozen=True)
class Place:
    """A border between two records: bytes and lines before it."""

    offset: int = 0
    line: int = 0


class LinesOfFile:
    """An open file of lines, unpacked where it is gzip or zstd, whatever its name says."""

    def __init__(self, path: Path, plan: Plan) -> None:
        """Open *path*.

        Raises:
            UnreadableFile: It is zstd, and nothing here unpacks that.
        """
        self._plan = plan
        self._file = path.open("rb")
        self._size = max(1, path.stat().st_size)
        magic = self._file.read(len(_ZSTD_MAGIC))
        self._file.seek(0)
        self.stream: BinaryIO = self._file
        if magic.startswith(_GZIP_MAGIC):
            self.stream = cast("BinaryIO", gzip.GzipFile(fileobj=self._file, mode="rb"))
        elif magic == _ZSTD_MAGIC:
            self.stream = _unzstd(self._file)

    @property
    def share(self) -> float:
        """How much of the file has been read, 0 to 1."""
        return min(1.0, self._file.tell() / self._size)

    def records(self, place: Place) -> Iterator[Record]:
        """Yield the records from *place* on."""
        return records(self.stream, self._plan, place)

    def close(self) -> None:
        """Close the file."""
        self.stream.close()
        self._file.close()


def _unzstd(file: BinaryIO) -> BinaryIO:
    if _ZSTD is None:
        file.close()
        raise UnreadableFile("the file is zstd: install the extra zstd, or pack it with gzip")
    return cast("BinaryIO", _ZSTD.ZstdFile(file, "rb"))


def records(stream: BinaryIO, plan: Plan, place: Place) -> Iterator[Record]:
    """Yield the records of *stream* from *place* on.

    Raises:
        PlanError: The file lacks columns that the plan names.
    """
    lines = _Lines(stream)
    if plan.columns is None:
        lines.go_to(place)
        yield from _ndjson(lines)
        return
    writer = RowWriter(plan.columns, _header(lines, plan, plan.columns))
    lines.go_to(max(place, lines.place, key=lambda each: each.offset))
    rows = _split_rows(lines) if plan.format == "whitespace" else _csv_rows(lines, plan)
    yield from _rows(rows, writer)


class _Lines:
    """Numbered lines of a stream; remembers what has been read since `begin`."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.place = Place()
        self.begun = Place()
        self.raw = ""
        self.fault: Fault | None = None

    def go_to(self, place: Place) -> None:
        """Continue at *place*."""
        if place != self.place:
            self._stream.seek(place.offset)
            self.place = place
        self.begin()

    def begin(self) -> None:
        """Forget the lines read so far: a record begins here."""
        self.begun, self.raw, self.fault = self.place, "", None

    def record(self, text: str | None, fault: Fault | None = None) -> Record:
        """Return what was read since `begin` as a record, and begin the next one."""
        fault = self.fault or fault
        found = Record(
            line=self.begun.line + 1,
            last_line=self.place.line,
            end=self.place.offset,
            text=None if fault else text,
            raw=self.raw,
            fault=fault,
        )
        self.begin()
        return found

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """Return the next line as text, its end included."""
        raw = self._read()
        if not raw:
            raise StopIteration
        size = len(raw)
        if size == LINE_BYTES_MAX and not raw.endswith(b"\n"):
            size += self._pass_over()
            message = f"expected at most {LINE_BYTES_MAX} bytes in a line, found {size}"
            self.fault = Fault("", "event_too_large", message)
        if self.place.offset == 0:
            raw = raw.removeprefix(_BOM)
        self.place = Place(self.place.offset + size, self.place.line + 1)
        text = self._decoded(raw)
        if len(self.raw) < LINE_BYTES_MAX:
            self.raw += text
        return text

    def _read(self) -> bytes:
        """Return the next line, or as much of it as a line may have."""
        try:
            return self._stream.readline(LINE_BYTES_MAX)
        except _BROKEN as error:
            message = f"behind line {self.place.line} the packed file is broken: {error}"
            raise UnreadableFile(message) from None

    def _pass_over(self) -> int:
        """Skip to the end of the line and return how many bytes that were."""
        size = 0
        while rest := self._read():
            size += len(rest)
            if rest.endswith(b"\n"):
                break
        return size

    def _decoded(self, raw: bytes) -> str:
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            message = f"the line is not UTF-8: byte {error.start} is {raw[error.start]:#04x}"
            self.fault = self.fault or Fault("", "malformed_utf8", message)
            return raw.decode(errors="backslashreplace")


def _ndjson(lines: _Lines) -> Iterator[Record]:
    for line in lines:
        text = line.strip(" \t\r\n")
        if text or lines.fault:
            yield lines.record(text)
        else:
            lines.begin()


def _header(lines: _Lines, plan: Plan, columns: Columns) -> tuple[str, ...]:
    if columns.header is not None:
        return columns.header
    rows = _split_rows(lines) if plan.format == "whitespace" else _csv_rows(lines, plan)
    for cells, record in rows:
        if cells is None:
            raise PlanError([f"header: {record.fault.message if record.fault else 'unreadable'}"])
        names = tuple(cell.strip() for cell in cells)
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise PlanError([f"header: column {repeated[0]!r} stands there twice"])
        return names
    raise PlanError(["header: expected the names of the columns, found an empty file"])


Row = tuple[list[str] | None, Record]


def _split_rows(lines: _Lines) -> Iterator[Row]:
    for line in lines:
        cells = line.split()
        if cells or lines.fault:
            record = lines.record(None)
            yield (None if record.fault else cells), record
        else:
            lines.begin()


def _csv_rows(lines: _Lines, plan: Plan) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=_DELIMITERS[plan.format], strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            message = f"not readable as {plan.format}: {error}; is a quote missing?"
            yield None, lines.record(None, Fault("", "malformed_csv", message))
            continue
        if cells or lines.fault:
            record = lines.record(None)
            yield (None if record.fault else cells), record
        else:
            lines.begin()


def _rows(rows: Iterator[Row], writer: RowWriter) -> Iterator[Record]:
    """Yield a record per row, with the text of the event that it tells."""
    for cells, record in rows:
        if cells is None:
            yield record
            continue
        text, fault = None, None
        try:
            text = writer.text(cells, record.line)
        except RowError as error:
            fault = Fault("", error.code, str(error))
        yield Record(record.line, record.last_line, record.end, text, record.raw, fault)
