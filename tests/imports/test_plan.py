"""A mapping says what columns mean; whatever is wrong with it is named, all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.imports.plan import LINE, Cell, PlanError, Property, format_of, read_plan
from service.modelling.model_files import read_model_text
from tests.imports.workshop import ORDERS, plan_of

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def test_a_whole_mapping_is_read() -> None:
    plan = plan_of(id=["buyer", LINE], account_id="firm")

    columns = plan.columns
    assert columns is not None
    assert (plan.format, plan.source, columns.type) == (
        "csv",
        "shop",
        Cell(constant="order_completed"),
    )
    assert columns.occurred_at is not None
    assert (columns.occurred_at.format, columns.occurred_at.zone.key) == ("%Y-%m-%d", "UTC")
    assert columns.properties == (Property("amount", "total", "number"),)
    assert columns.named() == {"buyer", "day", "total", "firm"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("events.ndjson", "ndjson"),
        ("Events.JSONL.GZ", "ndjson"),
        ("orders.csv.gz", "csv"),
        ("orders.tsv", "tsv"),
        ("cdnow_master.txt.gz", None),
    ],
)
def test_the_name_of_a_file_tells_its_format(name: str, expected: str | None) -> None:
    assert format_of(name) == expected


def test_lines_of_events_need_no_mapping() -> None:
    plan = read_plan({}, name="events.ndjson.gz")

    assert (plan.format, plan.source, plan.columns) == ("ndjson", "events.ndjson.gz", None)


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("an unknown key", {"sauce": "shop"}, "sauce: unknown; did you mean source?"),
    ("an unknown format", {"format": "xml"}, "format: expected one of ndjson, csv"),
    ("no customer", {"customer_id": None}, "customer_id: expected the name of the column"),
    ("no type", {"type": None}, "type: expected an event type or {column: name}"),
    ("a type of another kind", {"type": {"colum": "x"}}, "type: expected an event type"),
    ("no time", {"occurred_at": None}, "occurred_at: expected the column that tells when"),
    (
        "a time without a column",
        {"occurred_at": {"format": "unix"}},
        "occurred_at.column: expected",
    ),
    (
        "a time format that is none",
        {"occurred_at": {"column": "day", "format": "iso"}},
        "occurred_at.format: expected rfc3339, unix, unix_ms, unix_us or a pattern",
    ),
    (
        "an unknown zone",
        {"occurred_at": {"column": "day", "timezone": "Mars/Olympus"}},
        "occurred_at.timezone: expected a name such as Asia/Tokyo, found 'Mars/Olympus'",
    ),
    ("an id of numbers", {"id": [1]}, "id: expected a list of columns"),
    ("properties in a list", {"properties": ["a"]}, "properties: expected a mapping"),
    (
        "a property of an unknown type",
        {"properties": {"amount": {"column": "total", "type": "money"}}},
        "properties.amount.type: expected one of string, number, integer, boolean, found 'money'",
    ),
    ("a header that is a number", {"header": 3}, "header: expected"),
    ("columns for lines of events", {"format": "ndjson"}, "expected no columns for ndjson"),
]


@pytest.mark.parametrize(
    ("changes", "problem"), [each[1:] for each in BROKEN], ids=[each[0] for each in BROKEN]
)
def test_what_is_wrong_is_named(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(PlanError) as refused:
        plan_of(**changes)

    assert any(problem in each for each in refused.value.problems), refused.value.problems


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(PlanError) as refused:
        read_plan({**ORDERS, "typ": "x", "id": 3, "properties": 4}, name="orders.csv")

    assert [each.partition(":")[0] for each in refused.value.problems] == [
        "typ",
        "id",
        "properties",
    ]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_the_mappings_we_ship_are_sound(path: Path) -> None:
    document = read_model_text(path.read_bytes(), ".yaml")

    assert read_plan(document, name="file.txt").columns is not None
