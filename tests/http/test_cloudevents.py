"""CloudEvents over HTTP: the scenarios of the conformance suite, and what the binding says of each.

The suite's events name nobody; here they have a subject, without which nothing could be stored.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.door.cloudevents import composed, decoded_header, is_json
from service.errors import Problem
from tests.http.builders import BOUNDS
from tests.http.conftest import Api, MakeApi

pytestmark = pytest.mark.anyio

STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
ATTRIBUTES = {
    "specversion": "1.0",
    "type": "com.example.someevent",
    "time": "2018-04-05T03:56:24Z",
    "id": "1234-1234-1234",
    "source": "/mycontext/subcontext",
    "subject": "ann",
}
HELLO = b'{\n    "message": "Hello World!"\n}'
EVENT: dict[str, object] = {**ATTRIBUTES, "data": {"message": "Hello World!"}}


async def binary(
    api: Api, body: bytes, content_type: str | None = "application/json", **attributes: str | None
) -> httpx.Response:
    """Return the answer to a binary event; an attribute that is None is left out."""
    wanted = {**ATTRIBUTES, **attributes}
    headers = {f"ce-{name}": each for name, each in wanted.items() if each is not None}
    if content_type is not None:
        headers["Content-Type"] = content_type
    return await api.client.post("/v1/events", content=body, headers=headers)


async def post(api: Api, body: object, content_type: str, **headers: str) -> httpx.Response:
    """Return the answer to *body* as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await api.client.post(
        "/v1/events", content=content, headers={"Content-Type": content_type, **headers}
    )


async def stored(api: Api) -> dict[str, Any]:
    """Return the newest event."""
    found: dict[str, Any] = (await api.get("/v1/events?limit=500")).json()["data"][-1]
    return found


# ---------------------------------------------------------------- the conformance suite


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
async def test_binary_content_mode(api: Api, content_type: str) -> None:
    answer = await binary(api, HELLO, content_type)

    event = await stored(api)
    assert answer.status_code == 201
    assert event["original"] == {**EVENT, "datacontenttype": content_type}
    assert event["properties"] == {"message": "Hello World!"}
    assert (event["id"], event["occurred_at"]) == ("1234-1234-1234", ATTRIBUTES["time"])


@pytest.mark.parametrize("content_type", [STRUCTURED, f"{STRUCTURED}; charset=utf-8"])
async def test_structured_content_mode(api: Api, content_type: str) -> None:
    sent = {**EVENT, "datacontenttype": "application/json"}

    answer = await post(api, sent, content_type)

    event = await stored(api)
    assert answer.status_code == 201
    assert event["original"] == sent
    assert event["source"] == "/mycontext/subcontext"


# ---------------------------------------------------------------- which mode it is


async def test_a_batch_is_answered_for_each_event(api: Api) -> None:
    answer = await post(api, [EVENT, {**EVENT, "id": "2"}, {"id": "3"}], BATCH)

    told = answer.json()
    assert answer.status_code == 200
    assert (told["accepted"], told["rejected"]) == (2, 1)


async def test_the_content_type_goes_before_the_version_header(api: Api) -> None:
    """A structured event may come with ce- headers of somebody in between."""
    answer = await post(api, EVENT, STRUCTURED, **{"ce-specversion": "0.3", "ce-id": "other"})

    assert answer.status_code == 201
    assert (await stored(api))["id"] == "1234-1234-1234"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ([EVENT], STRUCTURED, 400),
        (EVENT, BATCH, 400),
        (b"", STRUCTURED, 400),
        (EVENT, "application/cloudevents+xml", 415),
        (EVENT, "application/cloudevents-batch+avro", 415),
        ([], BATCH, 200),
    ],
)
async def test_a_body_is_what_its_type_says(
    api: Api, body: object, content_type: str, status: int
) -> None:
    assert (await post(api, body, content_type)).status_code == status


async def test_the_answer_solicits_batches(api: Api) -> None:
    answer = await post(api, b"", "application/xml")

    assert BATCH in answer.headers["Accept-Post"]
    assert STRUCTURED in answer.headers["Accept-Post"]


@pytest.mark.parametrize("mode", ["binary", "structured"])
async def test_a_repeat_is_a_duplicate_in_either_mode(api: Api, mode: str) -> None:
    """The same event binary and structured says the same, if its JSON does."""
    await post(api, {**EVENT, "datacontenttype": "application/json"}, STRUCTURED)

    if mode == "binary":
        answer = await binary(api, HELLO)
    else:
        answer = await post(api, {**EVENT, "datacontenttype": "application/json"}, STRUCTURED)

    assert (answer.status_code, answer.json()["status"]) == (200, "duplicate")


# ---------------------------------------------------------------- data of other kinds


@pytest.mark.parametrize(
    ("body", "content_type", "member", "value"),
    [
        (b"[1]", "application/vnd.acme+json", "data", [1]),
        (b'{"a":1}', None, "data", {"a": 1}),
        (b"a text", None, "data", "a text"),
        ("für".encode(), "text/plain", "data", "für"),
        (b"<a/>", "application/xml", "data_base64", base64.b64encode(b"<a/>").decode()),
        (b"\x00\xff", None, "data_base64", "AP8="),
    ],
)
async def test_data_are_kept_as_their_type_says(
    api: Api, body: bytes, content_type: str | None, member: str, value: object
) -> None:
    assert (await binary(api, body, content_type)).status_code == 201
    assert (await stored(api))["original"][member] == value


async def test_an_event_may_have_no_data(api: Api) -> None:
    assert (await binary(api, b"", None)).status_code == 201
    assert (await stored(api))["properties"] == {}


async def test_packed_json_is_read_where_it_is_json(api: Api) -> None:
    await post(api, {**ATTRIBUTES, "data_base64": "eyJhIjoxfQ=="}, STRUCTURED)

    assert (await stored(api))["properties"] == {"a": 1}


async def test_data_cannot_bring_attributes_of_their_own(api: Api) -> None:
    answer = await binary(api, b'1,"accountid":"theirs"')

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


# ---------------------------------------------------------------- header fields


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        (b'"a \\"quoted\\" text"', 'a "quoted" text'),
        (b'"Euro%20%E2%82%AC"', "Euro €"),
        (b"100%", "100%"),
        (b"%2525", "%25"),
        ("für".encode(), "für"),
        (b'"', '"'),
    ],
)
def test_a_header_is_unquoted_and_decoded_once(raw: bytes, value: str) -> None:
    assert decoded_header("ce-subject", raw) == value


@pytest.mark.parametrize("raw", [b"%C0%A0", b"%ED%A0%80", b"%F4%90%80%80", b"\xff"])
async def test_what_is_not_utf_8_is_refused(api: Api, raw: bytes) -> None:
    headers = [(f"ce-{name}".encode(), each.encode()) for name, each in ATTRIBUTES.items()]
    headers.append((b"ce-partitionkey", raw))
    answer = await api.client.post("/v1/events", content=b"", headers=headers)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/ce-partitionkey"


def test_a_header_given_twice_is_refused() -> None:
    with pytest.raises(Problem, match="more than once"):
        composed([(b"ce-id", b"1"), (b"CE-Id", b"2")], b"", BOUNDS)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_the_binding_encodes_comes_back(value: str) -> None:
    """All but printable ASCII, and blanks, quotes and percent signs, travel percent-encoded."""
    encoded = b"".join(
        bytes([octet]) if 0x21 <= octet <= 0x7E and octet not in b'"%' else b"%%%02X" % octet
        for octet in value.encode()
    )

    assert decoded_header("ce-subject", encoded) == value


@given(st.dictionaries(st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True), st.text(max_size=20)))
def test_a_binary_event_is_kept_as_json_that_says_the_same(attributes: dict[str, str]) -> None:
    attributes.pop("datacontenttype", None)
    attributes.pop("data", None)
    headers = [
        (f"ce-{name}".encode(), b"".join(b"%%%02X" % octet for octet in value.encode("utf-8")))
        for name, value in attributes.items()
        if value.isprintable()
    ]

    found = json.loads(composed(headers, b"", BOUNDS))

    assert found == {name: value for name, value in attributes.items() if value.isprintable()}


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("text/json", True),
        ("application/vnd.a.b+json", True),
        ("application/jsonl", False),
        ("application/xml", False),
    ],
)
def test_json_is_told_by_its_suffix(media_type: str, *, expected: bool) -> None:
    assert is_json(media_type) is expected


# ---------------------------------------------------------------- who is meant, and what is wrong


async def test_the_subject_is_the_customer_then_the_partition_key_then_the_data(
    make_api: MakeApi,
) -> None:
    api = await make_api(STAGEFOLD_CLOUDEVENTS_CUSTOMER_POINTER="/user/id")
    data = json.dumps({"user": {"id": 7}}).encode()
    named: list[dict[str, str | None]] = [
        {"partitionkey": "bob"},
        {"subject": None, "partitionkey": "bob"},
        {"subject": None},
        {"subject": None, "partitionkey": "v-1", "anonymousid": "v-1"},
    ]
    for number, attributes in enumerate(named):
        await binary(api, data, id=str(number), **attributes)

    events = (await api.get("/v1/events")).json()["data"]
    assert [event.get("customer_id") for event in events] == ["ann", "bob", "7", "7"]
    assert events[3]["anonymous_id"] == "v-1"


async def test_extensions_name_a_visitor_and_an_account(api: Api) -> None:
    await binary(api, HELLO, subject=None, anonymousid="v-1", accountid="acme")

    event = await stored(api)
    assert (event["anonymous_id"], event["account_id"]) == ("v-1", "acme")
    assert "customer_id" not in event


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"id": None}, "missing_attribute", "/id"),
        ({"source": ""}, "missing_attribute", "/source"),
        ({"type": None}, "missing_attribute", "/type"),
        ({"specversion": None}, "missing_attribute", "/specversion"),
        ({"specversion": "0.3"}, "wrong_specversion", "/specversion"),
        ({"subject": None}, "customer_missing", ""),
        ({"time": "yesterday"}, "bad_instant", "/time"),
        ({"comExampleExt": "x"}, "bad_attribute", "/comExampleExt"),
        ({"data_base64": "AA=="}, "wrong_type", "/data_base64"),
        ({"subject": "x" * 201}, "bad_id", "/subject"),
    ],
)
async def test_what_no_cloudevent_may_be_is_refused_where_it_stands(
    api: Api, changes: dict[str, object], code: str, pointer: str
) -> None:
    sent = {name: each for name, each in {**EVENT, **changes}.items() if each is not None}

    answer = await post(api, sent, STRUCTURED)

    assert answer.status_code == 422
    found = [(each["code"], each["pointer"]) for each in answer.json()["errors"]]
    assert (code, pointer) in found


async def test_traits_come_in_data(api: Api) -> None:
    sent = {**EVENT, "type": "$identify", "data": {"traits": {"plan": "pro"}}}
    await post(api, sent, STRUCTURED)

    assert (await api.get("/v1/customers/ann")).json()["traits"] == {"plan": "pro"}
