"""Evaluated conditions: errors that are absorbed, JSON as it comes, and values at their bounds."""

from itertools import product

import pytest

from domain.cel.compiler import evaluate
from domain.cel.errors import CelError
from domain.cel.parser import parse
from domain.cel.types import STRING, TIMESTAMP, Binding, ListType, MapType
from domain.cel.values import Timestamp, Uint
from tests.domain.cel.shop import FAILED, SHOP, of_properties

VERDICTS = {"yes": True, "no": False, "text": "x"}
"""Properties by name; any other name is missing."""


def verdict(operator: str, operands: tuple[str, ...]) -> object:
    """Return what the specification says of `&&` or `||` over these properties."""
    decides = operator == "||"
    found = [VERDICTS.get(name) for name in operands]
    if any(one is decides for one in found):
        return decides
    return (not decides) if all(one is (not decides) for one in found) else FAILED


OPERANDS = [
    (operator, operands)
    for operator in ("&&", "||")
    for count in (2, 3)
    for operands in product(("yes", "no", "text", "missing"), repeat=count)
]


@pytest.mark.parametrize(("operator", "operands"), OPERANDS)
@pytest.mark.parametrize(
    ("form", "negated"),
    [("{}", False), ("!({})", True), ("({}) ? false : true", True), ("true && ({})", False)],
)
def test_errors_are_absorbed_on_either_side(
    operator: str, operands: tuple[str, ...], form: str, *, negated: bool
) -> None:
    """Loudly, below another operator, and quietly, as an operand of another `||` or `&&`."""
    source = form.format(f" {operator} ".join(f"properties.{name}" for name in operands))
    expected = verdict(operator, operands)
    expected = expected if expected == FAILED or not negated else not expected

    assert of_properties(source)(VERDICTS) is expected
    assert of_properties(f"({source}) || false")(VERDICTS) is expected
    assert of_properties(f"({source}) || true")(VERDICTS) is True
    assert of_properties(f"({source}) && false")(VERDICTS) is False


PROPERTIES = {
    "int": 5,
    "one": 1,
    "double": 5.0,
    "yes": True,
    "nothing": None,
    "text": "5",
    "list": [1, "a", None],
    "map": {"a": {"b": 7}},
    "huge": 2**64,
    "enormous": 10**400,
}
ON_PROPERTIES = [
    ("properties.int == 5 && properties.double == 5", True),
    ("properties.int <= 5.0 && 4 < properties.double", True),
    (
        "4 < properties.int && 5 <= properties.int && 6 > properties.int && 5 >= properties.int",
        True,
    ),
    (
        "5 < properties.int || 6 <= properties.int || 5 > properties.int || 4 >= properties.int",
        False,
    ),
    ("{'a': properties.missing}.b == 1 || true", True),
    ("has({'a': properties.missing}.a) || true", True),
    ("{'a': properties.missing}['b'] == 1 && false", False),
    ("size({'a': properties.missing}) == 1 || false", FAILED),
    ("[1].map(x, properties.missing) == [1] || false", FAILED),
    ("[1] in properties || 1 in properties", False),
    ("properties.yes == 1", False),
    ("properties.one == true", False),
    ("properties.yes != 1", True),
    ("properties.one == 1.0", True),
    ("properties.yes <= 1", FAILED),
    ("properties.nothing <= 1", FAILED),
    ("properties.text <= 1", FAILED),
    ("properties.list <= 1", FAILED),
    ("properties.missing <= 1", FAILED),
    ("properties.missing == 1", FAILED),
    ("properties.missing == true || properties.int == 5", True),
    ("properties.missing in ['a'] || properties.text in ['5']", True),
    ("properties.missing == null || false", FAILED),
    ("properties.nothing == null || false", True),
    ("properties.map == null || false", False),
    ("properties.text == '5' ? properties.int : 0", 5),
    ("properties.missing ? 1 : 2", FAILED),
    ("properties.text ? 1 : 2", FAILED),
    ("(properties.missing ? true : true) || properties.int == 5", True),
    ("(properties.yes ? true : false) || false", True),
    ("(properties.yes ? properties.missing : false) || false", FAILED),
    ("properties.map.a.b == 7", True),
    ("properties.map.a.c == 7 || properties.map.a.b == 7", True),
    ("has(properties.map.a) && !has(properties.map.b)", True),
    ("has(properties.map.a.b) && !has(properties.map.a.c)", True),
    ("has(properties.text.a)", FAILED),
    ("has(properties.missing.a) || true", True),
    ("properties.list[1] == 'a' && properties['list'][0] == 1", True),
    ("properties.list[3] == 1", FAILED),
    ("properties.list[-1] == 1", FAILED),
    ("properties.int + 1 == 6 && properties.int / 2 == 2", True),
    ("properties.double / 2 == 2.5 && properties.int * 1.5 == 7.5", True),
    ("properties.huge == 18446744073709551616.0", True),
    ("properties.huge > 9223372036854775807", True),
    ("properties.huge + 1", float(2**64)),
    ("properties.huge == properties.huge", True),
    ("properties.enormous > 1.0", True),
    ("properties.enormous == 1e308", False),
    ("-properties.enormous < 0", True),
    ("[properties.missing] == [1] || true", True),
    ("[properties.missing] == [1] || false", FAILED),
    ("{'a': properties.missing} == {'a': 1} || true", True),
    ("properties.list.exists(x, x == 'a')", True),
    ("properties.list.exists(x, x < 0)", FAILED),
    ("properties.list.exists(x, x < 2)", True),
    ("properties.list.all(x, x > 1)", False),
    ("properties.map.exists(k, k == 'a')", True),
    ("properties.int.exists(k, true)", FAILED),
    ("size(properties.list.filter(x, x == 1)) == 1", True),
    ("properties.list.map(x, x == 1, x + 1) == [2]", True),
    ("properties.list.exists_one(x, x == 1)", True),
    ("properties.missing.exists(x, true) || true", True),
    ("properties.text.matches('^[0-9]+$')", True),
    ("properties.int in [4, 5] && properties.one in {1: 'a'}", True),
    ("properties.list in [[1, 'a', null]]", True),
    ("{properties.text: properties.int}['5'] == 5", True),
    ("!(properties.missing == 1) || properties.int == 5", True),
    ("-properties.int < 0 && -properties.double == -5", True),
    ("-properties.text == 1", FAILED),
]


@pytest.mark.parametrize(
    ("source", "expected"), ON_PROPERTIES, ids=[source for source, _ in ON_PROPERTIES]
)
def test_properties_are_judged_by_what_the_event_carried(source: str, expected: object) -> None:
    found = of_properties(source)(PROPERTIES)

    assert found.__class__ is expected.__class__
    assert found == expected


TOP = 2**63 - 1
STATE = {
    "signals": {
        "orders": TOP,
        "visits": -TOP - 1,
        "spent": 2.0**63,
        "gap": 315_576_000_000_000_000,
        "plan": "a",
        "serial": Uint(2**64 - 1),
        "vip": True,
        "latest": None,
    },
    "stage": "a",
    "entered_at": -62_135_596_800_000_000,
    "now": 253_402_300_799_999_999,
}
AT_THE_EDGE = [
    ("signals.orders + 0 == 9223372036854775807", True),
    ("signals.visits - 0 == -9223372036854775807 - 1", True),
    ("signals.orders + 1 == 0", FAILED),
    ("signals.visits - 1 == 0", FAILED),
    ("signals.orders + 1 == 0 || true", True),
    ("signals.orders + 1 == 0 || false", FAILED),
    ("signals.orders * -1 == signals.visits + 1", True),
    ("-signals.orders < 0", True),
    ("-signals.visits > 0", FAILED),
    ("signals.visits / -1 > 0", FAILED),
    ("now + duration('0') == now && entered_at - duration('0') == entered_at", True),
    ("now + duration('1us') > now", FAILED),
    ("entered_at - duration('1us') < now", FAILED),
    ("now - entered_at > duration('1h')", True),
    ("signals.gap + duration('0') == signals.gap", True),
    ("signals.gap + duration('1us') > signals.gap", FAILED),
    ("signals.gap + duration('1us') > signals.gap || true", True),
    ("signals.orders > 9223372036854775806.5", False),
    ("signals.orders < signals.spent", False),
    ("signals.orders >= signals.spent && signals.spent == signals.orders", True),
    ("signals.serial - 1u == 18446744073709551614u", True),
    ("signals.serial + 1u > 0u", FAILED),
    ("(signals.vip ? now : entered_at) > entered_at", True),
    ("(signals.vip ? signals.gap : null) == signals.gap", True),
    ("signals.latest < 2 || true", True),
    ("signals.latest < 2", FAILED),
    ("signals.latest == 1 || signals.latest != 0", True),
    ("int(signals.plan) == 1 || true", True),
    ("timestamp(stage) < now && false", False),
    ("duration(stage) < signals.gap || false", FAILED),
    ("signals.plan.matches(stage + '(') || true", True),
]


@pytest.mark.parametrize(
    ("source", "expected"), AT_THE_EDGE, ids=[source for source, _ in AT_THE_EDGE]
)
def test_known_types_keep_the_bounds_of_their_values(source: str, expected: object) -> None:
    try:
        found = evaluate(parse(source), SHOP, STATE)
    except CelError:
        found = FAILED

    assert found is expected


def test_instants_lie_boxed_in_lists_and_maps() -> None:
    environment = {
        "log": Binding("unused", ListType(TIMESTAMP)),
        "at": Binding("unused", MapType(STRING, TIMESTAMP)),
        "now": Binding("unused", TIMESTAMP),
    }
    values = {"log": [Timestamp(1), Timestamp(2)], "at": {"a": Timestamp(3)}, "now": 3}
    told = "log.all(t, t < now) && log[0] < now && at.a == now && at['a'] == now && now in [at.a]"

    assert evaluate(parse(told), environment, values) is True
