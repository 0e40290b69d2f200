"""Readings: laws that hold for whatever an item says, and stories of each format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.events import traits_in
from domain.instants import DAY, HOUR, MINUTE, SECOND, format_instant, parse_instant
from projections.events.payloads import decoder
from service.door.cloudevents import CloudEventReading
from service.door.events import Door, Refused
from service.door.formats import inherited_by, reading_of
from service.door.posthog import PosthogReading
from service.door.readings import Reading
from service.door.segment import CALLS, SegmentReading
from service.ports import NewEvent
from tests.http.builders import BOUNDS, NOW, origin

READINGS = [
    SegmentReading(),
    SegmentReading("track", {"context": {"groupId": "g"}, "sentAt": "2026-03-01T23:00:00Z"}),
    PosthogReading(),
    CloudEventReading("/user/id"),
]
THEN = "2026-03-01T12:00:00Z"
NAMES = (
    *("type", "event", "userId", "anonymousId", "messageId", "previousId", "groupId", "timestamp"),
    *("originalTimestamp", "sentAt", "context", "traits", "properties", "name", "category"),
    *("distinct_id", "uuid", "$set", "specversion", "id", "source", "subject", "time", "data"),
    *("data_base64", "partitionkey", "anonymousid", "accountid"),
)
WORDS = st.sampled_from(
    [*CALLS, "$void", "$identify", "$set", "$create_alias", "$groupidentify", "1.0", "", " ", THEN]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
KEYS = st.sampled_from([*NAMES, "$groups", "alias", "groupId", "user"]) | st.text(max_size=4)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
ITEMS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=12)
IDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
PROPERTIES = st.dictionaries(
    st.text(st.characters(categories=["L"]), min_size=1, max_size=8),
    st.integers(-(2**40), 2**40) | st.text(st.characters(categories=["L"]), max_size=8),
    max_size=4,
)


def judge(item: Mapping[str, object], reading: Reading | None) -> NewEvent | Refused:
    """Return what the door makes of *item*."""
    return Door(BOUNDS, replace(origin(), reading=reading)).check(json.dumps(item))


def taken(item: Mapping[str, object], reading: Reading | None) -> NewEvent:
    """Return the event that *item* becomes."""
    judged = judge(item, reading)
    assert isinstance(judged, NewEvent), judged
    return judged


def said(event: NewEvent) -> tuple[object, ...]:
    """Return what an event says, whatever it was written in."""
    properties = decoder(event.api_format)(event.payload)
    names = (event.type, event.customer_id, event.anonymous_id, event.account_id)
    return (*names, event.event_id, event.occurred_at, properties)


# ---------------------------------------------------------------- laws


@pytest.mark.parametrize("reading", READINGS, ids=lambda one: type(one).__name__)
@given(item=ITEMS)
def test_whatever_is_sent_is_an_event_or_has_a_reason(
    reading: Reading, item: dict[str, object]
) -> None:
    judged = judge(item, reading)

    if isinstance(judged, Refused):
        assert judged.faults
        return
    assert judged.customer_id or judged.anonymous_id
    assert not judged.type.startswith("$") or judged.type in {"$identify", "$alias", "$void"}
    assert isinstance(decoder(judged.api_format)(judged.payload), dict)


@given(who=IDS, visitor=st.none() | IDS, event=IDS, message=IDS, properties=PROPERTIES)
def test_a_track_call_says_what_our_own_event_says(
    who: str, visitor: str | None, event: str, message: str, properties: dict[str, object]
) -> None:
    ours = {"id": message, "type": event, "customer_id": who, "anonymous_id": visitor}
    theirs = {"messageId": message, "event": event, "userId": who, "anonymousId": visitor}

    native = taken({**ours, "occurred_at": THEN, "properties": properties}, None)
    call = {**theirs, "timestamp": THEN, "properties": properties}

    assert said(taken({"type": "track", **call}, SegmentReading())) == said(native)
    assert said(taken(call, SegmentReading("track"))) == said(native)


@given(who=IDS, event=IDS, message=IDS, properties=PROPERTIES)
def test_capture_and_cloudevents_say_what_our_own_event_says(
    who: str, event: str, message: str, properties: dict[str, object]
) -> None:
    native = taken(
        {
            "id": message,
            "type": event,
            "customer_id": who,
            "occurred_at": THEN,
            "properties": properties,
        },
        None,
    )
    capture = {"uuid": message, "event": event, "distinct_id": who}
    cloud = {"specversion": "1.0", "id": message, "type": event, "subject": who, "source": "s"}

    captured = taken({**capture, "timestamp": THEN, "properties": properties}, PosthogReading())
    assert said(captured) == said(native)
    assert said(taken({**cloud, "time": THEN, "data": properties}, CloudEventReading())) == said(
        native
    )


@given(
    item=st.fixed_dictionaries(
        {"type": st.just("track"), "event": IDS, "userId": IDS, "messageId": IDS},
        optional={
            "context": st.fixed_dictionaries({}, optional={"groupId": IDS, "ip": IDS}),
            "timestamp": st.sampled_from([THEN, "2026-03-01T13:00:00Z"]),
        },
    ),
    batch=st.fixed_dictionaries(
        {},
        optional={
            "context": st.fixed_dictionaries({}, optional={"groupId": IDS, "app": IDS}),
            "integrations": st.just({"All": True}),
            "sentAt": st.sampled_from(["2026-03-01T23:00:00Z", "2026-03-02T00:00:00Z"]),
            "timestamp": st.just("2026-02-01T00:00:00Z"),
        },
    ),
)
def test_an_item_inherits_what_its_batch_says(item: dict[str, Any], batch: dict[str, Any]) -> None:
    context = {**batch.get("context", {}), **item.get("context", {})}
    whole = {**batch, **item} | ({"context": context} if context else {})

    inherited, alone = taken(item, SegmentReading(None, batch)), taken(whole, SegmentReading())

    assert said(inherited) == said(alone)
    kept = json.loads(inherited.payload)
    assert kept.get("context", {}) == context
    assert {name: kept[name] for name in item if name != "context"} == {
        name: item[name] for name in item if name != "context"
    }


@given(off=st.integers(-2 * DAY, 2 * DAY))
def test_times_are_corrected_by_how_far_the_senders_clock_is_off(off: int) -> None:
    when = parse_instant(THEN)
    sent = {"sentAt": format_instant(NOW - off), "timestamp": THEN}
    item = {"type": "track", "event": "x", "userId": "ann", **sent}

    found = taken(item, SegmentReading()).occurred_at

    assert found == when + (off if SECOND < abs(off) < DAY else 0)


@given(call=st.none() | st.sampled_from(CALLS), sent=st.none() | st.just(THEN))
def test_a_reading_written_down_reads_the_same(call: str | None, sent: str | None) -> None:
    reading = SegmentReading(call, {} if sent is None else {"sentAt": sent, "context": {"a": [1]}})

    again = reading_of("segment", inherited_by(reading), customer_pointer="")

    assert again == reading


# ---------------------------------------------------------------- stories of Segment

TRACK: dict[str, object] = {"type": "track", "event": "x", "userId": "ann", "messageId": "m"}


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"type": "jump"}, "unknown_call", "/type"),
        ({"type": None}, "unknown_call", "/type"),
        ({"event": None}, "type_missing", "/event"),
        ({"event": " $void "}, "unknown_control_type", "/event"),
        ({"userId": None, "anonymousId": ""}, "customer_missing", ""),
        ({"userId": ["ann"]}, "wrong_type", "/userId"),
        ({"messageId": "x" * 201}, "bad_id", "/messageId"),
        ({"timestamp": 1_740_830_400}, "bad_instant", "/timestamp"),
        ({"timestamp": "soon", "sentAt": "later"}, "bad_instant", "/timestamp"),
        ({"properties": "none"}, "not_an_object", "/properties"),
        ({"type": "identify", "traits": [1]}, "not_an_object", "/traits"),
        ({"type": "alias"}, "missing_property", "/previousId"),
        ({"type": "alias", "previousId": {"a": 1}}, "wrong_type", "/previousId"),
        ({"context": {"groupId": "x" * 201}}, "bad_id", "/groupId"),
    ],
)
def test_what_is_wrong_with_a_call_is_said_in_its_own_words(
    changes: dict[str, object], code: str, pointer: str
) -> None:
    judged = judge({**TRACK, **changes}, SegmentReading())

    assert isinstance(judged, Refused)
    assert (code, pointer) in [(each.code, each.pointer) for each in judged.faults]
    assert "customer_id" not in judged.faults[0].message


def test_traits_of_a_call_and_of_its_context_are_one() -> None:
    """RudderStack's libraries write them into the context; what stands in the call goes first."""
    item = {
        "type": "identify",
        "userId": "ann",
        "traits": {"plan": "pro"},
        "context": {"traits": {"plan": "old", "city": "Ulm"}},
    }

    event = taken(item, SegmentReading())

    assert event.type == "$identify"
    assert traits_in(decoder("segment")(event.payload)) == {"plan": "pro", "city": "Ulm"}


def test_an_identify_without_traits_joins_all_the_same() -> None:
    event = taken({"type": "identify", "userId": "ann", "anonymousId": "v"}, SegmentReading())

    assert (event.customer_id, event.anonymous_id) == ("ann", "v")


@pytest.mark.parametrize(
    ("sent", "said_at"),
    [
        ({"timestamp": "2026-03-01T12:00:00"}, THEN),
        ({"originalTimestamp": THEN}, THEN),
        ({"timestamp": THEN, "originalTimestamp": "2026-03-01T23:59:59Z"}, THEN),
        ({}, None),
        ({"sentAt": "2026-03-01T23:00:00Z"}, None),
    ],
)
def test_when_it_happened(sent: dict[str, object], said_at: str | None) -> None:
    wanted = None if said_at is None else parse_instant(said_at)

    assert taken({**TRACK, **sent}, SegmentReading()).occurred_at == wanted


def test_a_clock_far_ahead_is_corrected_before_it_is_judged() -> None:
    ahead = format_instant(NOW + 3 * HOUR)

    event = taken({**TRACK, "timestamp": ahead, "sentAt": ahead}, SegmentReading())

    assert event.occurred_at == NOW


def test_a_wrong_time_stays_wrong_however_it_is_corrected() -> None:
    late = {"timestamp": format_instant(NOW + 2 * HOUR), "sentAt": format_instant(NOW - MINUTE)}
    judged = judge({**TRACK, **late}, SegmentReading())

    assert isinstance(judged, Refused)
    assert [each.code for each in judged.faults] == ["future_time"]


# ---------------------------------------------------------------- stories of PostHog

CAPTURE: dict[str, object] = {"event": "x", "distinct_id": "ann", "uuid": "u"}


@pytest.mark.parametrize(
    ("event", "event_type"),
    [
        ("$pageview", "pageview"),
        ("$set", "$identify"),
        ("$identify", "$identify"),
        ("$feature_flag_called", "feature_flag_called"),
        ("$void", "void"),
        ("$$x", "x"),
    ],
)
def test_posthogs_own_types_lose_their_dollar_or_become_ours(event: str, event_type: str) -> None:
    assert taken({**CAPTURE, "event": event}, PosthogReading()).type == event_type


@pytest.mark.parametrize(
    ("groups", "account"),
    [
        ({"project": "p", "company": "acme"}, "acme"),
        ({"project": 7}, "7"),
        ({}, None),
        ("acme", None),
    ],
)
def test_a_group_is_an_account(groups: object, account: str | None) -> None:
    item = {**CAPTURE, "properties": {"$groups": groups}}

    assert taken(item, PosthogReading()).account_id == account


def test_who_is_no_more_than_a_device_is_a_visitor() -> None:
    device = {"$device_id": "d"}
    unknown = taken({"event": "x", "distinct_id": "d", "properties": device}, PosthogReading())
    known = taken(
        {
            "event": "$identify",
            "distinct_id": "ann",
            "properties": {**device, "$anon_distinct_id": "d", "$set": {"plan": "pro"}},
        },
        PosthogReading(),
    )

    assert (unknown.customer_id, unknown.anonymous_id) == (None, "d")
    assert (known.customer_id, known.anonymous_id) == ("ann", "d")


@pytest.mark.parametrize("who", ["c1a0b2", "$company_acct-9"])
def test_an_event_about_a_group_alone_makes_no_customer(who: str) -> None:
    judged = judge({**CAPTURE, "event": "$groupidentify", "distinct_id": who}, PosthogReading())

    assert isinstance(judged, Refused)
    assert judged.faults[0].code == "customer_missing"
