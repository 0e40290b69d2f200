"""The strict door: every liberty that parsers take is refused with a pointer, and nothing else."""

from __future__ import annotations

import pytest

from domain.instants import format_instant, parse_instant
from service.door.bounds import Bounds
from service.door.events import Door, Refused
from service.door.faults import FAULTS
from service.ports import NewEvent
from tests.http.builders import BOUNDS, NOW, faults, judge, origin

OK = '"type":"seen","customer_id":"ann"'
USUAL = '"id":"e1","occurred_at":"2026-03-01T00:00:00Z","properties":{}'

REFUSED = [
    ("a number is no event", "17", [("", "not_an_object")]),
    ("an array is no event", "[]", [("", "not_an_object")]),
    ("text goes on", "{" + OK + "} x", [("", "malformed_json")]),
    ("a brace is missing", "{" + OK, [("", "malformed_json")]),
    ("single quotes", "{'type':'seen'}", [("", "malformed_json")]),
    ("a raw control character", '{"type":"se\x01en"}', [("", "malformed_json")]),
    ("NaN", "{" + OK + ',"properties":{"a":NaN}}', [("/properties/a", "number_not_finite")]),
    (
        "Infinity",
        "{" + OK + ',"properties":{"a":[-Infinity]}}',
        [("/properties/a/0", "number_not_finite")],
    ),
    ("1e400", "{" + OK + ',"properties":{"a":1e400}}', [("/properties/a", "number_not_finite")]),
    ("401 digits", "{" + OK + ',"x":' + "9" * 401 + "}", [("/x", "number_too_long")]),
    ("5,000 digits", "{" + OK + ',"x":-' + "9" * 5_000 + "}", [("/x", "number_too_long")]),
    (
        "half a surrogate pair",
        '{"type":"a\\ud800","customer_id":"b"}',
        [("/type", "lone_surrogate")],
    ),
    ("half a pair in a key", "{" + OK + ',"\\udc00":1}', [("", "lone_surrogate")]),
    ("U+0000", "{" + OK + ',"properties":{"a":"\\u0000"}}', [("/properties/a", "nul_character")]),
    (
        "U+0000 in a key",
        "{" + OK + ',"properties":{"\\u0000":1}}',
        [("/properties", "nul_character")],
    ),
    ("a key twice", "{" + OK + ',"type":"left"}', [("/type", "duplicate_key")]),
    ("a key twice, hidden by blanks", "{" + OK + ',"x" :1,"x":2}', [("/x", "duplicate_key")]),
    (
        "a key twice, spelled differently",
        "{" + OK + ',"x":1,"\\u0078":2}',
        [("/x", "duplicate_key")],
    ),
    (
        "a key twice, deep",
        "{" + OK + ',"p":{"q":[{"r":1,"r":1}]}}',
        [("/p/q/0/r", "duplicate_key")],
    ),
    ("too deep", "{" + OK + ',"x":' + "[" * 8 + "]" * 8 + "}", [("/x" + "/0" * 7, "too_deep")]),
    ("absurdly deep", "{" + OK + ',"x":' + "[" * 20_000 + "]" * 20_000 + "}", [("", "too_deep")]),
    (
        "too many keys",
        "{" + OK + ',"p":{' + ",".join(f'"k{n}":1' for n in range(257)) + "}}",
        [("/p", "too_many_keys")],
    ),
    ("an array too long", "{" + OK + ',"p":[' + "1," * 256 + "1]}", [("/p", "array_too_long")]),
    ("a string too long", "{" + OK + ',"p":"' + "x" * 8_193 + '"}', [("/p", "string_too_long")]),
    (
        "a string too long in UTF-8",
        "{" + OK + ',"p":"' + "語" * 2_731 + '"}',
        [("/p", "string_too_long")],
    ),
    (
        "an event too large",
        "{" + OK + ',"p":["' + '","'.join(["x" * 8_000] * 9) + '"]}',
        [("", "event_too_large")],
    ),
    ("no type", '{"customer_id":"ann"}', [("/type", "type_missing")]),
    ("a blank type", '{"type":" ","customer_id":"ann"}', [("/type", "type_missing")]),
    ("an empty type", "{" + USUAL + ',"type":"","customer_id":"ann"}', [("/type", "type_missing")]),
    (
        "an empty customer",
        "{" + USUAL + ',"type":"seen","customer_id":""}',
        [("", "customer_missing")],
    ),
    ("nobody", '{"type":"seen"}', [("", "customer_missing")]),
    (
        "nobody, explicitly",
        '{"type":"seen","customer_id":null,"anonymous_id":""}',
        [("", "customer_missing")],
    ),
    ("a boolean id", '{"type":"seen","customer_id":true}', [("/customer_id", "wrong_type")]),
    ("an object id", "{" + OK + ',"id":{}}', [("/id", "wrong_type")]),
    ("an id too long", "{" + OK + ',"id":"' + "i" * 201 + '"}', [("/id", "bad_id")]),
    ("a control character in an id", "{" + OK + ',"id":"a\\u0007b"}', [("/id", "bad_id")]),
    ("a C1 control in an id", "{" + OK + ',"id":"a\\u0085b"}', [("/id", "bad_id")]),
    (
        "a time without offset",
        "{" + OK + ',"occurred_at":"2026-03-01T00:00:00"}',
        [("/occurred_at", "bad_instant")],
    ),
    (
        "a number as time",
        "{" + OK + ',"occurred_at":1740830401}',
        [("/occurred_at", "bad_instant")],
    ),
    (
        "a date as time",
        "{" + OK + ',"occurred_at":"2026-03-01"}',
        [("/occurred_at", "bad_instant")],
    ),
    (
        "before 1970",
        "{" + OK + ',"occurred_at":"1969-12-31T23:59:59Z"}',
        [("/occurred_at", "bad_instant")],
    ),
    (
        "the year 1",
        "{" + OK + ',"occurred_at":"0001-01-01T00:00:00+14:00"}',
        [("/occurred_at", "bad_instant")],
    ),
    (
        "the year 9999",
        "{" + OK + ',"occurred_at":"9999-12-31T23:59:00-14:00"}',
        [("/occurred_at", "bad_instant")],
    ),
    (
        "more than an hour ahead",
        "{" + OK + ',"occurred_at":"2026-03-02T01:00:00.000001Z"}',
        [("/occurred_at", "future_time")],
    ),
    ("properties as text", "{" + OK + ',"properties":"{}"}', [("/properties", "not_an_object")]),
    (
        "a field that is ours",
        "{" + OK + ',"position":1,"late":false}',
        [("/late", "reserved_field"), ("/position", "reserved_field")],
    ),
    (
        "an unknown control type",
        '{"type":"$indentify","customer_id":"ann"}',
        [("/type", "unknown_control_type")],
    ),
    (
        "an unknown control type, usual otherwise",
        "{" + USUAL + ',"type":"$indentify","customer_id":"ann"}',
        [("/type", "unknown_control_type")],
    ),
    (
        "$identify of nothing",
        '{"type":"$identify","customer_id":"ann"}',
        [("/traits", "missing_property")],
    ),
    (
        "$void of nothing",
        '{"type":"$void","customer_id":"ann"}',
        [("/properties/event_id", "missing_property")],
    ),
    (
        "$stage.set to nothing",
        '{"type":"$stage.set","customer_id":"ann","properties":{"model":"m"}}',
        [("/properties/stage", "missing_property")],
    ),
    (
        "$alias of two",
        '{"type":"$alias","customer_id":"ann","properties":{"customer_id":"b","alias":"c"}}',
        [("/properties", "missing_property")],
    ),
    (
        "$alias of what is no name, told once",
        '{"type":"$alias","customer_id":"ann","properties":{"alias":true}}',
        [("/properties/alias", "wrong_type")],
    ),
    (
        "two faults, both told",
        '{"type":"seen","occurred_at":"soon"}',
        [("/occurred_at", "bad_instant"), ("", "customer_missing")],
    ),
]

ACCEPTED = [
    ("the least", "{" + OK + "}"),
    ("an anonymous one", '{"type":"seen","anonymous_id":"a-1"}'),
    ("1e308 and -0.0", "{" + OK + ',"properties":{"a":1e308,"b":-0.0}}'),
    ("2^64 + 1", "{" + OK + ',"properties":{"a":18446744073709551617}}'),
    ("400 digits", "{" + OK + ',"x":-' + "9" * 400 + "}"),
    ("a whole surrogate pair", "{" + OK + ',"properties":{"a":"\\ud83d\\ude00"}}'),
    ("an escaped backslash before u0000", "{" + OK + ',"properties":{"a":"\\\\u0000"}}'),
    ("quotes and colons in strings", "{" + OK + ',"properties":{"\\"a\\":":"\\":\\"","b":":\\""}}'),
    ("blanks everywhere", ' { "type" : "seen" ,\n\t"customer_id" :\r\n"ann" } '.strip()),
    ("eight deep", "{" + OK + ',"x":' + "[" * 7 + "]" * 7 + "}"),
    ("256 keys", "{" + OK + ',"p":{' + ",".join(f'"k{n}":1' for n in range(256)) + "}}"),
    ("256 elements", "{" + OK + ',"p":[' + "1," * 255 + "1]}"),
    ("8 KiB of text", "{" + OK + ',"p":"' + "x" * 8_192 + '"}'),
    ("200 characters", "{" + OK + ',"id":"' + "語" * 200 + '"}'),
    ("an hour ahead", "{" + OK + ',"occurred_at":"2026-03-02T01:00:00Z"}'),
    ("1970", "{" + OK + ',"occurred_at":"1970-01-01T00:00:00Z"}'),
    ("fields of others", "{" + OK + ',"context":{"ip":"192.0.2.1"},"messageId":7}'),
    ("traits beside", '{"type":"$identify","customer_id":"ann","traits":{"plan":"pro"}}'),
    ("traits as properties", '{"type":"$identify","customer_id":"ann","properties":{}}'),
    (
        "a numeric id to withdraw",
        '{"type":"$void","customer_id":"ann","properties":{"event_id":7}}',
    ),
    ("an alias", '{"type":"$alias","customer_id":"ann","properties":{"alias":"a-1"}}'),
    (
        "a control by hand",
        '{"type":"$stage.set","customer_id":"ann","properties":{"model":"m","stage":"s"}}',
    ),
]


@pytest.mark.parametrize(
    ("text", "expected"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_is_refused_is_named_with_its_place(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert faults(text) == expected


@pytest.mark.parametrize("text", [row[1] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_what_is_accepted_is_kept_exactly(text: str) -> None:
    judged = judge(text)

    assert isinstance(judged, NewEvent), judged
    assert judged.payload == text


def test_every_fault_is_documented_and_told_in_words() -> None:
    for _, text, _ in REFUSED:
        judged = judge(text)
        assert isinstance(judged, Refused)
        for fault in judged.faults:
            assert fault.code in FAULTS
            assert 10 < len(fault.message) < 400


def test_ids_are_trimmed_and_numbers_become_text() -> None:
    judged = judge('{"type":" seen ","customer_id":7,"account_id":7.5,"id":" a b "}')

    assert isinstance(judged, NewEvent)
    assert (judged.type, judged.customer_id, judged.account_id) == ("seen", "7", "7.5")
    assert judged.event_id == "a b"


def test_an_id_is_made_where_none_was_sent() -> None:
    judged = judge('{"type":"seen","customer_id":"ann","id":""}')

    assert isinstance(judged, NewEvent)
    assert judged.event_id == "made-1"


def test_a_time_is_read_to_the_microsecond() -> None:
    judged = judge("{" + OK + ',"occurred_at":"2026-03-01T09:00:00.123456+09:00"}')

    assert isinstance(judged, NewEvent)
    assert judged.occurred_at == parse_instant("2026-03-01T00:00:00.123456Z")


@pytest.mark.parametrize(("ahead", "warned"), [(5, False), (6, True), (60, True)])
def test_a_clock_that_is_ahead_is_warned_of(ahead: int, warned: bool) -> None:  # noqa: FBT001 -- a row of the table
    door = Door(BOUNDS, origin())
    at = format_instant(NOW + ahead * 60_000_000)

    event = door.check("{" + OK + f',"occurred_at":"{at}"' + "}")

    assert isinstance(event, NewEvent)
    assert (door.warning(event) is not None) == warned


def test_a_key_with_a_source_speaks_for_no_other() -> None:
    door = Door(BOUNDS, origin(source="shop", forced_source=True))

    refused = door.check("{" + OK + ',"source":"crm"}')
    accepted = door.check("{" + OK + ',"source":"shop"}')

    assert isinstance(refused, Refused)
    assert [(each.pointer, each.code) for each in refused.faults] == [
        ("/source", "source_not_allowed")
    ]
    assert isinstance(accepted, NewEvent)


def test_a_usable_id_is_told_even_of_a_refused_event() -> None:
    judged = judge('{"id":"e-1","type":"seen"}')

    assert isinstance(judged, Refused)
    assert judged.event_id == "e-1"


def test_bounds_can_be_narrowed() -> None:
    narrow = Bounds(depth_max=2, keys_max=3, event_bytes_max=100)

    assert faults("{" + OK + ',"properties":{"a":{}}}', narrow) == [("/properties/a", "too_deep")]
    assert faults("{" + OK + ',"a":1,"b":2}', narrow) == [("", "too_many_keys")]
    assert faults("{" + OK + ',"a":"' + "x" * 60 + '"}', narrow) == [("", "event_too_large")]
