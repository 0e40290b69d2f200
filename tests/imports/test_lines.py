"""Records are cut from a file of any size; a bad one takes no other with it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from service.imports.lines import LINE_BYTES_MAX, Place, UnreadableFile
from service.imports.plan import Plan, PlanError, read_plan
from tests.imports.workshop import plan_of, read

CSV = "no,buyer,day,total\r\n1,ann,2026-02-01,5\r\n2,bob,2026-02-02,6.50\r\n3,cy,2026-02-03,7\r\n"
NDJSON = read_plan({}, name="events.ndjson")


def put(folder: Path, content: str | bytes, name: str = "orders.csv") -> Path:
    """Return a file that holds *content*."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def codes(path: Path, plan: Plan) -> list[tuple[int, int, str | None]]:
    """Return first line, last line and code of the fault, of each record."""
    return [
        (each.line, each.last_line, each.fault.code if each.fault else None)
        for each in read(path, plan)
    ]


def test_a_table_is_read_row_by_row(tmp_path: Path) -> None:
    found = read(put(tmp_path, CSV), plan_of())

    assert [json.loads(each.text or "")["id"] for each in found] == ["1", "2", "3"]
    assert [each.line for each in found] == [2, 3, 4]
    assert found[-1].end == len(CSV)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("orders.tsv", CSV.replace(",", "\t")),
        ("orders.csv", "\ufeff" + CSV),
        ("orders.csv", CSV.rstrip()),
        ("orders.csv", CSV.replace("\r\n", "\n\n")),
        ("orders.csv", gzip.compress(CSV.encode())),
    ],
    ids=["tabs", "a byte order mark", "no last line end", "empty lines", "packed"],
)
def test_the_same_table_in_other_clothes_is_the_same(
    tmp_path: Path, name: str, content: str | bytes
) -> None:
    found = read(put(tmp_path, content, name), plan_of(name))

    assert [each.text for each in found] == [
        each.text for each in read(put(tmp_path, CSV, "plain.csv"), plan_of())
    ]


def test_columns_between_blanks_are_read(tmp_path: Path) -> None:
    path = put(tmp_path, CSV.replace(",", "   ").replace("\n", "\n  "), "orders.txt")

    assert len(read(path, plan_of(format="whitespace"))) == 3


def test_a_header_may_be_given_instead(tmp_path: Path) -> None:
    path = put(tmp_path, CSV.partition("\n")[2])

    found = read(path, plan_of(header=["no", "buyer", "day", "total"]))

    assert [each.line for each in found] == [1, 2, 3]


def test_a_quoted_cell_may_hold_line_ends(tmp_path: Path) -> None:
    content = 'no,buyer,day,total\n1,"an\nn",2026-02-01,5\n2,bob,2026-02-02,6\n'

    found = read(put(tmp_path, content), plan_of())

    assert [(each.line, each.last_line) for each in found] == [(2, 3), (4, 4)]
    assert json.loads(found[0].text or "")["customer_id"] == "an\nn"


def test_a_bad_row_takes_no_other_with_it(tmp_path: Path) -> None:
    rows = [
        "1,ann,2026-02-01,5",
        "2,bob",
        "3,cy,soon,7",
        '4,"d"x,2026-02-01,5',
        "5,eve,2026-02-01,5",
    ]
    path = put(tmp_path, "no,buyer,day,total\n" + "\n".join(rows) + "\n")

    assert codes(path, plan_of()) == [
        (2, 2, None),
        (3, 3, "bad_columns"),
        (4, 4, "bad_cell"),
        (5, 5, "malformed_csv"),
        (6, 6, None),
    ]


def test_a_quote_that_is_never_closed_is_refused_with_its_lines(tmp_path: Path) -> None:
    path = put(tmp_path, 'no,buyer,day,total\n1,"ann,2026-02-01,5\n2,bob,2026-02-02,6\n')

    (found,) = read(path, plan_of())

    assert (found.line, found.last_line, found.fault and found.fault.code) == (
        2,
        3,
        "malformed_csv",
    )
    assert "bob" in found.raw


def test_a_line_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, b'{"a":1}\n{"b":"\xff"}\n{"c":3}\n', "events.ndjson")

    found = read(path, NDJSON)

    assert [each.fault and each.fault.code for each in found] == [None, "malformed_utf8", None]
    assert found[1].raw == '{"b":"\\xff"}\n'


def test_a_line_longer_than_memory_should_hold_is_passed_over(tmp_path: Path) -> None:
    long = b"x" * (3 * LINE_BYTES_MAX + 17)
    path = put(tmp_path, b'{"a":1}\n' + long + b'\n{"c":3}\n', "events.ndjson")

    first, second, third = read(path, NDJSON)

    assert (first.text, third.text) == ('{"a":1}', '{"c":3}')
    assert second.fault is not None
    assert f"found {len(long) + 1}" in second.fault.message
    assert len(second.raw) == LINE_BYTES_MAX
    assert third.line == 3


@pytest.mark.parametrize("content", [CSV, gzip.compress(CSV.encode())], ids=["plain", "packed"])
def test_reading_can_go_on_behind_any_record(tmp_path: Path, content: str | bytes) -> None:
    path = put(tmp_path, content)
    whole = read(path, plan_of())

    for number, record in enumerate(whole, start=1):
        rest = read(path, plan_of(), Place(record.end, record.last_line))
        assert rest == whole[number:]


def test_a_packed_file_that_breaks_off_says_where(tmp_path: Path) -> None:
    packed = gzip.compress("".join(f'{{"n":{n}}}\n' for n in range(50_000)).encode())
    path = put(tmp_path, packed[: len(packed) // 2], "events.ndjson.gz")

    with pytest.raises(UnreadableFile, match=r"behind line \d+ the packed file is broken"):
        read(path, NDJSON)


@pytest.mark.parametrize(
    ("content", "problem"),
    [("", "found an empty file"), ("no,no,buyer\n", "column 'no' stands there twice")],
)
def test_a_header_that_says_nothing_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(PlanError, match=problem):
        read(put(tmp_path, content), plan_of())
