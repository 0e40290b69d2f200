"""What events are held to can be put, seen and taken back on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import answer, call

AMOUNT = {"properties": {"amount": {"type": "number", "maximum": 100}}, "required": ["amount"]}


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    """Return a file with a schema of orders in it."""
    file = tmp_path / "order.schema.json"
    file.write_text(json.dumps(AMOUNT))
    return file


def told(folder: Path, *arguments: str | Path, status: int = 0) -> Any:  # noqa: ANN401 -- JSON
    """Return what the command prints over the database in *folder*."""
    return answer(*arguments, status=status, STAGEFOLD_DATA_DIR=str(folder))


def test_a_schema_is_put_listed_and_removed(schema: Path, tmp_path: Path) -> None:
    told(tmp_path, "event-schemas", "put", "ordered", schema)
    told(tmp_path, "event-schemas", "put", "ordered", schema, "--version", "2", "--mode", "warn")
    listed = told(tmp_path, "event-schemas", "list")["data"]
    removed = told(tmp_path, "event-schemas", "remove", "ordered", "--version", "1")["data"]
    left = told(tmp_path, "event-schemas", "list")["data"]

    assert [(each["type"], each["version"], each["mode"]) for each in listed] == [
        ("ordered", 1, "strict"),
        ("ordered", 2, "warn"),
    ]
    assert listed[0]["schema"] == AMOUNT
    assert ([each["version"] for each in removed], [each["version"] for each in left]) == ([1], [2])


def test_an_import_says_how_many_only_got_in_with_a_warning(schema: Path, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("no,buyer,day,total\n1,ann,2025-01-01,10\n2,ann,2025-01-02,1000\n")
    columns = ("--type", "ordered", "--customer-id", "buyer", "--id", "no", "--occurred-at", "day")
    more = ("--time-format", "%Y-%m-%d", "-p", "amount=total:number")
    told(tmp_path, "event-schemas", "put", "ordered", schema, "--mode", "warn")

    found = told(tmp_path, "import", file, *columns, *more)
    again = call("import", file, *columns, *more, STAGEFOLD_DATA_DIR=str(tmp_path))

    assert (found["accepted"], found["warned"]) == (2, 1)
    assert "do not fit" not in again.output, "what was there already was warned of once"


def test_what_is_no_schema_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "no.json"
    file.write_text('{"type": "banana"}')
    torn = tmp_path / "torn.json"
    torn.write_text("{")

    assert told(tmp_path, "event-schemas", "put", "x", file, status=1)["error"]["code"] == (
        "validation_failed"
    )
    assert told(tmp_path, "event-schemas", "put", "x", torn, status=2)["error"]["code"] == (
        "bad_schema"
    )


def test_types_of_ours_have_no_schema(schema: Path, tmp_path: Path) -> None:
    found = told(tmp_path, "event-schemas", "put", "$void", schema, status=1)

    assert "$" in found["error"]["message"]
