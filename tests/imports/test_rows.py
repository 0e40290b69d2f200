"""A row becomes the text of an event, digit by digit; what cannot be read is told by column."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.imports.plan import PlanError
from service.imports.rows import RowError, RowWriter
from tests.imports.workshop import plan_of

HEADER = ("no", "buyer", "day", "total")


def written(row: list[str], *, header: tuple[str, ...] = HEADER, **changes: object) -> str:
    """Return the text of *row* on line 7."""
    columns = plan_of(**changes).columns
    assert columns is not None
    return RowWriter(columns, header).text(row, 7)


def test_a_row_tells_an_event() -> None:
    text = written(["4711", " ann ", "2026-02-01", "11.70"])

    assert text == (
        '{"type":"order_completed","customer_id":"ann","occurred_at":"2026-02-01T00:00:00Z",'
        '"id":"4711","properties":{"amount":11.70}}'
    )


def test_an_empty_cell_is_left_out() -> None:
    event = json.loads(written(["", "ann", "2026-02-01", " "], id=["buyer", "$line"]))

    assert event["id"] == "ann-7"
    assert "properties" not in event


def test_the_type_may_be_a_column() -> None:
    row = ["1", "ann", "2026-02-01", "5", "visit"]

    event = json.loads(written(row, header=(*HEADER, "what"), type={"column": "what"}))

    assert event["type"] == "visit"


NUMBERS = [
    ("11.77", "11.77"),
    ("0.10", "0.10"),
    ("-3", "-3"),
    ("+5", "5"),
    ("007", "7"),
    (".5", "0.5"),
    ("5.", "5"),
    ("1e3", "1E3"),
    ("123456789012345678901234567890.01", "123456789012345678901234567890.01"),
]


@pytest.mark.parametrize(("cell", "expected"), NUMBERS)
def test_a_number_keeps_its_digits(cell: str, expected: str) -> None:
    text = written(["1", "ann", "2026-02-01", cell])

    assert text.endswith(f'{{"amount":{expected}}}}}')


@pytest.mark.parametrize("cell", ["x", "1,000", "NaN", "Infinity", "1.2.3", "--1", ".", "٣", "1_0"])
def test_what_is_no_number_is_refused(cell: str) -> None:
    with pytest.raises(RowError, match=r"column 'total': expected a number such as 1234\.50"):
        written(["1", "ann", "2026-02-01", cell])


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str))
def test_every_decimal_arrives_as_written(cell: str) -> None:
    text = written(["1", "ann", "2026-02-01", cell])

    value = json.loads(text, parse_float=str, parse_int=str)["properties"]["amount"]
    assert value.lstrip("-") == cell.lstrip("-")


@given(st.text(min_size=1).filter(lambda text: text.strip()))
def test_any_text_arrives_as_written(cell: str) -> None:
    row = ["1", "ann", "2026-02-01", cell]

    event = json.loads(written(row, properties={"note": "total"}))

    assert event["properties"]["note"] == cell.strip()


TIMES = [
    ({"format": "%Y%m%d", "timezone": "Asia/Tokyo"}, "20260201", "2026-01-31T15:00:00Z"),
    ({"format": "%d.%m.%Y %H:%M"}, "01.02.2026 09:30", "2026-02-01T09:30:00Z"),
    ({"format": "%Y-%m-%dT%H:%M:%S%z"}, "2026-02-01T09:30:00+0900", "2026-02-01T00:30:00Z"),
    ({"format": "unix"}, "1769904000", "2026-02-01T00:00:00Z"),
    ({"format": "unix"}, "1769904000.25", "2026-02-01T00:00:00.250Z"),
    ({"format": "unix_ms"}, "1769904000001", "2026-02-01T00:00:00.001Z"),
    ({}, "2026-02-01T09:30:00+09:00", "2026-02-01T09:30:00+09:00"),
    # A clock time that summer time skips is the instant after the gap.
    (
        {"format": "%Y-%m-%d %H:%M", "timezone": "Europe/Berlin"},
        "2026-03-29 02:30",
        "2026-03-29T01:00:00Z",
    ),
    # One that is shown twice is its first showing.
    (
        {"format": "%Y-%m-%d %H:%M", "timezone": "Europe/Berlin"},
        "2026-10-25 02:30",
        "2026-10-25T00:30:00Z",
    ),
]


@pytest.mark.parametrize(("form", "cell", "expected"), TIMES)
def test_a_time_becomes_an_instant(form: dict[str, str], cell: str, expected: str) -> None:
    event = json.loads(written(["1", "ann", cell, "5"], occurred_at={"column": "day", **form}))

    assert event["occurred_at"] == expected


@pytest.mark.parametrize(
    ("form", "cell"),
    [
        ("%Y%m%d", "2026-02-01"),
        ("%Y%m%d", "20260230"),
        ("rfc3339", "2026-02-01"),
        ("unix", "-5"),
        ("unix", "9999999999999999"),
        ("unix_ms", "soon"),
    ],
)
def test_a_time_of_another_form_is_refused(form: str, cell: str) -> None:
    with pytest.raises(RowError, match=r"column 'day': expected .*, found"):
        written(["1", "ann", cell, "5"], occurred_at={"column": "day", "format": form})


@pytest.mark.parametrize(
    ("kind", "cell", "expected"),
    [
        ("integer", "007", 7),
        ("integer", "-12", -12),
        ("boolean", "YES", True),
        ("boolean", "0", False),
    ],
)
def test_a_cell_is_read_by_its_type(kind: str, cell: str, expected: object) -> None:
    properties = {"x": {"column": "total", "type": kind}}

    event = json.loads(written(["1", "ann", "2026-02-01", cell], properties=properties))

    assert event["properties"]["x"] == expected


@pytest.mark.parametrize(("kind", "cell"), [("integer", "1.5"), ("boolean", "maybe")])
def test_a_cell_of_another_type_is_refused(kind: str, cell: str) -> None:
    with pytest.raises(RowError, match="column 'total': expected"):
        written(
            ["1", "ann", "2026-02-01", cell], properties={"x": {"column": "total", "type": kind}}
        )


def test_a_row_with_a_cell_too_many_is_refused() -> None:
    with pytest.raises(RowError, match="expected 4 columns, found 5"):
        written(["1", "ann", "2026-02-01", "5", "6"])


def test_a_column_that_the_file_lacks_is_named() -> None:
    columns = plan_of(customer_id="client").columns
    assert columns is not None

    with pytest.raises(PlanError, match="column 'client': expected one of no, buyer, day, total"):
        RowWriter(columns, HEADER)
