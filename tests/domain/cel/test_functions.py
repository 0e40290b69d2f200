"""What the functions of conditions yield, at their edges."""

import pytest

from domain.cel.types import DYN, TIMESTAMP
from domain.cel.values import Duration, Timestamp, TypeValue, Uint
from tests.domain.cel.shop import FAILED, outcome

EPOCH = "timestamp('1970-01-01T00:00:00Z')"

YIELDS = [
    # Instants
    ("timestamp('1970-01-01T00:00:00.000001Z')", Timestamp(1)),
    ("timestamp('1970-01-01T09:00:00.5+09:00')", Timestamp(500_000)),
    ("timestamp('1969-12-31T23:59:59.999999999Z')", Timestamp(-1)),
    ("timestamp('0001-01-01T00:00:00Z')", Timestamp(-62_135_596_800_000_000)),
    ("timestamp(60)", Timestamp(60_000_000)),
    ("string(timestamp('0001-02-03T04:05:06.70Z'))", "0001-02-03T04:05:06.7Z"),
    ("string(timestamp('2026-01-31T00:00:00+05:30'))", "2026-01-30T18:30:00Z"),
    ("int(timestamp('1969-12-31T23:59:59.5Z'))", -1),
    # Durations
    ("duration('1h30m')", Duration(5_400_000_000)),
    ("duration('90d')", Duration(7_776_000_000_000)),
    ("duration('-1.5s')", Duration(-1_500_000)),
    ("duration('+.5ms')", Duration(500)),
    ("duration('1us') + duration('1µs') + duration('1μs')", Duration(3)),
    ("duration('1999ns')", Duration(1)),
    ("duration('-1ns')", Duration(0)),
    ("duration('0')", Duration(0)),
    ("string(duration('1h'))", "3600s"),
    ("string(duration('-1500ms'))", "-1.5s"),
    ("duration('-90m').getHours()", -1),
    ("duration('1.234s').getMilliseconds()", 234),
    # Calendar
    (f"{EPOCH}.getDayOfWeek()", 4),
    (f"{EPOCH}.getDayOfWeek('America/New_York')", 3),
    (f"{EPOCH}.getFullYear('-00:01')", 1969),
    (f"{EPOCH}.getMonth('Asia/Tokyo')", 0),
    (f"{EPOCH}.getHours('Asia/Tokyo')", 9),
    ("timestamp('2024-12-31T00:00:00Z').getDayOfYear()", 365),
    ("timestamp('2026-01-31T00:00:00.999Z').getMilliseconds('+05:30')", 999),
    # Texts
    ("string(1.0)", "1"),
    ("string(1e21)", "1e+21"),
    ("string(double('inf'))", "+Inf"),
    ("string(double('-infinity'))", "-Inf"),
    ("string(double('NaN'))", "NaN"),
    ("string(true) + string(false)", "truefalse"),
    ("size('日本🎌')", 3),
    ("'日本'.size() + size({'a': 1})", 3),
    ("bytes('é') == b'\\303\\251'", True),
    ("matches('abc', 'b')", True),
    # Numbers
    ("int('+7') + int('-0')", 7),
    ("uint('7')", Uint(7)),
    ("uint(0.0)", Uint(0)),
    ("dyn(-9223372036854775807) - 1", -(2**63)),
    ("18446744073709551614u + dyn(1u)", Uint(2**64 - 1)),
    ("dyn(duration('315576000000s')) + duration('0')", Duration(315_576_000_000_000_000)),
    ("duration('-315576000000s') + dyn(duration('0'))", Duration(-315_576_000_000_000_000)),
    ("18446744073709551615u == 18446744073709551616.0", True),
    ("double('1e3')", 1000.0),
    ("int(-0.9)", 0),
    ("double('1e999') > 0.0", True),
    ("-7 / 2", -3),
    ("-7 % 2", -1),
    ("7 % -2", 1),
    ("7u % 2u", Uint(1)),
    ("1.0 / 0.0 > 1.0", True),
    ("-1.0 / 0.0 < -1.0", True),
    ("1.0 / -0.0 < 0.0", True),
    ("0.0 / 0.0 == 0.0 / 0.0", False),
    ("double('NaN') / 0.0 < 1.0", False),
    ("1 + 2.5", 3.5),
    ("[1, 2] + [3]", [1, 2, 3]),
    ("b'a' + b'b'", b"ab"),
    ("2u < 3 && 3 > 2u && 2u < 2.5 && 2.5 > 2u", True),
    ("1u == 1 && 1.0 == 1u && {1u: 'a'}[1] == 'a'", True),
    ("dyn(2u) == dyn('2')", False),
    ("dyn(2u) == dyn(true) || dyn(2u) == dyn(timestamp(2))", False),
    ("timestamp(dyn('soon')) < timestamp(0) || true", True),
    # Types
    ("type(duration('1s'))", TypeValue("google.protobuf.Duration")),
    ("type(7u) == uint && type(null) == null_type", True),
    ("type({}) == map && type([]) == list", True),
    # Containers
    ("{true: 'a', 1: 'b'}[true] + {true: 'a', 1: 'b'}[1]", "ab"),
    ("{false: 1}.map(k, k)", [False]),
    ("true in {true: 1} && !(1 in {true: 1})", True),
    ("null in {'a': 1}", False),
    ("[[1, {'a': [2.0]}]] == [[1, {'a': [2]}]]", True),
    ("{'a': 1} == {'b': 1}", False),
    ("{'a': 1} == {'a': 1, 'b': 2} || {} == {'a': 1}", False),
    ("[1] == dyn({'a': 1})", False),
    ("[timestamp(0)] == [timestamp(0)] && timestamp(0) in [timestamp(0)]", True),
    ("[timestamp(0)][0] + duration('1s')", Timestamp(1_000_000)),
    ("{'at': timestamp(1)}.at - timestamp(0)", Duration(1_000_000)),
    ("[duration('1s')].exists(d, d > duration('0'))", True),
    ("(true ? timestamp(0) : dyn('never')) == timestamp(0)", True),
    ("(false ? timestamp(0) : null) == null", True),
    ("[1, 2, 3].map(x, x > 1, x * 2)", [4, 6]),
    ("[1, 2].exists_one(x, x > 1)", True),
    ("[1, 2].all(x, [3, 4].all(y, x < y))", True),
    ("[1].map(x, timestamp(0))[0] == timestamp(0)", True),
    ("[0, 2].all(x, 1 / x == 0 || x == 0)", True),
    ("[0, 2].exists(x, 1 / x == 0)", True),
]


@pytest.mark.parametrize(("source", "expected"), YIELDS, ids=[source for source, _ in YIELDS])
def test_an_expression_yields_its_value(source: str, expected: object) -> None:
    found = outcome(source)

    assert found.__class__ is expected.__class__
    assert found == expected


FAILS = [
    *("1 / 0", "1 % 0", "1u / 0u", "9223372036854775807 + 1", "-9223372036854775807 - 2"),
    *("0u - 1u", "uint(-1)", "uint(1e20)", "int(1e19)", "int('x')", "int('1_0')", "int(' 1')"),
    *("int('٣')", "uint('-1')", "double('')", "double('0x1')", "double('1_0')", "bool('yes')"),
    *("int(9223372036854775808u)", "string(b'\\377')", "bytes(text)", "uint(yes)", "-(-a)"),
    *(
        "double(yes)",
        "int(yes)",
        "timestamp(yes)",
        "duration(dyn(7))",
        "bool(dyn(7))",
        "string(nothing)",
    ),
    *(
        "timestamp(dyn(253402300800))",
        "timestamp(dyn(-62135596801))",
        "timestamp(years)",
        "duration(yes)",
    ),
    *("timestamp(dyn('2026-02-30T00:00:00Z'))", "timestamp(dyn('2026-01-31'))"),
    *("timestamp(dyn('2026-01-31T00:00:00+24:00'))", "timestamp(dyn('0001-01-01T00:00:00+01:00'))"),
    "timestamp(dyn('2026-01-31T00:00:00+05:60'))",
    *("duration(dyn('400000000000s'))", "duration(dyn('1'))", "duration(dyn('1x'))"),
    *("timestamp(0).getHours('Nowhere/City')", "timestamp(0).getHours('../etc/passwd')"),
    *("timestamp(0).getHours('America')", "timestamp(0).getHours('+99:00')"),
    *("timestamp(0).getHours('x' + string(9.5))", "dyn(duration('1h')).getFullYear()"),
    *("timestamp('0001-01-01T00:00:00Z').getHours('-01:00')", "dyn(1).getHours()"),
    *("timestamp('9999-12-31T23:59:59Z') + duration('1s')", "timestamp(0) - duration(years)"),
    *("duration('200000000000s') + duration('200000000000s')", "dyn(timestamp(0)) + 1"),
    *("[1][1]", "[1][-1]", "[1][dyn(0.5)]", "[1][dyn(true)]", "[1][dyn('a')]", "dyn(1)[0]"),
    *("{'a': 1}['b']", "{1: 1}[dyn(null)]", "{'a': 1}.b", "dyn(1).a", "has(dyn(1).a)"),
    *("{null: 1}", "{1.5: 1}", "{1: 'a', 1u: 'b'}", "{'a': 1, 'a': 2}", "{true: 1, true: 2}"),
    *("1 in dyn(2)", "size(dyn(1))", "dyn(1).contains('a')", "dyn(1).startsWith('a')"),
    *("dyn(1).endsWith('a')", "dyn(1).matches('a')", "'a'.matches(dyn(1))", "!dyn(1)", "-dyn('a')"),
    *("-dyn(true)", "dyn(true) + 1", "dyn(true) < 2", "dyn('a') < 1", "dyn(null) + 1"),
    *("dyn(1) ? 2 : 3", "[1].filter(x, dyn(x))", "[1].exists_one(x, dyn(x))", "[1].all(x, dyn(x))"),
    *("[1].exists(x, dyn(x))", "[1, 0].exists_one(x, 1 / x > 0)", "dyn(1).map(x, x)"),
]


@pytest.mark.parametrize("source", FAILS)
def test_an_expression_without_a_value_is_in_error(source: str) -> None:
    values = {
        "yes": True,
        "nothing": None,
        "a": -(2**63),
        "text": "\ud800",
        "years": "100000000000s",
    }

    assert outcome(source, **values) == FAILED


def nested(depth: int) -> object:
    """Return a list in a list, *depth* deep."""
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def test_equality_looks_only_so_deep() -> None:
    assert outcome("a == b", a=nested(63), b=nested(63)) is True
    assert outcome("a == b", a=nested(64), b=nested(64)) == FAILED
    assert outcome("a == b || true", a=nested(5000), b=nested(5000)) is True


def test_macros_look_at_a_bounded_number_of_items() -> None:
    assert outcome("size(a.map(x, x))", a=[0] * 1000) == 1000
    assert outcome("a.exists(x, x == 0)", a=[0] * 1001) == FAILED
    assert outcome("a.all(k, k != '')", a={str(key): 1 for key in range(1001)}) == FAILED


def test_types_have_names_that_messages_use() -> None:
    assert [str(kind) for kind in (DYN, TIMESTAMP)] == ["dyn", "timestamp"]


def test_an_unsigned_integer_is_a_number_like_any_other() -> None:
    assert Uint(1) == 1 == Uint(1) == 1.0
    assert Uint(1) != True  # noqa: E712  # a bool is no number here
    assert Uint(1) != Uint(2)
    assert {1: "a"}[Uint(1)] == "a"  # type: ignore[index]  # either finds the other's entry
