"""Compiled conditions: plain Python where types are known, and findings where they do not fit."""

import pytest

from domain.cel.compiler import GLOBALS, compile_expression
from domain.cel.errors import CelCheckError, ConditionError
from domain.cel.parser import parse
from domain.cel.types import DYN, INT, STRING, TIMESTAMP, Binding, ListType, MapType, nullable
from tests.domain.cel.shop import FAILED, SHOP, of_properties, outcome, python

AS_PYTHON = [
    ("signals.orders >= 2", "(s.orders >= 2)"),
    ("signals.spent > 100000", "(s.spent > 100000)"),
    ("100000.0 < signals.spent", "(100000.0 < s.spent)"),
    ("now - entered_at > duration('720h')", "((now - s.entered_at) > 2592000000000)"),
    ("entered_at > timestamp('1970-01-01T00:00:01Z')", "(s.entered_at > 1000000)"),
    ("stage == 'vip' && signals.vip", "((s.stage == 'vip') and s.vip)"),
    ("!signals.vip || signals.orders == 0", "((not s.vip) or (s.orders == 0))"),
    ("stage in ['a', 'b']", "(s.stage in ('a', 'b',))"),
    ("signals.vip ? signals.orders : 0", "(s.orders if s.vip else 0)"),
    ("signals.last_order == null", "(s.last_order is None)"),
    ("null != signals.last_order", "(s.last_order is not None)"),
    ("has(signals.last_order)", "(s.last_order is not None)"),
    ("has(signals.orders)", "True"),
    ("has(signals.latest)", "(s.latest is not None)"),
    ("now - signals.last_order > duration('1d')", "((now - s.last_order) > 86400000000)"),
    ("signals.nps >= 9", "(s.nps >= 9)"),
    ("signals.spent * 2 / 4.0", "((s.spent * 2) / 4.0)"),
    ("-signals.spent", "(-s.spent)"),
    ("signals.plan + '!' == stage", "((s.plan + '!') == s.stage)"),
    ("signals.tags + ['a']", "(s.tags + ['a'])"),
    ("has(properties.a) && 'b' in properties", "(('a' in p) and ('b' in p))"),
    ("properties.kind == 'nps'", "(p['kind'] == 'nps')"),
    ("properties['kind'] != 'nps'", "(p['kind'] != 'nps')"),
    ("properties.seats == 5", "(p['seats'] == 5)"),
    ("properties.vip == true", "(p['vip'] is True)"),
    ("properties.coupon == null", "(p['coupon'] is None)"),
    ("1 + 2 * 3", "7"),
    ("2 - 5", "(-3)"),
    ("-(2.5)", "(-2.5)"),
    ("1 < 2", "True"),
    ("null == 1", "False"),
    ("1 != null", "True"),
    ("string(7) + 'x'", "'7x'"),
    ("uint('7')", "_cel_uint(7)"),
    ("{'a': 1}", "{'a': 1}"),
    ("[now]", "[_cel_boxed_timestamp(now)]"),
]


@pytest.mark.parametrize(("source", "expected"), AS_PYTHON, ids=[one for one, _ in AS_PYTHON])
def test_what_is_known_beforehand_becomes_plain_python(source: str, expected: str) -> None:
    assert python(source) == expected


FINDINGS = [
    ("propertis.a", "unknown_name", "there is no 'propertis': did you mean 'properties'?"),
    (
        "zzz",
        "unknown_name",
        "there is no 'zzz': known: entered_at, now, properties, signals, stage",
    ),
    ("signals.orderz", "unknown_name", "there is no member 'orderz': did you mean 'orders'?"),
    ("has(signals.orderz)", "unknown_name", "there is no member 'orderz'"),
    ("signals == 1", "type_mismatch", "name a member of the record: gap, last_order"),
    ("sizes(stage)", "unknown_function", "there is no function sizes(): did you mean size?"),
    ("zzz(1)", "unknown_function", "there is no function zzz(): there are bool, bytes, contains"),
    ("contains(stage, 'a')", "unknown_function", "contains() is written after its first argument"),
    ("stage.int()", "unknown_function", "int() is not written after a value: int(x)"),
    ("size()", "wrong_arity", "size() takes 1 arguments, found 0"),
    ("stage.contains()", "wrong_arity", "contains() takes 1 arguments, found 0"),
    ("now.getHours('UTC', 1)", "wrong_arity", "getHours() takes 0 or 1 arguments, found 2"),
    (
        "size(7)",
        "type_mismatch",
        "size() takes (string) or (bytes) or (list) or (map), found (int)",
    ),
    (
        "stage.contains(1)",
        "type_mismatch",
        "contains() takes (string, string), found (string, int)",
    ),
    ("stage == 1", "type_mismatch", "'==' does not take string and int"),
    ("stage < 1", "type_mismatch", "'<' does not take string and int"),
    ("null < null", "type_mismatch", "'<' does not take null and null"),
    ("[1] < [2]", "type_mismatch", "'<' does not take list(int) and list(int)"),
    ("{'a': 1} < {'a': 1}", "type_mismatch", "'<' does not take map(string, int)"),
    ("now + now", "type_mismatch", "'+' does not take timestamp and timestamp"),
    ("1 + 1u", "type_mismatch", "'+' does not take int and uint"),
    ("1.5 % 2.0", "type_mismatch", "'%' does not take double and double"),
    ("true + properties.a", "type_mismatch", "'+' does not take bool and dyn"),
    ("-stage", "type_mismatch", "'-' takes a signed number, found string"),
    ("-1u", "type_mismatch", "'-' takes a signed number, found uint"),
    ("!signals.orders", "type_mismatch", "'!' takes a bool, found int"),
    ("signals.orders && true", "type_mismatch", "'&&' takes a bool, found int"),
    ("true || signals.last_order", "type_mismatch", "'||' takes a bool, found timestamp or null"),
    ("stage ? 1 : 2", "type_mismatch", "the condition of '?' takes a bool, found string"),
    ("1 in 2", "type_mismatch", "'in' looks into a list or a map, found int"),
    ("stage.a", "type_mismatch", "string has no member 'a': only records and maps do"),
    ("has(stage.a)", "type_mismatch", "has() asks a record or a map, found string"),
    ("[1]['a']", "type_mismatch", "a list is indexed by a number, found string"),
    ("stage[0]", "type_mismatch", "'[]' reads a list or a map, found string"),
    ("stage.all(x, true)", "type_mismatch", "all() runs over a list or a map, found string"),
    ("[1].all(x, x)", "type_mismatch", "all() takes a bool, found int"),
    ("duration('60x')", "invalid_constant", "expected a duration such as 720h or 1h30m"),
    ("timestamp('soon')", "invalid_constant", "expected a timestamp such as 2026-01-31"),
    ("stage.matches('(')", "invalid_constant", "in the pattern '(', at 2: a '(' is not closed"),
]


@pytest.mark.parametrize(
    ("source", "code", "message"), FINDINGS, ids=[source for source, _, _ in FINDINGS]
)
def test_what_cannot_be_meant_is_a_finding(source: str, code: str, message: str) -> None:
    with pytest.raises(CelCheckError) as raised:
        compile_expression(parse(source), SHOP)

    (finding,) = raised.value.findings
    assert finding.code == code
    assert finding.message.startswith(message)


def test_all_findings_are_told_in_order_each_with_its_place() -> None:
    source = "signals.orderz > 1 &&\n  stage == 1 ||\n  sizes(now)"

    with pytest.raises(CelCheckError) as raised:
        compile_expression(parse(source), SHOP)

    found = [(one.code, one.line, one.column) for one in raised.value.findings]
    assert found == [
        ("unknown_name", 1, 1),
        ("type_mismatch", 2, 3),
        ("unknown_function", 3, 3),
    ]
    assert str(raised.value).startswith("line 1, column 1: there is no member 'orderz'")


READS = [
    ("signals.orders > 1 && properties.kind == 'a'", ("signals.orders", "properties.kind")),
    ("now - entered_at > duration('1h') || now == entered_at", ("now", "entered_at")),
    ("properties.address.city == stage", ("properties.address.city", "stage")),
    ("properties['address'].city == ''", ("properties.address.city",)),
    ("properties[stage] == ''", ("properties", "stage")),
    ("has(properties.a) && size(properties) > 1", ("properties.a", "properties")),
    ("properties.items.all(i, i.price > signals.spent)", ("properties.items", "signals.spent")),
    ("properties.now.all(now, now > 1) && stage == ''", ("properties.now", "stage")),
    ("properties.all(properties, properties != '')", ("properties",)),
    ("stage.startsWith(signals.plan)", ("stage", "signals.plan")),
    ("type(stage) == string", ("stage",)),
    ("1 + 1 == 2", ()),
]


@pytest.mark.parametrize(("source", "expected"), READS, ids=[source for source, _ in READS])
def test_a_condition_knows_what_it_reads(source: str, expected: tuple[str, ...]) -> None:
    assert compile_expression(parse(source), SHOP).reads == expected


CAN_FAIL = [
    ("signals.orders > signals.spent && stage in ['a']", False),
    ("signals.last_order == null || signals.vip", False),
    ("signals.latest == 0 || has(properties.a)", False),
    ("signals.latest < 0", True),
    ("signals.latest + 1 == 2", True),
    ("signals.last_order < now", True),
    ("signals.orders + 1 > 2", True),
    ("now - entered_at > duration('1h')", False),
    ("signals.serial < 2u", False),
    ("properties.a == 1", True),
    ("signals.opted_in && signals.vip", True),
    ("size(stage) > 1 && stage.contains('a') && string(signals.spent) == '1'", False),
    ("int(stage) > 1", True),
    ("signals.tags[0] == 'a'", True),
    ("signals.tags == ['a']", True),
]


@pytest.mark.parametrize(("source", "can_fail"), CAN_FAIL, ids=[source for source, _ in CAN_FAIL])
def test_a_condition_knows_whether_it_can_fail(source: str, *, can_fail: bool) -> None:
    assert compile_expression(parse(source), SHOP).can_fail is can_fail


HOSTILE = [
    "properties.__class__",
    "properties.__init__.__globals__",
    "signals.__class__",
    "now.__class__",
    "__import__('os')",
    "eval('1')",
    "properties.get('a')",
    "_cel_quiet(size, 1)",
    "_cel_poison",
    "s",
    "p",
    "''.format(1)",
    "'{0.__class__}' == properties.a",
    "properties.`a']+[().__class__`",
    "{'a': 1}.__class__",
    "[1].map(_cel_0, _cel_0)",
]


@pytest.mark.parametrize("source", HOSTILE)
def test_no_text_reaches_python(source: str) -> None:
    """It is refused by the parser or the check, or means an ordinary key that is not there."""
    try:
        found = of_properties(source)({"a": 1})
    except ConditionError:
        found = "refused"

    assert found in ("refused", FAILED, False, [1])


def test_the_globals_of_conditions_lead_nowhere() -> None:
    assert all(name.startswith("_cel_") for name in GLOBALS)
    assert "__builtins__" not in GLOBALS


def test_text_constants_are_quoted_whatever_they_hold() -> None:
    nasty = "'\"\\n{}\\\\ + __import__('os')\n"

    assert outcome("a == b", a=nasty, b=nasty) is True
    assert python('"\\"\' + 1 #" == stage') == "(s.stage == '\"\\' + 1 #')"


def test_deeply_nested_conditions_still_fit_the_python_parser() -> None:
    forms = [
        "!" * 62 + "properties.a",
        "!" * 60 + "(properties.a || properties.b)",
        "(" * 31 + "properties.a || " + "properties.b) || " * 31 + "properties.c",
        " - ".join(["properties.a"] * 61) + " == 0 || false",
        " + ".join(["signals.orders"] * 61) + " > 0 || false",
        " ? properties.a : ".join(["properties.a"] * 50) + " ? true : false",
        "[" * 31 + "properties.a" + "]" * 31 + " == [] || false",
        "string(" * 31 + "properties.a" + ")" * 31 + " == '' || false",
        "properties.a" + ".b" * 60 + " == 1 || false",
        "({})".format(" && ".join(["(properties.a || properties.b)"] * 90)),
    ]

    for form in forms:
        compile(compile_expression(parse(form), SHOP).source, "condition", "eval")


def test_a_binding_may_be_any_expression() -> None:
    environment = {"a": Binding("x if y else z", INT), "b": Binding("m[0]", MapType(STRING, DYN))}

    sources = [compile_expression(parse(text), environment).source for text in ("a > 1", "b.c")]

    assert sources == ["((x if y else z) > 1)", "(m[0])['c']"]


def test_containers_that_may_be_null_are_asked_at_run_time() -> None:
    environment = {
        "list": Binding("l", nullable(ListType(INT))),
        "map": Binding("m", nullable(MapType(STRING, TIMESTAMP))),
    }

    sources = {
        text: compile_expression(parse(text), environment).source
        for text in ("map.a", "'a' in map", "has(map.a)", "list[0]", "size(list)")
    }

    assert sources == {
        "map.a": "_cel_select(m, 'a')",
        "'a' in map": "_cel_contains('a', m)",
        "has(map.a)": "_cel_has(m, 'a')",
        "list[0]": "_cel_index(l, 0)",
        "size(list)": "_cel_size(l)",
    }
