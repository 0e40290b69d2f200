"""Laws of the door: its short way and its strict way agree, and both agree with the contract."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from service.door.bodies import cut
from service.door.bounds import Bounds
from service.door.events import Door, Refused
from service.door.strict import is_plain, read
from service.errors import Problem
from service.http.schemas.events import EventIn
from service.ports import NewEvent
from tests.http.builders import BOUNDS, NOW, origin

TIGHT = Bounds(
    event_bytes_max=400, depth_max=3, keys_max=4, array_max=3, string_bytes_max=20, digits_max=400
)
ODD = ['"', "\\", "\0", "\ud800", "\udc00", ":", "語", "😀", "\x85", " ", "a", "b", "\u2028"]

odd_text = st.lists(st.sampled_from(ODD), max_size=6).map("".join)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**420), 10**420) | st.integers(-5, 5),
    st.floats(),
    odd_text,
    st.sampled_from(["x" * 19, "x" * 21, "語" * 6, "語" * 7]),
)


@st.composite
def json_texts(draw: st.DrawFn, depth: int = 4) -> str:
    """Return JSON, nearly: keys may repeat, numbers may be monstrous, blanks stand anywhere."""
    blank = draw(st.sampled_from(["", "", "", " ", "\n", "\t "]))
    kind = draw(st.integers(0, 3 if depth else 1))
    if kind == 0:
        literal = draw(st.sampled_from(["1e400", "-1e999", "NaN", "1.5e3", "-0", "00", "tru"]))
        return blank + literal
    if kind == 1:
        escape = draw(st.booleans())
        return blank + json.dumps(draw(scalars), ensure_ascii=escape)
    if kind == 2:
        inner = draw(st.lists(json_texts(depth=depth - 1), max_size=4))
        return f"[{blank}{','.join(inner)}{blank}]"
    keys = draw(
        st.lists(st.sampled_from(["a", "b", "\\u0061", '\\"', ":", "c", "d", "e"]), max_size=5)
    )
    pairs = [f'"{key}"{blank}:{draw(json_texts(depth=depth - 1))}' for key in keys]
    return f"{blank}{{{','.join(pairs)}{blank}}}"


@settings(max_examples=400)
@given(json_texts())
@example('{"a":":","a" :1}')
@example('{"a":"\\\\","b":1}')
@example('{"a":"\\u0022","a":1}')
def test_what_counting_proves_plain_has_no_fault(text: str) -> None:
    """The short way may only let through what the strict way lets through, with the same value."""
    for bounds in (BOUNDS, TIGHT):
        try:
            value = msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeError):
            continue
        strict, faults = read(text, bounds)
        if is_plain(text, value, bounds):
            assert not faults
            assert repr(strict) == repr(value)


@settings(max_examples=300)
@given(json_texts())
def test_every_fault_points_at_what_exists(text: str) -> None:
    """A pointer leads to a value of the text, for a reader that takes every liberty."""
    try:
        lenient = json.loads(text, parse_int=str)
    except (ValueError, RecursionError):
        return
    _, faults = read(text, BOUNDS)
    for fault in faults:
        value = lenient
        for token in fault.pointer.split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            value = value[int(key)] if isinstance(value, list) else value[key]


names = st.one_of(
    st.none(),
    st.just("ann"),
    st.text(max_size=5).filter(lambda text: not _has_surrogate(text)),
    st.sampled_from(["", " ", " ann ", "a\x07", "a\x85", "i" * 200, "i" * 201, "\u200b"]),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.just([]),
    st.just({}),
)
instants = st.one_of(
    st.none(),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.sampled_from(
        ["", "2026-03-01T00:00:00Z", "2026-03-01t00:00:00.5+14:00", "2026-03-01", "soon"]
    ),
    st.integers(),
)
objects: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.just({}),
    st.just("x"),
    st.dictionaries(
        st.sampled_from(["event_id", "model", "stage", "alias", "customer_id", "anonymous_id"]),
        st.sampled_from(["x", "", None, 7, "i" * 201, True]),
        max_size=3,
    ),
)
types = names | st.sampled_from(
    ["$identify", "$void", "$stage.set", "$alias", "$unalias", "$other", "$"]
)


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= sign <= "\udfff" for sign in text)


@settings(max_examples=500)
@given(
    st.fixed_dictionaries(
        {"type": types},
        optional={
            "id": names,
            "customer_id": names,
            "anonymous_id": names,
            "account_id": names,
            "source": names,
            "occurred_at": instants,
            "properties": objects,
            "traits": objects,
            "position": st.just(1),
            "context": st.just({"a": [1]}),
        },
    )
)
@example({"type": "seen", "customer_id": 7.0})
@example({"type": "$void", "customer_id": "a", "properties": {"event_id": " "}})
def test_the_door_and_the_contract_agree(item: dict[str, Any]) -> None:
    """The fast reading of an event is the reading that OpenAPI describes."""
    text = json.dumps(item)

    judged = Door(BOUNDS, origin()).check(text)
    try:
        said: EventIn | None = EventIn.model_validate_json(text)
    except ValidationError:
        said = None

    if isinstance(judged, Refused):
        codes = {each.code for each in judged.faults}
        assert said is None or codes <= {"future_time", "not_an_object", "wrong_type"}
        return
    assert said is not None
    assert isinstance(judged, NewEvent)
    assert judged.event_id == (said.id or "made-1")
    assert (judged.type, judged.customer_id) == (said.type, said.customer_id)
    assert (judged.anonymous_id, judged.account_id) == (said.anonymous_id, said.account_id)
    assert judged.source == (said.source or "shop")
    assert (judged.occurred_at is None) == (said.occurred_at is None)


@settings(max_examples=300)
@given(st.lists(json_texts(depth=2), max_size=4), st.sampled_from(["[%s]", ' {"events": [%s] } ']))
def test_a_body_is_cut_where_its_elements_end(texts: list[str], frame: str) -> None:
    """Each element comes back as it was sent, whatever stands in the others."""
    try:
        values = [json.loads(text, parse_int=str) for text in texts]
    except ValueError:
        return
    body = (frame % ",".join(texts)).encode("utf-8", "surrogatepass")
    try:
        items = cut(body, BOUNDS)
    except Problem as problem:
        if problem.code != "malformed_utf8":
            raise
        return

    assert [json.loads(text, parse_int=str) for text in items.texts] == values or any(
        "NaN" in text for text in texts
    )
    assert [text.strip() for text in items.texts] == [text.strip() for text in texts]


@given(st.binary(max_size=60))
def test_no_bytes_break_the_door(body: bytes) -> None:
    """Whatever arrives is cut and judged, or refused with a problem."""
    try:
        items = cut(body, BOUNDS)
    except Problem as problem:
        if problem.code not in {"malformed_json", "malformed_utf8"}:
            raise
        return
    for text in items.texts:
        Door(BOUNDS, origin()).check(text)


def test_the_clock_of_the_tests_is_ours() -> None:
    assert origin().now == NOW
