"""A portable copy: one file with everything that is kept, for a database of either kind.

The file is NDJSON, packed with gzip. Its first line says what it is and which columns its tables
have; then each table begins with a line of its name and has a line per row; the last line counts
the rows and holds the SHA-256 of every line before it. So a file that was cut or changed is known
as such before anything of it is written. `docs/backup.md` describes the format.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from projections.rows.changes import Row

FORMAT = "stagefold-copy"
VERSION = 1
ROWS_AT_ONCE = 1_000
LINE_OCTETS_MAX = 64 << 20

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

Take = Callable[[str, Sequence["Row"]], None]
"""Is given rows of a table, tables in the order of the copy."""


class Sink(Protocol):
    """Takes bytes."""

    def write(self, octets: bytes, /) -> int:
        """Write them."""
        ...


class TableLike(Protocol):
    """A table of a copy."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns, in order."""
        ...

    @property
    def octets(self) -> frozenset[str]:
        """Those of them that hold bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of a restore.

    Attributes:
        rows: How many, by table.
        differences: Standings that the records of the copy did not tell; they were told anew.
    """

    rows: dict[str, int]
    differences: int


class Archive(Protocol):
    """A store whose content can be written to a file and had from one."""

    def tables(self, *, secrets: bool) -> Sequence[TableLike]:
        """Return the tables of a copy."""
        ...

    async def copy(self, take: Take, *, secrets: bool) -> None:
        """Give every row of these tables to *take*, all as they are at one moment."""
        ...

    async def restore(self, pages: Iterable[tuple[str, Sequence[Row]]]) -> Restored:
        """Write *pages* and fold everybody in them, in one transaction.

        Raises:
            NotEmpty: There is something in the database already.
            StoreUnavailable: Nothing was written.
        """
        ...


class CopyError(Exception):
    """A file that is no whole copy, or that this release cannot read."""


class NotEmpty(Exception):  # noqa: N818 -- it names a state of affairs
    """The database to restore into holds something already."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the first line of a copy says.

    Attributes:
        revision: The migration that the copied database was at.
        head: Position of the newest event.
        tables: Columns by table.
    """

    format: str
    version: int
    created_at: str
    revision: str
    head: int
    tables: dict[str, list[str]]


@dataclass(slots=True)
class CopyWriter:
    """Writes a copy, line by line.

    Attributes:
        rows: How many were written, by table.
    """

    file: Sink
    octets: dict[str, tuple[int, ...]] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    _hash: Any = field(default_factory=sha256)
    _table: str = ""

    def begin(self, header: Header, tables: Sequence[TableLike]) -> None:
        """Write the first line."""
        self.octets = {one.name: octet_places(one) for one in tables}
        self._write([_encode(header)])

    def take(self, name: str, rows: Sequence[Row]) -> None:
        """Write rows of a table."""
        lines = []
        if name != self._table:
            self._table = name
            lines.append(_encode({"table": name}))
        places = self.octets[name]
        for row in rows:
            values = list(row)
            for place in places:
                if values[place] is not None:
                    values[place] = base64.b64encode(values[place]).decode()
            lines.append(_encode(values))
        self.rows[name] += len(rows)
        self._write(lines)

    def end(self) -> None:
        """Write the last line."""
        last = {"rows": dict(self.rows), "sha256": self._hash.hexdigest()}
        self.file.write(_encode(last) + b"\n")

    def _write(self, lines: Sequence[bytes]) -> None:
        text = b"".join(line + b"\n" for line in lines)
        self._hash.update(text)
        self.file.write(text)


def octet_places(table: TableLike) -> tuple[int, ...]:
    """Return at which places of a row bytes stand."""
    return tuple(at for at, name in enumerate(table.columns) if name in table.octets)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Lend the name of a file that becomes *path*, whole and on disk, if nothing goes wrong."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield unfinished
        _flush(unfinished)
        unfinished.replace(path)
        _flush(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class CopyFile:
    """A copy in a file, to be read more than once."""

    def __init__(self, path: Path) -> None:
        """Read nothing yet."""
        self._path = path
        self.size = path.stat().st_size
        self.place = 0
        """How many bytes of the file have been read, this time."""

    def check(self) -> Header:
        """Return the first line of a copy that is whole.

        Raises:
            CopyError: It is not, or was changed, or is none.
        """
        lines = self._lines()
        first = next(lines, b"")
        seen = _Seen(_header(_value(1, first)), sha256(first))
        for number, line in enumerate(lines, start=2):
            seen.take(number, _value(number, line), line)
        if not seen.is_ended:
            raise CopyError("it ends before its last line: the file was cut, or is not finished")
        return seen.header

    def pages(self, tables: Sequence[TableLike]) -> Iterator[tuple[str, list[Row]]]:
        """Yield the rows of a copy that was checked, with the columns that *tables* have.

        Raises:
            CopyError: It has a table or a column that this release does not know.
        """
        lines = self._lines()
        readers = _readers(_header(_value(1, next(lines))), tables)
        name, page = "", list["Row"]()
        for line in lines:
            value = _decode(line)
            if isinstance(value, list):
                page.append(readers[name](value))
                if len(page) < ROWS_AT_ONCE:
                    continue
            if page:
                yield name, page
            page = []
            if isinstance(value, dict):
                name = value.get("table", "")

    def _lines(self) -> Iterator[bytes]:
        with self._path.open("rb") as packed, gzip.open(packed) as file:
            try:
                while line := file.readline(LINE_OCTETS_MAX):
                    self.place = packed.tell()
                    yield line
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise CopyError(f"it cannot be unpacked to its end: {error}") from None


class _Seen:
    """What was read of a copy so far."""

    def __init__(self, header: Header, hashed: Any) -> None:  # noqa: ANN401 -- a hash has no type
        self.header = header
        self.is_ended = False
        self._hash = hashed
        self._rows: Counter[str] = Counter()
        self._table = ""

    def take(self, number: int, value: object, line: bytes) -> None:
        """Look at the next line."""
        if self.is_ended:
            raise CopyError(f"line {number}: expected the end of the file, found more")
        match value:
            case {"sha256": str(found), "rows": dict(rows)}:
                if found != self._hash.hexdigest() or rows != self._rows:
                    raise CopyError("its lines are not those that were written: it was changed")
                self.is_ended = True
            case {"table": str(name)} if name in self.header.tables:
                self._table = name
            case list() if len(value) == len(self.header.tables.get(self._table, ())):
                self._rows[self._table] += 1
            case _:
                raise CopyError(f"line {number}: expected a row of {self._table or 'a table'}")
        self._hash.update(line)


def _value(number: int, line: bytes) -> Any:  # noqa: ANN401 -- JSON
    try:
        return _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise CopyError(f"line {number}: expected JSON, found something else") from None


def _header(found: object) -> Header:
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise CopyError(f"expected a copy made by stagefold export, format {FORMAT}")
    if found.get("version") != VERSION:
        version = found.get("version")
        raise CopyError(f"expected version {VERSION} of the format, found {version!a}")
    try:
        return msgspec.convert(found, Header)
    except msgspec.ValidationError as error:
        raise CopyError(f"its first line: {error}") from None


def _readers(header: Header, tables: Sequence[TableLike]) -> dict[str, Callable[[list[Any]], Row]]:
    known = {table.name: table for table in tables}
    strangers = sorted(header.tables.keys() - known.keys())
    if strangers:
        raise CopyError(f"it has tables that this release does not know: {', '.join(strangers)}")
    return {name: _reader(known[name], columns) for name, columns in header.tables.items()}


def _reader(table: TableLike, columns: Sequence[str]) -> Callable[[list[Any]], Row]:
    """Return what makes a row of *table* from a line; columns that it lacks are empty."""
    strangers = sorted(set(columns) - set(table.columns))
    if strangers:
        told = ", ".join(strangers)
        raise CopyError(f"{table.name} has columns that this release does not know: {told}")
    places = [columns.index(name) if name in columns else None for name in table.columns]
    octets = octet_places(table)

    def read(values: list[Any]) -> Row:
        row = [None if place is None else values[place] for place in places]
        for place in octets:
            if row[place] is not None:
                row[place] = _octets(table.name, row[place])
        return tuple(row)

    return read


def _octets(name: str, text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except binascii.Error:
        raise CopyError(f"{name}: expected bytes in base64, found {str(text)[:40]!a}") from None
