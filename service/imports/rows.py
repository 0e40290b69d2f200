"""A row of columns becomes the JSON text of an event: exactly the text that a producer would send.

The text then passes the same door as any other, so a file can bring in nothing that a request could
not. Numbers are copied digit by digit; no float stands between the file and the log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from json.encoder import encode_basestring as quoted

from domain.instants import (
    LAST_INSTANT,
    first_instant_showing,
    format_instant,
    from_datetime,
    parse_instant,
)
from service.imports.plan import LINE, LOCAL, Columns, Moment, PlanError, ValueType

_REMEMBERED_MAX = 100_000
_MICROSECONDS = {"unix": 1_000_000, "unix_ms": 1_000, "unix_us": 1}
_UNITS = {"unix": "seconds", "unix_ms": "milliseconds", "unix_us": "microseconds"}
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "1"), "true"),
    **dict.fromkeys(("false", "no", "0"), "false"),
}
_is_json_number = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?").fullmatch
_loose_number = re.compile(r"([-+]?)0*([0-9]*)(?:\.([0-9]*))?").fullmatch
_loose_integer = re.compile(r"([-+]?)0*([0-9]+)").fullmatch
_is_scientific = re.compile(r"[-+]?[0-9]{1,40}(?:\.[0-9]{1,40})?[eE][-+]?[0-9]{1,4}").fullmatch
_is_unix = re.compile(r"[0-9]{1,16}(?:\.[0-9]{1,9})?").fullmatch

Written = Callable[[str], str]
"""Returns a cell's text, blanks around it gone, as JSON; raises `ValueError` where it cannot."""


class RowError(ValueError):
    """A row that is no event; the message says which column, what was expected, what was found."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RowWriter:
    """Writes the rows of one file as JSON texts."""

    def __init__(self, columns: Columns, header: Sequence[str]) -> None:
        """Bind the plan to the file's columns.

        Raises:
            PlanError: The file lacks columns that the plan names.
        """
        missing = sorted(columns.named() - set(header))
        if missing:
            raise PlanError(
                f"column {name!r}: expected one of {', '.join(header)}" for name in missing
            )
        self._header = tuple(header)
        self._constant = () if columns.type.column else (f'"type":{quoted(columns.type.constant)}',)
        self._id = tuple(None if name == LINE else header.index(name) for name in columns.id)
        self._members = tuple(
            (f"{quoted(name)}:", header.index(column), write)
            for name, column, write in _members(columns)
        )
        self._properties = tuple(
            (f"{quoted(each.name)}:", header.index(each.column), _WRITERS[each.type or "string"])
            for each in columns.properties
        )

    def text(self, row: Sequence[str], line: int) -> str:
        """Return the event that *row*, which begins at *line*, tells; empty cells are left out.

        Raises:
            RowError: A cell cannot be read, or there are more or fewer cells than columns.
        """
        if len(row) != len(self._header):
            message = f"expected {len(self._header)} columns, found {len(row)}"
            raise RowError("bad_columns", message)
        members = [*self._constant, *self._written(self._members, row)]
        if self._id:
            parts = (str(line) if place is None else row[place].strip() for place in self._id)
            members.append('"id":' + quoted("-".join(parts)))
        properties = ",".join(self._written(self._properties, row))
        if properties:
            members.append(f'"properties":{{{properties}}}')
        return f"{{{','.join(members)}}}"

    def _written(
        self, members: Sequence[tuple[str, int, Written]], row: Sequence[str]
    ) -> Iterator[str]:
        for name, place, write in members:
            cell = row[place].strip()
            if not cell:
                continue
            try:
                yield name + write(cell)
            except ValueError as error:
                column = self._header[place]
                message = f"column {column!r}: expected {error}, found {cell[:60]!r}"
                raise RowError("bad_cell", message) from None


def _members(columns: Columns) -> Iterator[tuple[str, str, Written]]:
    """Yield name, column and writer of the members that stand outside the properties."""
    named = {
        "type": columns.type.column,
        "customer_id": columns.customer_id,
        "anonymous_id": columns.anonymous_id,
        "account_id": columns.account_id,
    }
    for name, column in named.items():
        if column:
            yield name, column, quoted
    if columns.occurred_at is not None:
        yield "occurred_at", columns.occurred_at.column, _remembering(_moment(columns.occurred_at))


def _number(cell: str) -> str:
    """Return a decimal number's digits; a sign, zeros or a point too many for JSON are mended."""
    if _is_json_number(cell):
        return cell
    found = _loose_number(cell)
    if found is None or not (found[2] or found[3] or "0" in cell):
        return _scientific(cell)
    sign = "-" if found[1] == "-" else ""
    return f"{sign}{found[2] or '0'}{'.' + found[3] if found[3] else ''}"


def _scientific(cell: str) -> str:
    """Return a number written with an exponent, digits kept."""
    if not _is_scientific(cell):
        message = "a number such as 1234.50"
        raise ValueError(message)
    return str(Decimal(cell)).replace("E+", "E")


def _integer(cell: str) -> str:
    found = _loose_integer(cell)
    if found is None:
        message = "a whole number"
        raise ValueError(message)
    return f"{'-' if found[1] == '-' else ''}{found[2]}"


def _boolean(cell: str) -> str:
    written = _BOOLEANS.get(cell.lower())
    if written is None:
        message = f"one of {', '.join(_BOOLEANS)}"
        raise ValueError(message)
    return written


_WRITERS: dict[ValueType, Written] = {
    "string": quoted,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
}


def _moment(moment: Moment) -> Written:
    """Return the writer of a column of dates and times."""
    form, zone = moment.format, moment.zone
    if form == "rfc3339":
        return _rfc3339
    if form in _MICROSECONDS:
        return _unix(form)

    def write(cell: str) -> str:
        try:
            if form == LOCAL:
                reading = datetime.fromisoformat(cell)
            else:
                reading = datetime.strptime(cell, form)  # noqa: DTZ007 -- the zone is added below
        except ValueError:
            message = f"a time like {form}"
            raise ValueError(message) from None
        aware = reading.tzinfo is not None
        instant = from_datetime(reading) if aware else first_instant_showing(reading, zone)
        return f'"{format_instant(instant)}"'

    return write


def _rfc3339(cell: str) -> str:
    try:
        parse_instant(cell)
    except ValueError:
        message = "an RFC 3339 time such as 2026-03-02T09:30:00Z"
        raise ValueError(message) from None
    return quoted(cell)


def _unix(form: str) -> Written:
    unit, microseconds = _UNITS[form], _MICROSECONDS[form]

    def write(cell: str) -> str:
        instant = int(Decimal(cell) * microseconds) if _is_unix(cell) else LAST_INSTANT + 1
        if instant > LAST_INSTANT:
            message = f"{unit} since 1970"
            raise ValueError(message)
        return f'"{format_instant(instant)}"'

    return write


def _remembering(write: Written) -> Written:
    """Return *write* with a memory: the days of a file are few, its rows are many."""
    known: dict[str, str] = {}

    def remember(cell: str) -> str:
        found = known.get(cell)
        if found is None:
            if len(known) >= _REMEMBERED_MAX:
                known.clear()
            found = known[cell] = write(cell)
        return found

    return remember
