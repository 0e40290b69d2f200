"""What a file's columns mean: a plan, read from a YAML mapping or from options, all faults named.

A plan says which column is the customer, when it happened, what makes a row unmistakable, and what
else is worth keeping. `docs/imports.md` describes the syntax; `read_plan` is its only reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal, cast, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Format = Literal["ndjson", "csv", "tsv", "whitespace", "parquet"]
ValueType = Literal["string", "number", "integer", "boolean"]

FORMATS: tuple[str, ...] = get_args(Format)
VALUE_TYPES: tuple[str, ...] = get_args(ValueType)
LINE = "$line"
"""Stands for the number of the row's first line, among the columns that an id is made of."""

LOCAL = "local"
"""Format of a clock time that a typed column holds: `strptime` has nothing to read there."""

_UNITS = ("unix", "unix_ms", "unix_us")

_SUFFIXES: Mapping[str, Format] = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
}
_KEYS = (
    "format",
    "header",
    "source",
    "type",
    "customer_id",
    "anonymous_id",
    "account_id",
    "occurred_at",
    "id",
    "properties",
)


class PlanError(ValueError):
    """A mapping cannot be used; `problems` names everything that is wrong with it."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a value comes from: a column, or the same text for every row.

    Attributes:
        column: Name of the column; empty for a constant.
        constant: The text that holds for every row; empty where there is a column.
    """

    column: str = ""
    constant: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """How a column tells when it happened.

    Attributes:
        format: `rfc3339`, `unix`, `unix_ms`, `unix_us`, or a pattern of `strptime` such as
            `%Y%m%d`; `LOCAL` where the column itself is of a type of time.
        zone: Zone of a text without an offset.
    """

    column: str
    format: str = "rfc3339"
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))


@dataclass(frozen=True, slots=True)
class Property:
    """A property of the event, and how the text of its column is read.

    Attributes:
        type: None for the column's own type, which is `string` in a file that knows no types.
    """

    name: str
    column: str
    type: ValueType | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of a row mean.

    Attributes:
        header: Names of the columns; None where the first line of the file has them.
        id: Columns (or `$line`) whose texts, joined by `-`, make the event's id; empty: the line's
            number and a digest of its text.
    """

    type: Cell
    occurred_at: Moment | None = None
    customer_id: str | None = None
    anonymous_id: str | None = None
    account_id: str | None = None
    id: tuple[str, ...] = ()
    properties: tuple[Property, ...] = ()
    header: tuple[str, ...] | None = None

    def named(self) -> set[str]:
        """Return the columns that a file has to have."""
        single = (self.type.column, self.customer_id, self.anonymous_id, self.account_id)
        moment = () if self.occurred_at is None else (self.occurred_at.column,)
        wanted = {*single, *moment, *self.id, *(each.column for each in self.properties)}
        return {name for name in wanted if name and name != LINE}


@dataclass(frozen=True, slots=True)
class Plan:
    """How one file becomes events.

    Attributes:
        source: Says so for every event that names no source of its own; with the subject and the
            id it makes a repeat recognisable.
        columns: What the columns mean; None for NDJSON, which needs no mapping.
    """

    format: Format
    source: str
    columns: Columns | None = None


def format_of(name: str) -> Format | None:
    """Return the format that a file's name tells, `.gz` and `.zst` aside; None for none."""
    stem = name.lower().removesuffix(".gz").removesuffix(".zst")
    return next((form for suffix, form in _SUFFIXES.items() if stem.endswith(suffix)), None)


def read_plan(document: Mapping[str, object], *, name: str) -> Plan:
    """Return the plan that *document* describes for the file *name*.

    Raises:
        PlanError: With everything that is wrong.
    """
    reader = _Reader(document)
    plan = reader.plan(name)
    if reader.problems or plan is None:
        raise PlanError(reader.problems)
    return plan


class _Reader:
    """Reads a mapping, gathering what is wrong on the way."""

    def __init__(self, document: Mapping[str, object]) -> None:
        self.document = document
        self.problems: list[str] = []

    def plan(self, name: str) -> Plan | None:
        self._refuse_unknown("", self.document, _KEYS)
        form = self._choice("format", self.document.get("format", format_of(name)), FORMATS)
        if form is None:
            return None
        source = self._text("source", self.document.get("source")) or name
        if form == "ndjson":
            for key in sorted(set(self.document) - {"format", "source"}):
                self._add(key, "expected no columns for ndjson, whose lines are events already")
            return Plan("ndjson", source)
        if form == "parquet" and "header" in self.document:
            self._add("header", "expected none for parquet, whose columns have names")
        return Plan(cast("Format", form), source, self._columns())

    def _columns(self) -> Columns:
        document, column = self.document, self._optional_column
        kind = self._cell("type", document.get("type"))
        customer, anonymous = column("customer_id"), column("anonymous_id")
        if customer is None and anonymous is None:
            self._add("customer_id", "expected the name of the column that tells customers apart")
        return Columns(
            type=kind or Cell(),
            occurred_at=self._moment(document.get("occurred_at")),
            customer_id=customer,
            anonymous_id=anonymous,
            account_id=column("account_id"),
            id=self._names("id", document.get("id")) or (),
            properties=self._properties(document.get("properties")),
            header=self._header(document.get("header", True)),
        )

    def _header(self, value: object) -> tuple[str, ...] | None:
        if value is True:
            return None
        names = self._names("header", value)
        if not names:
            self._add("header", "expected true, or the list of the columns' names")
        return names

    def _cell(self, path: str, value: object) -> Cell | None:
        match value:
            case str() if value.strip():
                return Cell(constant=value.strip())
            case {"column": str(column), **rest} if not rest:
                return Cell(column=column)
        self._add(path, f"expected an event type or {{column: name}}, found {value!r}")
        return None

    def _moment(self, value: object) -> Moment | None:
        if value is None:
            self._add("occurred_at", "expected the column that tells when it happened")
            return None
        if isinstance(value, str):
            value = {"column": value}
        if not isinstance(value, Mapping):
            self._add("occurred_at", f"expected {{column, format, timezone}}, found {value!r}")
            return None
        self._refuse_unknown("occurred_at.", value, ("column", "format", "timezone"))
        column = self._text("occurred_at.column", value.get("column"), needed=True)
        form = self._text("occurred_at.format", value.get("format", "rfc3339"))
        zone = self._zone(value.get("timezone", "UTC"))
        if form and form not in {"rfc3339", *_UNITS} and "%" not in form:
            self._add(
                "occurred_at.format",
                f"expected rfc3339, {', '.join(_UNITS)} or a pattern such as %Y-%m-%d,"
                f" found {form!r}",
            )
        if not (column and form and zone):
            return None
        return Moment(column, form, zone)

    def _zone(self, value: object) -> ZoneInfo | None:
        try:
            return ZoneInfo(str(value))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self._add(
                "occurred_at.timezone", f"expected a name such as Asia/Tokyo, found {value!r}"
            )
            return None

    def _properties(self, value: object) -> tuple[Property, ...]:
        if value is None:
            return ()
        if not isinstance(value, Mapping):
            self._add("properties", f"expected a mapping of name to column, found {value!r}")
            return ()
        found = (self._property(str(name), each) for name, each in value.items())
        return tuple(each for each in found if each is not None)

    def _property(self, name: str, value: object) -> Property | None:
        path = f"properties.{name}"
        if isinstance(value, str):
            value = {"column": value}
        if not isinstance(value, Mapping):
            self._add(path, f"expected a column or {{column, type}}, found {value!r}")
            return None
        self._refuse_unknown(f"{path}.", value, ("column", "type"))
        column = self._text(f"{path}.column", value.get("column"), needed=True)
        kind = value.get("type")
        if kind is not None:
            kind = self._choice(f"{path}.type", kind, VALUE_TYPES)
        return None if column is None else Property(name, column, cast("ValueType | None", kind))

    def _optional_column(self, key: str) -> str | None:
        return self._text(key, self.document.get(key))

    def _names(self, path: str, value: object) -> tuple[str, ...] | None:
        if value is None:
            return None
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            self._add(path, f"expected a list of columns, found {value!r}")
            return None
        return tuple(values)

    def _text(self, path: str, value: object, *, needed: bool = False) -> str | None:
        if isinstance(value, str) and value.strip():
            return value.strip()
        if value is not None or needed:
            self._add(path, f"expected a text, found {value!r}")
        return None

    def _choice(self, path: str, value: object, choices: tuple[str, ...]) -> str | None:
        if isinstance(value, str) and value in choices:
            return value
        found = "nothing" if value is None else repr(value)
        self._add(path, f"expected one of {', '.join(choices)}, found {found}")
        return None

    def _refuse_unknown(
        self, path: str, found: Mapping[str, object], known: tuple[str, ...]
    ) -> None:
        for key in found:
            if key not in known:
                near = get_close_matches(str(key), known, n=1)
                cure = f"did you mean {near[0]}?" if near else f"expected {', '.join(known)}"
                self._add(f"{path}{key}", f"unknown; {cure}")

    def _add(self, path: str, message: str) -> None:
        self.problems.append(f"{path}: {message}")
