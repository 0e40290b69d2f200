"""`POST /v1/events` from outside: shapes of bodies, results, statuses, headers."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from importlib import import_module
from typing import Any

import pytest

from tests.http.conftest import Api, MakeApi, did

zstd: Any = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
pytestmark = pytest.mark.anyio

EVENT: dict[str, object] = {
    "id": "o-1",
    "type": "ordered",
    "customer_id": "ann",
    "properties": {"amount": 39.95},
}
LINES = "application/x-ndjson"


async def post(
    api: Api, body: bytes | str, kind: str | None = "application/json", **headers: str
) -> Any:  # noqa: ANN401 -- an answer
    """Return the answer to *body*."""
    if kind is not None:
        headers["Content-Type"] = kind
    return await api.client.post("/v1/events", content=body, headers=headers)


async def test_a_single_event_is_created(api: Api) -> None:
    answer = await api.client.post("/v1/events", json=EVENT)

    assert answer.status_code == 201
    assert answer.headers["Location"] == "/v1/events/o-1"
    assert answer.headers["Stagefold-Position"] == "1"
    told = answer.json()
    assert (told["id"], told["status"], told["position"], told["applied"]) == (
        "o-1",
        "accepted",
        1,
        True,
    )
    assert told["stages"] == [{"model": "shop", "from": None, "to": "customer", "sequence": 2}]


async def test_the_same_event_again_is_a_duplicate_at_its_first_position(api: Api) -> None:
    await api.client.post("/v1/events", json=EVENT)
    respelled = json.dumps(dict(reversed(EVENT.items())), indent=2)

    answer = await post(api, respelled)

    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["position"]) == ("duplicate", 1)


async def test_the_same_id_with_other_content_is_a_conflict(api: Api) -> None:
    await api.client.post("/v1/events", json=EVENT)

    single = await api.client.post("/v1/events", json={**EVENT, "properties": {}})
    batch = await api.send({**EVENT, "properties": {}})

    assert (single.status_code, single.json()["code"]) == (409, "event_id_conflict")
    assert batch.status_code == 200
    assert batch.json()["results"][0]["error"]["code"] == "event_id_conflict"


async def test_a_batch_is_answered_per_event(api: Api) -> None:
    """The example of the contract: accepted, duplicate, rejected."""
    answer = await api.send(EVENT, EVENT, {"type": "ordered", "properties": {}})

    told = answer.json()
    assert answer.status_code == 200
    assert (told["accepted"], told["duplicate"], told["rejected"], told["retry"]) == (1, 1, 1, 0)
    assert [each["status"] for each in told["results"]] == ["accepted", "duplicate", "rejected"]
    assert told["results"][2]["error"] == {
        "code": "customer_missing",
        "message": "an event needs customer_id or anonymous_id",
        "pointer": "/2",
    }
    assert told["position"] == 1
    assert answer.headers["Stagefold-Position"] == "1"


async def test_a_single_bad_event_is_422_with_pointers(api: Api) -> None:
    answer = await api.client.post("/v1/events", json={"type": "x", "occurred_at": "soon"})

    told = answer.json()
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert told["code"] == "validation_failed"
    assert [(each["pointer"], each["code"]) for each in told["errors"]] == [
        ("/occurred_at", "bad_instant"),
        ("", "customer_missing"),
    ]


async def test_pointers_lead_into_an_envelope(api: Api) -> None:
    body = {"events": [EVENT, {"type": "x", "customer_id": "b", "late": True}]}

    answer = await api.client.post("/v1/events", json=body)

    assert answer.json()["results"][1]["error"]["pointer"] == "/events/1/late"


async def test_one_unreadable_event_does_not_take_the_others_with_it(api: Api) -> None:
    good = json.dumps(EVENT)
    bad = '{"type":"x","customer_id":"\\ud800"}'
    worse = '{"type":"x","customer_id":"b","properties":{"a":NaN}}'

    answer = await post(api, f"[{bad},{good},{worse}]")

    told = answer.json()
    assert (told["accepted"], told["rejected"]) == (1, 2)
    assert [each.get("error", {}).get("pointer") for each in told["results"]] == [
        "/0/customer_id",
        None,
        "/2/properties/a",
    ]


async def test_an_atomic_batch_with_a_bad_event_stores_nothing(api: Api) -> None:
    refused = await api.send(EVENT, {"type": "x"}, params={"atomic": "true"})
    accepted = await api.send(EVENT, params={"atomic": "true"})

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/1")
    assert accepted.json()["position"] == 1


async def test_a_long_batch_tells_only_what_was_not_accepted(api: Api) -> None:
    events = [did("seen", f"c{number}") for number in range(101)]
    events[7] = {"type": "seen"}

    usual = await api.send(*events)
    everything = await api.send(*events, params={"results": "all"})
    failed = await api.send(EVENT, params={"results": "failed"})

    assert [each["index"] for each in usual.json()["results"]] == [7]
    assert len(everything.json()["results"]) == 101
    assert failed.json()["results"] == []


async def test_lines_are_answered_in_lines(api: Api) -> None:
    lines = [json.dumps(did("seen", f"c{number}")) for number in range(501)]
    lines[3] = "{not json"

    answer = await post(api, "\r\n".join(["", *lines, ""]), LINES)

    told = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(LINES)
    assert [each["next_line"] for each in told] == [500, 501, 501]
    assert told[0]["results"][0]["error"]["pointer"] == "/3"
    assert (told[-1]["accepted"], told[-1]["rejected"], told[-1]["done"]) == (500, 1, True)


async def test_lines_may_be_packed(api: Api) -> None:
    lines = "\n".join(json.dumps(did("seen", f"c{number}")) for number in range(3))

    answer = await post(api, gzip.compress(lines.encode()), LINES, **{"Content-Encoding": "gzip"})

    assert json.loads(answer.text.splitlines()[-1])["accepted"] == 3


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gzip.compress(json.dumps(EVENT).encode(), mtime=0), "gzip"),
        (zlib.compress(json.dumps(EVENT).encode()), "deflate"),
        (zstd.compress(json.dumps(EVENT).encode()), "zstd"),
        (json.dumps(EVENT).encode(), "identity"),
    ],
)
async def test_bodies_may_be_packed(api: Api, packed: bytes, encoding: str) -> None:
    answer = await post(api, packed, **{"Content-Encoding": encoding})

    assert answer.status_code == 201


async def test_what_no_plain_reader_takes_in_an_envelope_spoils_one_event(api: Api) -> None:
    good, bad = '{"type":"seen","customer_id":"ann"}', '{"type":"seen","at":NaN}'

    answer = await post(api, f'{{"events":[{good},{bad},{good}]}}'.encode())

    found = answer.json()
    assert [each["status"] for each in found["results"]] == ["accepted", "rejected", "accepted"]


BAD_BODIES: list[tuple[str, bytes, dict[str, str], int, str]] = [
    ("empty", b"", {}, 400, "malformed_json"),
    ("blank", b" \n", {}, 400, "malformed_json"),
    ("cut off", b'[{"type":"x"', {}, 400, "malformed_json"),
    ("a string", b'"x"', {}, 400, "malformed_json"),
    ("a byte order mark", b"\xef\xbb\xbf[]", {}, 400, "malformed_json"),
    ("not UTF-8", b'[{"type":"\xff"}]', {}, 400, "malformed_utf8"),
    ("a raw surrogate", b'[{"type":"\xed\xa0\x80"}]', {}, 400, "malformed_utf8"),
    ("an overlong NUL", b'[{"type":"\xc0\x80"}]', {}, 400, "malformed_utf8"),
    (
        "events twice",
        b'{"events":[],"events":[{"type":"x","customer_id":"a"}]}',
        {},
        400,
        "malformed_json",
    ),
    (
        "events twice, one of them unreadable",
        b'{"events":[{"type":"\\ud800"}],"events":[]}',
        {},
        400,
        "malformed_json",
    ),
    ("events as text", b'{"events":"x"}', {}, 400, "malformed_json"),
    ("not gzip", b"{}", {"Content-Encoding": "gzip"}, 400, "malformed_encoding"),
    (
        "gzip cut off",
        gzip.compress(b"[]", mtime=0)[:-4],
        {"Content-Encoding": "gzip"},
        400,
        "malformed_encoding",
    ),
    (
        "gzip and more",
        gzip.compress(b"[]", mtime=0) * 2,
        {"Content-Encoding": "gzip"},
        400,
        "malformed_encoding",
    ),
    ("brotli", b"{}", {"Content-Encoding": "br"}, 415, "unsupported_encoding"),
    ("not zstd", b"{}", {"Content-Encoding": "zstd"}, 400, "malformed_encoding"),
    (
        "zstd cut off",
        zstd.compress(b"[]")[:-1],
        {"Content-Encoding": "zstd"},
        400,
        "malformed_encoding",
    ),
    (
        "zstd and more",
        zstd.compress(b"[]") * 2,
        {"Content-Encoding": "zstd"},
        400,
        "malformed_encoding",
    ),
    (
        "a bomb of zstd",
        zstd.compress(b"[" + b" " * 200_000_000 + b"]"),
        {"Content-Encoding": "zstd"},
        413,
        "body_too_large",
    ),
    (
        "a window of 128 MiB",
        zstd.compress(b"[]" * 50_000_000, options={zstd.CompressionParameter.window_log: 27}),
        {"Content-Encoding": "zstd"},
        400,
        "malformed_encoding",
    ),
    ("packed twice", b"{}", {"Content-Encoding": "gzip, gzip"}, 415, "unsupported_encoding"),
    ("XML", b"<x/>", {"Content-Type": "application/xml"}, 415, "unsupported_media_type"),
    (
        "a form",
        b"a=b",
        {"Content-Type": "application/x-www-form-urlencoded"},
        415,
        "unsupported_media_type",
    ),
    ("too many events", b"[" + b"1," * 1_000 + b"1]", {}, 413, "batch_too_large"),
    (
        "a bomb",
        gzip.compress(b"[" + b" " * 2_000_000 + b"]"),
        {"Content-Encoding": "gzip"},
        413,
        "body_too_large",
    ),
    ("too large", b"[" + b" " * (1 << 20) + b"]", {}, 413, "body_too_large"),
]


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [row[1:] for row in BAD_BODIES],
    ids=[row[0] for row in BAD_BODIES],
)
async def test_a_body_that_cannot_be_read_is_refused_as_a_whole(
    api: Api, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await api.client.post(
        "/v1/events", content=body, headers={"Content-Type": "application/json", **headers}
    )

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await api.services.store.positions()).head == 0


async def test_the_answer_says_what_would_be_taken(api: Api) -> None:
    media = await post(api, b"", "application/xml")
    packed = await post(api, b"", **{"Content-Encoding": "br"})

    assert "application/x-ndjson" in media.headers["Accept-Post"]
    assert "gzip" in packed.headers["Accept-Encoding"]


async def test_a_chunked_body_is_counted_while_it_arrives(make_api: MakeApi) -> None:
    api = await make_api(STAGEFOLD_BODY_BYTES_MAX="1000")

    async def pieces() -> Any:  # noqa: ANN401 -- an iterator for httpx
        for _ in range(100):
            yield b" " * 100

    answer = await api.client.post("/v1/events", content=pieces())

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.headers["Connection"] == "close"


async def test_a_body_without_a_type_is_json(api: Api) -> None:
    answer = await post(api, json.dumps(EVENT), None)

    assert answer.status_code == 201


@pytest.mark.parametrize(
    "query", ["atomic=yes", "results=some", "wait=5", "atomic=true&atomic=true"]
)
async def test_a_bad_option_is_refused(api: Api, query: str) -> None:
    answer = await api.client.post(f"/v1/events?{query}", json=EVENT)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_parameter")


async def test_a_misspelled_option_is_refused(api: Api) -> None:
    answer = await api.client.post("/v1/events?atomik=true", json=EVENT)

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_parameter")
    assert answer.json()["errors"][0]["pointer"] == "/atomik"


async def test_a_fast_clock_is_warned_of(api: Api) -> None:
    answer = await api.client.post(
        "/v1/events", json=did("seen", "ann", api.clock.now() + 600_000_000)
    )

    assert answer.status_code == 201
    assert "ahead" in answer.json()["warning"]


async def test_what_was_sent_is_kept_to_the_byte(api: Api) -> None:
    """Numbers of any length, spellings and the order of keys come back as they were sent."""
    inner = '{"b":18446744073709551617,"a":1.10,"e":1E5,"s":"\\u00e9\\/"}'
    body = f'{{"customer_id":"ann","properties":{inner},"type":"seen","id":"x"}}'
    await post(api, body)

    answer = await api.get("/v1/events/x")

    assert f'"properties":{inner}' in answer.text
    assert answer.json()["position"] == 1


async def test_an_id_is_made_where_none_was_sent_and_can_be_asked_for(api: Api) -> None:
    made = await api.client.post("/v1/events", json=did("seen", "ann"))

    found = await api.get(made.headers["Location"])

    assert made.json()["id"].startswith("evt_")
    assert found.json()["id"] == made.json()["id"]
    assert found.json()["source"] == "http"
