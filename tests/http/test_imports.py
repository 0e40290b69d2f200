"""Imports over HTTP: any file gets in once, whole or in pieces, and nothing is said of it aloud."""

from __future__ import annotations

import gzip
import io
import json
import socket
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pyarrow as pa  # type: ignore[import-untyped]  # the library has no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above
import pytest

from service.imports import running
from service.imports.jobs import LEASE
from service.ports import StoreUnavailable
from tests.http.conftest import Api, MakeApi, did
from tests.http.serving import ADMIN_KEY, ANSWER_SECONDS_MAX, PATIENT, serving

pytestmark = pytest.mark.anyio

Found = TypeVar("Found")
LINES = {"Content-Type": "application/x-ndjson"}
FILE = {"Content-Type": "application/octet-stream"}
MAPPING = {
    "type": "ordered",
    "customer_id": "buyer",
    "occurred_at": {"column": "day", "format": "%Y-%m-%d"},
    "id": ["no"],
    "properties": {"amount": {"column": "total", "type": "number"}},
}


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a batch be three records, so that few rows make several."""
    monkeypatch.setattr(running, "BATCH_EVENTS_MAX", 3)


@pytest.fixture
async def spooling(make_api: MakeApi, tmp_path: Path) -> Api:
    """Return an application whose uploads are kept in a folder of the test."""
    return await make_api(STAGEFOLD_DATA_DIR=str(tmp_path))


def lines(count: int, **more: object) -> bytes:
    """Return a file of *count* orders, one a line."""
    events = (
        {**did("ordered", f"c{n % 4}", f"2025-02-{n % 28 + 1:02}T00:00:00Z"), "id": f"o-{n}"}
        for n in range(count)
    )
    return b"".join(json.dumps({**each, **more}).encode() + b"\n" for each in events)


async def taken_in(api: Api, answer: httpx.Response) -> dict[str, Any]:
    """Return the import that *answer* tells of, at its end."""
    assert answer.status_code in {200, 201}, answer.text
    while await api.services.imports.round():
        pass
    found: dict[str, Any] = (await api.get(answer.headers["Location"])).json()
    return found


async def stored(api: Api) -> list[dict[str, Any]]:
    """Return the log."""
    rows: list[dict[str, Any]] = (await api.get("/v1/events?limit=500")).json()["data"]
    return rows


async def test_the_lines_of_a_file_cost_nothing_of_the_quota_of_the_key(spooling: Api) -> None:
    """What happens now is let in beside it, however long the file is."""
    key = await spooling.key("events:import", "events:write", events_per_second=5)
    sent = await spooling.client.post("/v1/imports", content=lines(50), headers={**LINES, **key})
    await taken_in(spooling, sent)

    answer = await spooling.send(did("ordered", "now", "2026-03-01T00:00:00Z"), headers=key)

    assert answer.status_code == 200, answer.text


async def test_a_file_of_lines_gets_in_as_the_past(spooling: Api, tmp_path: Path) -> None:
    sent = await spooling.client.post("/v1/imports", content=lines(10), headers=LINES)

    done = await taken_in(spooling, sent)

    assert (sent.status_code, sent.json()["status"]) == (201, "running")
    assert (done["status"], done["accepted"], done["lines"]) == ("done", 10, 10)
    assert (done["progress"], done["error"], done["seconds_left"]) == (1.0, None, None)
    assert all(each["historical"] for each in await stored(spooling))
    assert list((tmp_path / "imports" / "spool").iterdir()) == []


async def test_a_table_is_read_by_its_mapping(spooling: Api) -> None:
    table = "no,buyer,day,total\n1,ann,2025-02-01,3.50\n2,bob,2025-02-02,oops\n"
    sent = await spooling.client.post(
        "/v1/imports",
        params={"name": "orders.csv", "mapping": json.dumps(MAPPING)},
        content=table,
        headers=FILE,
    )

    done = await taken_in(spooling, sent)

    assert (done["accepted"], done["rejected"], done["reasons"]) == (1, 1, {"bad_cell": 1})
    (event,) = await stored(spooling)
    assert (event["id"], event["source"], event["customer_id"]) == ("1", "orders.csv", "ann")
    (refused,) = (await spooling.get(done["rejected_events"])).json()["data"]
    assert (refused["error"]["code"], refused["text"]) == ("bad_cell", "2,bob,2025-02-02,oops\n")


async def test_a_parquet_file_is_read_by_the_mapping_of_a_table(spooling: Api) -> None:
    table = pa.table({"no": ["1"], "buyer": ["ann"], "day": [date(2025, 2, 1)], "total": [3.5]})
    whole = io.BytesIO()
    pq.write_table(table, whole)
    sent = await spooling.client.post(
        "/v1/imports",
        params={"mapping": json.dumps({**MAPPING, "occurred_at": "day"})},
        content=whole.getvalue(),
        headers={"Content-Type": "application/vnd.apache.parquet"},
    )

    done = await taken_in(spooling, sent)

    assert (done["status"], done["accepted"], done["error"]) == ("done", 1, None)


async def test_parquet_is_refused_before_it_is_sent_where_nothing_reads_it(
    spooling: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    order = {"name": "orders.parquet", "mapping": MAPPING}

    told = await spooling.client.post("/v1/imports", json=order)

    assert (told.status_code, told.json()["code"]) == (422, "validation_failed")
    assert "pip install 'stagefold[parquet]'" in told.json()["detail"]


async def test_a_packed_file_is_unpacked(spooling: Api) -> None:
    headers = {**LINES, "Content-Encoding": "gzip"}
    sent = await spooling.client.post(
        "/v1/imports", content=gzip.compress(lines(5)), headers=headers
    )

    assert (await taken_in(spooling, sent))["accepted"] == 5


async def test_a_file_comes_in_pieces_each_behind_the_one_before(spooling: Api) -> None:
    whole = lines(10)
    order = {"name": "orders.ndjson"}
    begun = await spooling.client.post("/v1/imports", json=order)
    where = begun.headers["Location"]

    first = await spooling.client.patch(
        where, content=whole[:100], headers={"Upload-Offset": "0", "Upload-Complete": "?0"}
    )
    wrong = await spooling.client.patch(where, content=b"x", headers={"Upload-Offset": "7"})
    last = await spooling.client.patch(
        where, content=whole[100:], headers={"Upload-Offset": first.headers["Upload-Offset"]}
    )

    assert (begun.json()["status"], begun.json()["upload_offset"]) == ("uploading", 0)
    assert (first.json()["status"], first.json()["upload_offset"]) == ("uploading", 100)
    assert (wrong.status_code, wrong.json()["code"]) == (409, "upload_offset_mismatch")
    assert wrong.json()["upload_offset"] == 100
    assert (await taken_in(spooling, last))["accepted"] == 10
    late = await spooling.client.patch(where, content=b"x", headers={"Upload-Offset": "0"})
    assert (late.status_code, late.json()["code"]) == (409, "import_refused")


def test_what_came_before_a_connection_broke_is_kept(tmp_path: Path) -> None:
    """A client goes away in the middle; another request goes on behind what has arrived."""
    whole = lines(10)
    authorized = {"Authorization": f"Bearer {ADMIN_KEY}"}
    with (
        serving(**PATIENT, DATA_DIR=str(tmp_path)) as server,
        httpx.Client(base_url=server.url, headers=authorized, timeout=ANSWER_SECONDS_MAX) as client,
    ):
        where = client.post("/v1/imports", json={"name": "a.ndjson"}).headers["Location"]
        head = (
            f"PATCH {where} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {ADMIN_KEY}\r\n"
            f"Upload-Offset: 0\r\nContent-Length: {len(whole)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head.encode() + whole[:150])
        offset = until(lambda: client.get(where).json()["upload_offset"])
        rest = until(lambda: _sent(client, where, whole[offset:], offset))
        assert (offset, rest["upload_offset"]) == (150, len(whole))
        done = until(lambda: _ended(client, where))

    assert (done["status"], done["accepted"]) == ("done", 10)


def _sent(client: httpx.Client, where: str, rest: bytes, offset: int) -> dict[str, Any] | None:
    """Return the answer, once the broken request has let go of the file."""
    answer = client.patch(where, content=rest, headers={"Upload-Offset": str(offset)})
    found: dict[str, Any] = answer.json()
    return found if answer.status_code == 200 else None


def _ended(client: httpx.Client, where: str) -> dict[str, Any] | None:
    found: dict[str, Any] = client.get(where).json()
    return None if found["status"] == "running" else found


def until(look: Callable[[], Found | None]) -> Found:
    """Return what *look* finds, as soon as it finds something."""
    end = time.monotonic() + ANSWER_SECONDS_MAX
    while time.monotonic() < end:
        if found := look():
            return found
    raise AssertionError("nothing came in time")


async def test_the_same_file_again_changes_nothing(spooling: Api) -> None:
    await taken_in(
        spooling, await spooling.client.post("/v1/imports", content=lines(7), headers=LINES)
    )
    sent = await spooling.client.post("/v1/imports", content=lines(7), headers=LINES)

    done = await taken_in(spooling, sent)

    assert (done["accepted"], done["duplicate"]) == (0, 7)
    assert len(await stored(spooling)) == 7


async def test_a_cancelled_import_stops(spooling: Api, tmp_path: Path) -> None:
    sent = await spooling.client.post("/v1/imports", content=lines(9), headers=LINES)

    cancelled = await spooling.client.delete(sent.headers["Location"])

    done = await taken_in(spooling, sent)
    assert (cancelled.json()["status"], done["status"]) == ("cancelled", "cancelled")
    assert await stored(spooling) == []
    assert list((tmp_path / "imports" / "spool").iterdir()) == []


async def test_another_process_goes_on_where_the_store_failed(
    spooling: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed behind the second batch; whoever comes next counts no record twice."""
    imports, intake = spooling.services.imports, spooling.services.intake
    sent = await spooling.client.post("/v1/imports", content=lines(10), headers=LINES)
    append, batches = type(intake).append, 0

    async def fails(_: object, events: Any, **options: Any) -> Any:  # noqa: ANN401 -- passed on
        nonlocal batches
        batches += 1
        if batches == 3:
            raise StoreUnavailable("the disk is full")
        return await append(intake, events, **options)

    monkeypatch.setattr(type(intake), "append", fails)
    with pytest.raises(StoreUnavailable):
        await imports.round()
    half = (await spooling.get(sent.headers["Location"])).json()
    imports._holder = "another process"  # noqa: SLF001 -- what a second process would be
    too_early = await imports.round()
    spooling.clock.turn(seconds=LEASE / 1_000_000)

    done = await taken_in(spooling, sent)

    assert (half["status"], half["accepted"], too_early) == ("running", 6, False)
    assert (done["accepted"], done["duplicate"], len(await stored(spooling))) == (10, 0, 10)


async def test_a_file_out_of_reach_is_said_to_be(spooling: Api, tmp_path: Path) -> None:
    sent = await spooling.client.post("/v1/imports", content=lines(3), headers=LINES)
    (file,) = (tmp_path / "imports" / "spool").iterdir()
    file.unlink()

    found = await taken_in(spooling, sent)

    assert found["status"] == "running"
    assert "cannot be reached" in found["error"]


async def test_a_key_imports_only_what_it_may_send(spooling: Api) -> None:
    narrow = await spooling.key("events:import", event_types=["seen"])
    sent = await spooling.client.post("/v1/imports", content=lines(4), headers={**LINES, **narrow})

    done = await taken_in(spooling, sent)

    assert (done["accepted"], done["reasons"]) == (0, {"type_not_allowed": 4})


async def test_an_import_is_held_to_the_event_catalogue(spooling: Api) -> None:
    schema = {"schema": {"required": ["amount"]}, "mode": "strict"}
    await spooling.client.put("/v1/event-schemas/ordered", json=schema)

    sent = await spooling.client.post("/v1/imports", content=lines(4), headers=LINES)

    assert (await taken_in(spooling, sent))["reasons"] == {"schema_violation": 4}


async def test_what_only_warns_gets_in_and_is_counted(spooling: Api) -> None:
    schema = {"schema": {"required": ["amount"]}, "mode": "warn"}
    await spooling.client.put("/v1/event-schemas/ordered", json=schema)

    sent = await spooling.client.post("/v1/imports", content=lines(4) + b"torn", headers=LINES)

    done = await taken_in(spooling, sent)
    figures = (await spooling.get("/metrics")).text
    assert (done["accepted"], done["warned"], done["rejected"]) == (4, 4, 1)
    assert 'stagefold_schema_violations_total{mode="warn"} 4.0' in figures
    assert 'stagefold_events_total{status="accepted"} 4.0' in figures
    assert 'stagefold_rejected_events_total{code="malformed_json"} 1.0' in figures


async def test_a_file_that_lacks_columns_fails_and_says_which(spooling: Api) -> None:
    sent = await spooling.client.post(
        "/v1/imports",
        params={"name": "orders.csv", "mapping": json.dumps(MAPPING)},
        content="no,buyer\n1,ann\n",
        headers=FILE,
    )

    done = await taken_in(spooling, sent)

    assert done["status"] == "failed"
    assert "column 'day'" in done["error"]


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"name": "orders.csv"}, "validation_failed"),
        ({"name": "what.is.this"}, "validation_failed"),
        ({"name": "a.ndjson", "more": 1}, "validation_failed"),
        ({"name": 1}, "validation_failed"),
        ([], "validation_failed"),
    ],
)
async def test_an_order_that_is_not_clear_is_refused(
    spooling: Api, order: object, code: str
) -> None:
    answer = await spooling.client.post("/v1/imports", json=order)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await spooling.get("/v1/imports")).json()["data"] == []


async def test_a_file_is_held_to_its_limit(make_api: MakeApi, tmp_path: Path) -> None:
    api = await make_api(STAGEFOLD_DATA_DIR=str(tmp_path), STAGEFOLD_IMPORT_BYTES_MAX="100")

    whole = await api.client.post("/v1/imports", content=lines(10), headers=LINES)
    where = (await api.client.post("/v1/imports", json={"name": "a.ndjson"})).headers["Location"]
    await api.client.patch(
        where, content=b"x" * 90, headers={"Upload-Offset": "0", "Upload-Complete": "?0"}
    )
    more = await api.client.patch(where, content=b"x" * 20, headers={"Upload-Offset": "90"})

    assert (whole.status_code, more.status_code) == (413, 413)
    assert (await api.get(where)).json()["upload_offset"] == 90


async def test_an_upload_that_never_ends_is_given_up(spooling: Api) -> None:
    begun = await spooling.client.post("/v1/imports", json={"name": "a.ndjson"})
    spooling.clock.turn(days=8)

    found = await taken_in(spooling, begun)

    assert (found["status"], "7 days" in found["error"]) == ("failed", True)
