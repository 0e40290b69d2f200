"""A Parquet file unpacked in a process of its own, whose memory is bounded: texts come out.

A page of such a file, a dictionary, a run of repeats: each may unpack to any size, and the library
takes what they ask for. Here that is this process's memory alone. It has none of the service's
environment and no way to it but a pipe: JSON lines in, frames of msgpack out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, BinaryIO, Literal, TypeAlias

import msgspec

ROWS_AT_ONCE = 2_000
BYTES_AT_ONCE = 16 << 20
FRAME_CHARACTERS_MAX = 4 << 20
CELL_CHARACTERS_MAX = 1 << 20
"""No event is that long; of such a cell comes one character more, which tells so."""

LENGTH_BYTES = 4
_BUFFER_BYTES = 1 << 20
_MIBI = 1 << 20

Kind = Literal["string", "integer", "number", "boolean", "instant", "clock", "day"]
"""What a column holds: an `instant` knows its zone, a time of the `clock` and a `day` do not."""

_SHOWN = "%Y-%m-%dT%H:%M:%S"
_ZEROS = ((r"(\.(?:\d{3})*?)(?:000)+Z$", r"\1Z"), (r"\.Z$", "Z"))
"""Zeros go in threes, as in `format_instant`: a repeat from CSV has the same text."""


class Schema(msgspec.Struct, tag="schema"):
    """The first frame: how many rows there are, and what each column holds, None for no text."""

    rows: int
    columns: list[tuple[str, Kind | None]]


class Rows(msgspec.Struct, tag="rows"):
    """Some rows, in order, of the columns that were asked for."""

    cells: list[list[str | None]]


class End(msgspec.Struct, tag="end"):
    """The last frame: all rows were sent, or *trouble* says why not."""

    trouble: str = ""


Frame: TypeAlias = Schema | Rows | End


class Wanted(msgspec.Struct):
    """The line that is read behind the first frame: which columns, behind how many rows."""

    header: list[str]
    begin: int


def main() -> None:
    """Unpack the file that the arguments name, in as many bytes as they allow."""
    path, bytes_max = sys.argv[1], int(sys.argv[2])
    _hold_to(bytes_max)
    arrow = _Arrow()
    try:
        trouble = _unpack(arrow, path)
    except MemoryError:
        trouble = too_large(bytes_max)
    except (arrow.core.ArrowException, OSError) as error:
        trouble = f"it cannot be read as Parquet: {str(error).partition(chr(10))[0]}"
    _send(End(trouble))


def too_large(bytes_max: int) -> str:
    """Return what is wrong with a file that needs more, with the cure."""
    return (
        f"it unpacks to more than {bytes_max // _MIBI} MiB at a time: write it with smaller pages,"
        " or allow more by STAGEFOLD_PARQUET_BYTES_MAX"
    )


def _unpack(arrow: _Arrow, path: str) -> str:
    file = arrow.parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER_BYTES)
    kinds = [(field.name, arrow.kind(field.type)) for field in file.schema_arrow]
    _send(Schema(file.metadata.num_rows, kinds))
    line = sys.stdin.buffer.readline()
    if not line:  # whoever asked has read enough
        return ""
    wanted = msgspec.json.decode(line, type=Wanted)
    known = dict(kinds)
    for batch in _batches(file, wanted):
        texts = [arrow.texts(batch.column(name), known[name]) for name in wanted.header]
        for rows in _framed(zip(*texts, strict=True)):
            _send(Rows(rows))
    return ""


def _batches(file: Any, wanted: Wanted) -> Iterator[Any]:  # noqa: ANN401 -- the library has no types
    """Yield the rows that are wanted, some at a time; whole groups are passed over."""
    groups, first, begin = file.metadata, 0, wanted.begin
    while first < groups.num_row_groups and begin >= groups.row_group(first).num_rows:
        begin -= groups.row_group(first).num_rows
        first += 1
    for batch in file.iter_batches(
        _rows_at_once(groups),
        row_groups=list(range(first, groups.num_row_groups)),
        columns=wanted.header,
        use_threads=False,
    ):
        passed, begin = min(begin, batch.num_rows), max(0, begin - batch.num_rows)
        yield batch.slice(passed)


def _rows_at_once(groups: Any) -> int:  # noqa: ANN401 -- as above
    """Return how many rows are read together, by what the file says of their sizes."""
    each = map(groups.row_group, range(groups.num_row_groups))
    largest = max((one.total_byte_size // max(1, one.num_rows) for one in each), default=0)
    return max(1, min(ROWS_AT_ONCE, BYTES_AT_ONCE // max(1, largest)))


def _framed(rows: Iterator[tuple[str | None, ...]]) -> Iterator[list[list[str | None]]]:
    """Yield *rows* in parts that whoever reads them has room for."""
    waiting: list[list[str | None]] = []
    size = 0
    for row in rows:
        cells = [cell and cell[: CELL_CHARACTERS_MAX + 1] for cell in row]
        waiting.append(cells)
        size += sum(len(cell or "") for cell in cells)
        if size >= FRAME_CHARACTERS_MAX:
            yield waiting
            waiting, size = [], 0
    if waiting:
        yield waiting


class _Arrow:
    """The library: it comes without types, so what is used of it is named here."""

    def __init__(self) -> None:
        self.core: Any = import_module("pyarrow")
        self.compute: Any = import_module("pyarrow.compute")
        self.parquet: Any = import_module("pyarrow.parquet")

    def kind(self, of: Any) -> Kind | None:  # noqa: ANN401 -- the library has no types
        """Return what a column of that type holds; None for what has no text."""
        types = self.core.types
        if types.is_dictionary(of):
            of = of.value_type
        if types.is_timestamp(of):
            return "clock" if of.tz is None else "instant"
        if types.is_decimal(of):
            return "number" if of.scale > 0 else "integer"
        tests: tuple[tuple[Kind, Sequence[Callable[[Any], bool]]], ...] = (
            ("string", (types.is_string, types.is_large_string, types.is_null)),
            ("integer", (types.is_integer,)),
            ("number", (types.is_floating,)),
            ("boolean", (types.is_boolean,)),
            ("day", (types.is_date,)),
        )
        return next((kind for kind, are in tests if any(is_one(of) for is_one in are)), None)

    def texts(self, column: Any, kind: Kind | None) -> list[str | None]:  # noqa: ANN401 -- as above
        """Return the cells of *column* as texts."""
        core, compute = self.core, self.compute
        if core.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if kind == "instant":  # without its zone the column shows UTC
            column = column.cast(core.timestamp(column.type.unit))
            column = compute.strftime(column, format=f"{_SHOWN}Z")
            for pattern, short in _ZEROS:
                column = compute.replace_substring_regex(column, pattern, short)
        elif kind == "clock":
            column = compute.strftime(column, format=_SHOWN)
        texts: list[str | None] = column.cast(core.string()).to_pylist()
        return texts


def _hold_to(bytes_max: int) -> None:
    """Let this process have no more memory than that, where the system can see to it."""
    try:
        resource = import_module("resource")
    except ImportError:  # Windows has no such limits
        return
    resource.setrlimit(resource.RLIMIT_DATA, (bytes_max, bytes_max))


def _send(frame: Frame) -> None:
    octets = msgspec.msgpack.encode(frame)
    out: BinaryIO = sys.stdout.buffer
    out.write(len(octets).to_bytes(LENGTH_BYTES) + octets)
    out.flush()
