"""A Parquet file is read like the CSV of the same table; its columns tell what CSV cannot."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # the library has no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above
import pytest

from service.imports import running
from service.imports.lines import Place, UnreadableFile
from service.imports.opening import opened
from service.imports.plan import Plan, PlanError
from service.imports.unpacking import CELL_CHARACTERS_MAX
from service.ports import StoreUnavailable
from tests.imports.workshop import Workshop, plan_of, read

DAY = datetime(2026, 2, 1, 9, 30, tzinfo=UTC)
NAME = "orders.parquet"


def put(folder: Path, columns: dict[str, Any], *, group: int = 4) -> Path:
    """Return a file of *columns* in row groups of *group* rows."""
    path = folder / NAME
    pq.write_table(pa.table(columns), path, row_group_size=group)
    return path


def orders(count: int) -> dict[str, Any]:
    """Return the columns of *count* orders."""
    return {
        "no": [str(n) for n in range(count)],
        "buyer": [f"c{n % 4}" for n in range(count)],
        "day": [date(2026, 2, n % 28 + 1) for n in range(count)],
        "total": [n + 0.5 for n in range(count)],
        "unused": [[n] for n in range(count)],
    }


def typed_plan(**changes: object) -> Plan:
    """Return a plan of orders whose time the column itself tells."""
    return plan_of(NAME, **{"occurred_at": "day", "properties": {"amount": "total"}, **changes})


def events(path: Path, **changes: object) -> Sequence[dict[str, Any]]:
    """Return the events of the file at *path*."""
    return [json.loads(each.text or "null") for each in read(path, typed_plan(**changes))]


def test_a_row_is_what_the_same_row_of_csv_is(tmp_path: Path) -> None:
    table = tmp_path / "orders.csv"
    table.write_text("no,buyer,day,total\n0,c0,2026-02-01,0.5\n1,c1,2026-02-02,1.5\n")

    found = [each.text for each in read(put(tmp_path, orders(2)), typed_plan())]

    assert found == [each.text for each in read(table, plan_of())]


COLUMNS: list[tuple[str, Any, dict[str, object], dict[str, object]]] = [
    ("whole numbers", pa.array([7], pa.uint64()), {}, {"amount": 7}),
    ("floating numbers", pa.array([0.1], pa.float32()), {}, {"amount": 0.1}),
    ("decimals", pa.array([Decimal("11.70")]), {}, {"amount": 11.7}),
    ("truth", pa.array([True]), {}, {"amount": True}),
    ("texts", pa.array(["7"]), {}, {"amount": "7"}),
    ("texts read as numbers", pa.array(["7"]), {"type": "number"}, {"amount": 7}),
    ("numbers kept as texts", pa.array([7]), {"type": "string"}, {"amount": "7"}),
    ("dictionaries", pa.array(["a"]).dictionary_encode(), {}, {"amount": "a"}),
    ("days", pa.array([date(2026, 2, 1)]), {}, {"amount": "2026-02-01"}),
    ("instants", pa.array([DAY]), {}, {"amount": "2026-02-01T09:30:00Z"}),
    ("nothing", pa.array([None], pa.float64()), {}, {}),
]


@pytest.mark.parametrize(("column", "how", "expected"), [row[1:] for row in COLUMNS])
def test_a_property_has_the_type_of_its_column(
    column: object, how: dict[str, object], expected: dict[str, object], tmp_path: Path
) -> None:
    path = put(tmp_path, {**orders(1), "total": column})

    (event,) = events(path, properties={"amount": {"column": "total", **how}})

    assert event.get("properties", {}) == expected


TIMES: list[tuple[Any, dict[str, object], str]] = [
    (pa.array([DAY], pa.timestamp("us", "Asia/Tokyo")), {}, "2026-02-01T09:30:00Z"),
    (pa.array([DAY], pa.timestamp("s", "UTC")), {}, "2026-02-01T09:30:00Z"),
    (pa.array([DAY], pa.timestamp("ms")), {"timezone": "Asia/Tokyo"}, "2026-02-01T00:30:00Z"),
    (pa.array([date(2026, 2, 1)]), {"timezone": "Asia/Tokyo"}, "2026-01-31T15:00:00Z"),
    (pa.array([1_769_938_200_000_001]), {"format": "unix_us"}, "2026-02-01T09:30:00.000001Z"),
    (pa.array(["2026-02-01T10:30:00+01:00"]), {}, "2026-02-01T10:30:00+01:00"),
]


@pytest.mark.parametrize(("column", "how", "expected"), TIMES)
def test_a_time_is_read_as_its_column_tells(
    column: object, how: dict[str, object], expected: str, tmp_path: Path
) -> None:
    path = put(tmp_path, {**orders(1), "day": column})

    (event,) = events(path, occurred_at={"column": "day", **how})

    assert event["occurred_at"] == expected


def test_a_row_that_is_no_event_is_told_by_its_cells_and_its_number(tmp_path: Path) -> None:
    early = [DAY, datetime(1969, 1, 1, tzinfo=UTC), DAY]
    path = put(tmp_path, {**orders(3), "day": early}, group=1)

    found = read(path, typed_plan())

    assert [each.fault.code if each.fault else None for each in found] == [None, "bad_cell", None]
    assert found[1].line == 2
    assert json.loads(found[1].raw)["buyer"] == "c1"


UNFIT: list[tuple[dict[str, Any], dict[str, object], str]] = [
    ({"buyer": [1.5]}, {}, "customer_id: expected column 'buyer' to hold texts or whole numbers"),
    ({"no": [0.5]}, {}, "id.0: expected column 'no' to hold"),
    ({}, {"customer_id": "who"}, "column 'who': expected one of no, buyer, day, total, unused"),
    ({}, {"properties": {"x": "unused"}}, "column 'unused': expected texts, numbers"),
    (
        {},
        {"occurred_at": {"column": "day", "format": "%Y"}},
        "occurred_at.format: column 'day' is a time already",
    ),
]


@pytest.mark.parametrize(("columns", "changes", "expected"), UNFIT)
def test_a_column_that_cannot_be_its_part_of_an_event_is_named(
    columns: dict[str, Any], changes: dict[str, object], expected: str, tmp_path: Path
) -> None:
    path = put(tmp_path, {**orders(1), **columns})

    with pytest.raises(PlanError, match="^" + expected):
        events(path, **changes)


@pytest.mark.parametrize("begin", range(11))
def test_reading_begins_behind_any_row(begin: int, tmp_path: Path) -> None:
    path = put(tmp_path, orders(10), group=3)

    found = read(path, typed_plan(), Place(begin, begin))

    assert [each.line for each in found] == list(range(begin + 1, 11))


@pytest.mark.anyio
async def test_a_stopped_import_goes_on_at_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "BATCH_EVENTS_MAX", 3)
    workshop = Workshop(tmp_path, put(tmp_path, orders(10)).read_bytes(), name=NAME)
    with pytest.raises(StoreUnavailable):
        await workshop.run(typed_plan(), batches=2)

    progress = await workshop.run(typed_plan())

    assert (progress.resumed_at, progress.bookmark.accepted, progress.share) == (6, 10, 1.0)
    assert [each.event_id for each in await workshop.log()] == [str(n) for n in range(10)]


def test_what_is_not_parquet_is_told_as_that(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(b"PAR1" + b"\0" * 100)

    with pytest.raises(UnreadableFile, match="behind row 0 it cannot be read as Parquet"):
        read(path, typed_plan())


def test_a_broken_group_ends_the_file_behind_those_before_it(tmp_path: Path) -> None:
    path = put(tmp_path, orders(4_000), group=2_000)
    whole = bytearray(path.read_bytes())
    begin = pq.ParquetFile(path).metadata.row_group(1).column(0).dictionary_page_offset
    whole[begin : begin + 40] = b"\xff" * 40
    path.write_bytes(whole)

    with pytest.raises(UnreadableFile, match="behind row 2000 "):
        read(path, typed_plan())


MEMORY = 64 << 20
LONG = "x" * (1 << 20)


def page(count: int) -> tuple[Any, dict[str, Any]]:
    """Return a column of one cell of so many MiB, and how it is written."""
    return pa.array([LONG * count]), {"use_dictionary": False}


def dictionary(count: int) -> tuple[Any, dict[str, Any]]:
    """Return the same as the entry of a dictionary."""
    return pa.array([LONG * count]).dictionary_encode(), {}


def repeats(count: int) -> tuple[Any, dict[str, Any]]:
    """Return a column of so many cells of a MiB, all of them one entry of a dictionary."""
    cells = pa.DictionaryArray.from_arrays(pa.array([0] * count), pa.array([LONG]))
    return cells, {"dictionary_pagesize_limit": 8 << 20}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds what a process maps")
@pytest.mark.parametrize("bomb", [page, dictionary, repeats])
def test_a_small_file_that_unpacks_to_much_is_refused_with_the_cure(
    bomb: Callable[[int], tuple[Any, dict[str, Any]]], tmp_path: Path
) -> None:
    column, how = bomb(48)
    path = tmp_path / NAME
    table = pa.table({**orders(len(column)), "no": column})
    pq.write_table(table, path, compression="zstd", **how)
    assert path.stat().st_size < 20_000

    with pytest.raises(UnreadableFile, match=r"behind row 0 .*STAGEFOLD_PARQUET_BYTES_MAX"):
        read(path, typed_plan(), parquet_bytes_max=MEMORY)


def test_long_cells_are_read_a_few_at_a_time(tmp_path: Path) -> None:
    """As many as the file itself says fit."""
    path = tmp_path / NAME
    table = pa.table({**orders(200), "no": [LONG] * 200})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, row_group_size=5)

    found = read(path, typed_plan(), parquet_bytes_max=4 * MEMORY)

    assert [each.line for each in found] == list(range(1, 201))


def test_a_cell_that_no_event_has_room_for_is_refused_not_cut(tmp_path: Path) -> None:
    whole, long = "x" * CELL_CHARACTERS_MAX, "x" * (CELL_CHARACTERS_MAX + 1)
    path = put(tmp_path, {**orders(2), "total": [whole, long]}, group=1)

    first, second = read(path, typed_plan())

    assert json.loads(first.text or "null")["properties"] == {"amount": whole}
    assert (second.line, second.text) == (2, None)
    assert second.fault is not None
    assert second.fault.code == "event_too_large"
    assert "'total'" in second.fault.message


def test_a_file_that_is_let_go_in_the_middle_can_be_read_again(tmp_path: Path) -> None:
    path = put(tmp_path, orders(10))
    file = opened(path, typed_plan())
    first = next(file.records(Place()))

    file.close()

    assert (first.line, file.share) == (1, 0.1)
    assert len(list(file.records(Place(4, 4)))) == 6
    file.close()


def test_without_the_extra_the_cure_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, orders(1))
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(PlanError, match=r"pip install 'stagefold\[parquet\]'"):
        read(path, typed_plan())
