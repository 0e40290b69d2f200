"""An import loses nothing, doubles nothing, and says what did not get in."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from projections.registers.event_schemas import EventSchema
from service.imports import running
from service.imports.lines import UnreadableFile
from service.imports.plan import read_plan
from service.intake.event_schemas import EventSchemas
from service.ports import StoreUnavailable
from tests.imports.workshop import TENANT, Workshop, plan_of

HEADER = "no,buyer,day,total\n"
NDJSON = read_plan({"source": "shop"}, name="events.ndjson")

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a batch be three records, so that few rows make several."""
    monkeypatch.setattr(running, "BATCH_EVENTS_MAX", 3)


def rows(count: int) -> str:
    """Return a table of *count* orders."""
    return HEADER + "".join(f"{n},c{n % 4},2026-02-{n % 28 + 1:02},{n}.50\n" for n in range(count))


async def test_every_row_becomes_an_event_of_the_past(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, rows(10))

    progress = await workshop.run(plan_of())

    log = await workshop.log()
    assert [each.event_id for each in log] == [str(n) for n in range(10)]
    assert all(each.historical and each.source == "shop" for each in log)
    assert (progress.bookmark.accepted, progress.events, progress.share) == (10, 10, 1.0)
    assert not workshop.rejected.exists()


async def test_batches_are_bounded(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, rows(10))

    await workshop.run(plan_of())

    assert workshop.appender.sizes == [3, 3, 3, 1]


async def test_a_second_run_finds_only_duplicates(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, rows(10))
    await workshop.run(plan_of())

    again = await workshop.run(plan_of())

    assert (again.bookmark.accepted, again.bookmark.duplicate) == (0, 10)
    assert len(await workshop.log()) == 10


async def test_lines_without_an_id_are_told_apart_and_known_again(tmp_path: Path) -> None:
    line = '{"type":"visit","customer_id":"ann","occurred_at":"2026-02-01T00:00:00Z"}\n'
    workshop = Workshop(tmp_path, line * 4, name="events.ndjson")

    first = await workshop.run(NDJSON)
    again = await workshop.run(NDJSON)

    assert first.bookmark.accepted == 4
    assert again.bookmark.duplicate == 4


async def test_rows_are_held_to_the_schemas_of_the_event_catalogue(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, rows(10))
    cheap = {"properties": {"amount": {"maximum": 4}}}
    schema = EventSchema(TENANT, "order_completed", 1, "strict", json.dumps(cheap), 0, "somebody")
    await EventSchemas(workshop.store, workshop.clock).put(schema)

    progress = await workshop.run(plan_of())

    assert [each.event_id for each in await workshop.log()] == ["0", "1", "2", "3"]
    assert progress.bookmark.reasons == {"schema_violation": 6}
    refused = [json.loads(line) for line in workshop.rejected.read_text().splitlines()]
    assert [each["id"] for each in refused] == ["4", "5", "6", "7", "8", "9"]
    assert {each["errors"][0]["pointer"] for each in refused} == {"/properties/amount"}


async def test_rows_are_held_to_the_event_types_of_the_key(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, rows(4))

    progress = await workshop.run(plan_of(), event_types=("page_*",))

    assert progress.bookmark.reasons == {"type_not_allowed": 4}
    assert not await workshop.log()


async def test_a_stopped_import_goes_on_where_it_was(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, rows(10))
    with pytest.raises(StoreUnavailable):
        await workshop.run(plan_of(), batches=2)

    progress = await workshop.run(plan_of())

    assert progress.resumed_at == 7
    assert (progress.events, progress.bookmark.accepted, progress.bookmark.duplicate) == (4, 10, 0)
    assert len(await workshop.log()) == 10


async def test_a_stopped_import_can_be_begun_anew(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, rows(10))
    with pytest.raises(StoreUnavailable):
        await workshop.run(plan_of(), batches=2)

    progress = await workshop.run(plan_of(), restart=True)

    assert (progress.bookmark.accepted, progress.bookmark.duplicate) == (4, 6)


async def test_a_bookmark_is_not_believed_by_another_log(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, rows(10))
    with pytest.raises(StoreUnavailable):
        await workshop.run(plan_of(), batches=2)
    workshop.store = Workshop(tmp_path, rows(10)).store

    progress = await workshop.run(plan_of())

    assert (progress.resumed_at, progress.bookmark.accepted) == (0, 10)


async def test_a_file_that_was_changed_is_read_from_its_beginning(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, rows(10))
    with pytest.raises(StoreUnavailable):
        await workshop.run(plan_of(), batches=2)
    workshop.file.write_text(HEADER + "99,zoe,2026-02-01,1\n" + rows(9).removeprefix(HEADER))

    progress = await workshop.run(plan_of())

    assert progress.resumed_at == 0
    assert len(await workshop.log()) == 10


async def test_a_bookmark_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, rows(10))
    with pytest.raises(StoreUnavailable):
        await workshop.run(plan_of(), batches=2)
    for path in (tmp_path / "imports").iterdir():
        path.write_text('{"version":1,"place":')

    assert (await workshop.run(plan_of())).resumed_at == 0


async def test_what_stands_before_a_break_is_imported(tmp_path: Path) -> None:
    lines = "".join(f'{{"type":"visit","customer_id":"{n:x<40}"}}\n' for n in range(500))
    packed = gzip.compress(lines.encode())
    workshop = Workshop(tmp_path, packed[: len(packed) // 2], name="events.ndjson.gz")

    with pytest.raises(UnreadableFile) as broken:
        await workshop.run(NDJSON)

    read = int(str(broken.value).split()[2])
    assert len(await workshop.log()) == read
    assert read > 100


async def test_rejected_lines_are_written_down_with_every_reason(tmp_path: Path) -> None:
    lines = [
        '{"id":"1","type":"visit","customer_id":"ann"}',
        '{"id":"2","customer_id":"","position":3}',
        "not json",
        '{"id":"1","type":"visit","customer_id":"ann","properties":{"page":"/"}}',
        '{"id":"5","type":"visit","customer_id":"bob"}',
    ]
    workshop = Workshop(tmp_path, "\n".join(lines), name="events.ndjson")

    progress = await workshop.run(NDJSON)

    found = [json.loads(line) for line in workshop.rejected.read_text().splitlines()]
    assert [(each["line"], each["id"]) for each in found] == [(2, "2"), (3, None), (4, "1")]
    assert [[error["code"] for error in each["errors"]] for each in found] == [
        ["type_missing", "customer_missing", "reserved_field"],
        ["malformed_json"],
        ["event_id_conflict"],
    ]
    assert [each["raw"] for each in found] == lines[1:4]
    assert progress.bookmark.accepted == 2
    assert progress.bookmark.reasons == {
        "type_missing": 1,
        "malformed_json": 1,
        "event_id_conflict": 1,
    }


async def test_a_resumed_import_has_each_rejected_line_once(tmp_path: Path) -> None:
    table = rows(12).splitlines()
    for number in (2, 5, 8, 11):
        table[number] = f"broken {number}"
    workshop = Workshop(tmp_path, "\n".join(table))
    with pytest.raises(StoreUnavailable):
        await workshop.run(plan_of(), batches=2)
    with workshop.rejected.open("a") as file:
        file.write('{"line": 9, "written": "just before the process died"}\n')

    progress = await workshop.run(plan_of())

    found = [json.loads(line)["line"] for line in workshop.rejected.read_text().splitlines()]
    assert found == [3, 6, 9, 12]
    assert progress.bookmark.rejected == 4
    assert progress.bookmark.accepted == 8


async def test_the_rejected_lines_of_a_former_run_are_forgotten(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, rows(2) + "broken\n")
    await workshop.run(plan_of())
    workshop.file.write_text(rows(3))

    await workshop.run(plan_of())

    assert not workshop.rejected.exists()
