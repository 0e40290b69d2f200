"""Parquet as records: the rows of one row group after another, each cell as the text it stands for.

The text of a cell is what a CSV export of the same column would show, so one mapping and one writer
serve both. What CSV cannot know, a column tells: whether it is a number, and which instant a
timestamp is. A border between two records is the number of rows before it.

Another process unpacks the file (`service.imports.unpacking`): what that takes is bounded there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import msgspec

from service.door.faults import Fault
from service.imports.lines import Place, Record, UnreadableFile
from service.imports.plan import LINE, LOCAL, Columns, Moment, Plan, PlanError, Property, ValueType
from service.imports.rows import RowError, RowWriter
from service.imports.unpacking import (
    CELL_CHARACTERS_MAX,
    LENGTH_BYTES,
    End,
    Frame,
    Kind,
    Rows,
    Schema,
    Wanted,
    too_large,
)

_OWN_TYPES: Mapping[Kind, ValueType] = {
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
}
_NAMES: frozenset[Kind] = frozenset({"string", "integer"})
_TIMES: frozenset[Kind] = frozenset({"instant", "clock", "day"})
_RUN = "from service.imports.unpacking import main; main()"
_SECONDS_MAX = 10.0
_decode = msgspec.msgpack.Decoder(Frame).decode


def check_readable(plan: Plan) -> None:
    """Raise an error unless what reads the plan's format is installed.

    Raises:
        PlanError: It is not; the cure is named.
    """
    if plan.format == "parquet" and find_spec("pyarrow") is None:
        cure = "pip install 'stagefold[parquet]', or export the table as CSV"
        raise PlanError([f"format: nothing here reads parquet: {cure}"])


class ParquetFile:
    """A Parquet file, being read; fits `service.imports.opening.OpenFile`."""

    def __init__(self, path: Path, plan: Plan, *, bytes_max: int) -> None:
        """Read *path*, in at most *bytes_max* of memory.

        Raises:
            PlanError: What reads Parquet is not installed.
        """
        if plan.columns is None:
            raise AssertionError("a plan for Parquet says what the columns mean")
        check_readable(plan)
        self._columns = plan.columns
        self._bytes_max = bytes_max
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None
        self._done = self._rows = 0

    @property
    def share(self) -> float:
        """How much of the file has been read, 0 to 1."""
        return min(1.0, self._done / self._rows) if self._rows else 1.0

    def close(self) -> None:
        """Let go of the file, whatever is left of it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        process.wait(_SECONDS_MAX)

    def records(self, place: Place) -> Iterator[Record]:
        """Yield the records from *place* on; memory holds some thousands of rows at a time.

        Raises:
            PlanError: The file lacks columns that the plan names.
            UnreadableFile: It is not Parquet, breaks off, or unpacks to more than is allowed.
        """
        self.close()
        self._process = process = _unpacking(self._path, self._bytes_max)
        assert process.stdin is not None  # noqa: S101 -- it was asked for
        schema = self._frame(process)
        if not isinstance(schema, Schema):
            return
        self._rows, kinds = schema.rows, _kinds(schema)
        columns = typed(self._columns, kinds)
        header = [name for name in kinds if name in columns.named()]
        writer = RowWriter(columns, header)
        self._done = place.offset
        with suppress(BrokenPipeError):  # what is to be read says why
            process.stdin.write(msgspec.json.encode(Wanted(header, place.offset)) + b"\n")
            process.stdin.flush()
        while isinstance(frame := self._frame(process), Rows):
            for cells in frame.cells:
                self._done += 1
                yield _record(writer, header, cells, self._done)

    def _frame(self, process: subprocess.Popen[bytes]) -> Frame:
        """Return what comes next of the file.

        Raises:
            UnreadableFile: Nothing more can be read of it.
        """
        assert process.stdout is not None  # noqa: S101 -- it was asked for
        octets = _exactly(process.stdout, LENGTH_BYTES)
        octets = octets and _exactly(process.stdout, int.from_bytes(octets))
        frame = _decode(octets) if octets else End(too_large(self._bytes_max))
        if isinstance(frame, End) and frame.trouble:
            raise UnreadableFile(f"behind row {self._done} {frame.trouble}")
        return frame


def _unpacking(path: Path, bytes_max: int) -> subprocess.Popen[bytes]:
    """Return a process that unpacks the file, with nothing of our environment."""
    environment = {
        "PYTHONPATH": os.pathsep.join(each for each in sys.path if each),
        "ARROW_DEFAULT_MEMORY_POOL": "system",  # others set memory aside that they may never use
        **{name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ},
    }
    return subprocess.Popen(  # noqa: S603 -- our own program; the path is one argument
        [sys.executable, "-P", "-c", _RUN, str(path), str(bytes_max)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )


def _exactly(stream: IO[bytes], length: int) -> bytes:
    """Return that many octets; none where the process has ended without a word."""
    octets = stream.read(length)
    return octets if len(octets) == length else b""


def _kinds(schema: Schema) -> dict[str, Kind | None]:
    """Return what each column holds; None for what has no text."""
    names = [name for name, _ in schema.columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise PlanError([f"header: column {repeated[0]!r} stands there twice"])
    return dict(schema.columns)


def _record(
    writer: RowWriter, header: Sequence[str], cells: Sequence[str | None], number: int
) -> Record:
    try:
        _check_lengths(header, cells)
        text = writer.text([each or "" for each in cells], number)
    except RowError as error:
        raw = json.dumps(dict(zip(header, cells, strict=True)), ensure_ascii=False)
        return Record(number, number, number, None, raw, Fault("", error.code, str(error)))
    return Record(number, number, number, text, text)


def _check_lengths(header: Sequence[str], cells: Sequence[str | None]) -> None:
    """Raise an error where a cell is longer than what came of it."""
    for name, cell in zip(header, cells, strict=True):
        if cell and len(cell) > CELL_CHARACTERS_MAX:
            message = f"column {name!r}: expected at most {CELL_CHARACTERS_MAX} characters"
            raise RowError("event_too_large", message)


def typed(columns: Columns, kinds: Mapping[str, Kind | None]) -> Columns:
    """Return *columns* with what the file itself says of them.

    Raises:
        PlanError: A column holds something that its part in the event cannot be.
    """
    missing = sorted(columns.named() - set(kinds))
    problems = [f"column {name!r}: expected one of {', '.join(kinds)}" for name in missing]
    problems += _unfit(columns, kinds)
    if problems:
        raise PlanError(problems)
    moment = columns.occurred_at
    return replace(
        columns,
        occurred_at=None if moment is None else _dated(moment, kinds.get(moment.column)),
        properties=tuple(_with_type(each, kinds.get(each.column)) for each in columns.properties),
    )


def _unfit(columns: Columns, kinds: Mapping[str, Kind | None]) -> Iterator[str]:
    names: dict[str, str | None] = {
        "type": columns.type.column,
        "customer_id": columns.customer_id,
        "anonymous_id": columns.anonymous_id,
        "account_id": columns.account_id,
        **{f"id.{place}": name for place, name in enumerate(columns.id) if name != LINE},
    }
    for part, column in names.items():
        if column and column in kinds and kinds[column] not in {*_NAMES, *_own_days(part)}:
            found = kinds[column] or "another type"
            yield f"{part}: expected column {column!r} to hold texts or whole numbers, not {found}"
    moment = columns.occurred_at
    if moment and kinds.get(moment.column) in _TIMES and moment.format != "rfc3339":
        yield f"occurred_at.format: column {moment.column!r} is a time already; leave it out"
    values = [each.column for each in columns.properties]
    for column in [*values, *([moment.column] if moment else [])]:
        if column in kinds and kinds[column] is None:
            yield f"column {column!r}: expected texts, numbers, true and false, or times"


def _own_days(part: str) -> frozenset[Kind]:
    """Return what else may be a part of an id: times say which, and have one text."""
    return _TIMES if part.startswith("id.") else frozenset()


def _dated(moment: Moment, kind: Kind | None) -> Moment:
    return replace(moment, format=LOCAL) if kind in {"clock", "day"} else moment


def _with_type(found: Property, kind: Kind | None) -> Property:
    if found.type is not None or kind is None:
        return found
    return replace(found, type=_OWN_TYPES.get(kind, "string"))
