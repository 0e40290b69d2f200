"""Parquet as records: the rows of one row group after another, each cell as the text it stands for.

The text of a cell is what a CSV export of the same column would show, so one mapping and one writer
serve both. What CSV cannot know, a column tells: whether it is a number, and which instant a
timestamp is. A border between two records is the number of rows before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from service.door.faults import Fault
from service.imports.lines import Place, Record, UnreadableFile
from service.imports.plan import LINE, LOCAL, Columns, Moment, Plan, PlanError, Property, ValueType
from service.imports.rows import RowError, RowWriter

ROWS_AT_ONCE = 2_000
_BUFFER_BYTES = 1 << 20

Kind = Literal["string", "integer", "number", "boolean", "instant", "clock", "day"]
"""What a column holds: an `instant` knows its zone, a time of the `clock` and a `day` do not."""

_OWN_TYPES: Mapping[Kind, ValueType] = {
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
}
_NAMES: frozenset[Kind] = frozenset({"string", "integer"})
_TIMES: frozenset[Kind] = frozenset({"instant", "clock", "day"})
_SHOWN = "%Y-%m-%dT%H:%M:%S"
_ZEROS = ((r"(\.(?:\d{3})*?)(?:000)+Z$", r"\1Z"), (r"\.Z$", "Z"))
"""Zeros go in threes, as in `format_instant`: a repeat from CSV has the same text."""


def check_readable(plan: Plan) -> None:
    """Raise an error unless what reads the plan's format is installed.

    Raises:
        PlanError: It is not; the cure is named.
    """
    if plan.format == "parquet":
        _Arrow.installed()


@dataclass(frozen=True, slots=True)
class _Arrow:
    """The library: it comes without types, so what is used of it is named here."""

    core: Any
    compute: Any
    parquet: Any

    @classmethod
    def installed(cls) -> _Arrow:
        try:
            names = ("pyarrow", "pyarrow.compute", "pyarrow.parquet")
            return cls(*map(import_module, names))
        except ImportError:
            cure = "pip install 'stagefold[parquet]', or export the table as CSV"
            raise PlanError([f"format: nothing here reads parquet: {cure}"]) from None


class ParquetFile:
    """An open Parquet file; fits `service.imports.opening.OpenFile`."""

    def __init__(self, path: Path, plan: Plan) -> None:
        """Open *path*.

        Raises:
            PlanError: What reads Parquet is not installed.
            UnreadableFile: It is not Parquet, or its end, where the columns are described, is lost.
        """
        if plan.columns is None:
            raise AssertionError("a plan for Parquet says what the columns mean")
        self._arrow = _Arrow.installed()
        self._columns = plan.columns
        self._done = 0
        with self._readable():
            self._file = self._arrow.parquet.ParquetFile(
                path, pre_buffer=False, buffer_size=_BUFFER_BYTES
            )
        self._rows = self._file.metadata.num_rows

    @property
    def share(self) -> float:
        """How much of the file has been read, 0 to 1."""
        return min(1.0, self._done / self._rows) if self._rows else 1.0

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def records(self, place: Place) -> Iterator[Record]:
        """Yield the records from *place* on; memory holds some thousands of rows at a time."""
        kinds = self._kinds()
        columns = typed(self._columns, kinds)
        header = [name for name in kinds if name in columns.named()]
        writer = RowWriter(columns, header)
        self._done = place.offset
        for batch in self._batches(place.offset, header):
            texts = [self._texts(batch.column(name), kinds[name]) for name in header]
            for cells in zip(*texts, strict=True):
                self._done += 1
                yield _record(writer, header, cells, self._done)

    def _kinds(self) -> dict[str, Kind | None]:
        """Return what each column holds; None for what has no text."""
        schema = self._file.schema_arrow
        repeated = sorted({name for name in schema.names if schema.names.count(name) > 1})
        if repeated:
            raise PlanError([f"header: column {repeated[0]!r} stands there twice"])
        return {field.name: self._kind(field.type) for field in schema}

    def _kind(self, of: Any) -> Kind | None:  # noqa: ANN401 -- the library has no types
        types = self._arrow.core.types
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

    def _batches(self, begin: int, header: Sequence[str]) -> Iterator[Any]:
        """Yield the rows behind the first *begin*, some at a time; whole groups are passed over."""
        groups, first = self._file.metadata, 0
        while first < groups.num_row_groups and begin >= groups.row_group(first).num_rows:
            begin -= groups.row_group(first).num_rows
            first += 1
        with self._readable():
            for batch in self._file.iter_batches(
                ROWS_AT_ONCE,
                row_groups=list(range(first, groups.num_row_groups)),
                columns=list(header),
                use_threads=False,
            ):
                passed, begin = min(begin, batch.num_rows), max(0, begin - batch.num_rows)
                yield batch.slice(passed)

    def _texts(self, column: Any, kind: Kind | None) -> list[str | None]:  # noqa: ANN401 -- as above
        core, compute = self._arrow.core, self._arrow.compute
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

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Let what is wrong with the file be told as that."""
        try:
            yield
        except (self._arrow.core.ArrowException, OSError) as error:
            told = str(error).partition("\n")[0]
            message = f"behind row {self._done} it cannot be read as Parquet: {told}"
            raise UnreadableFile(message) from None


def _record(
    writer: RowWriter, header: Sequence[str], cells: Sequence[str | None], number: int
) -> Record:
    try:
        text = writer.text([each or "" for each in cells], number)
    except RowError as error:
        raw = json.dumps(dict(zip(header, cells, strict=True)), ensure_ascii=False)
        return Record(number, number, number, None, raw, Fault("", error.code, str(error)))
    return Record(number, number, number, text, text)


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
