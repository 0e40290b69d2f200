"""Laws of conditions, for every condition and every value nobody thought of."""

from typing import Any

from hypothesis import given, reject, settings
from hypothesis import strategies as st

from domain.cel.compiler import compile_expression, evaluate
from domain.cel.errors import CelError, ConditionError
from domain.cel.parser import parse
from domain.cel.types import DYN, Binding, StructType
from domain.cel.values import Duration, Timestamp, Uint
from tests.domain.cel.conformance import same
from tests.domain.cel.expressions import BRANCHES, JSON, fitting, sources
from tests.domain.cel.shop import FAILED, SHOP, SIGNALS, of_properties

MANY = settings(max_examples=5 * settings().max_examples)
"""Five times what the profile says: conditions are cheap."""

PATHS = ["properties", "properties.a", "properties.b", "properties.a.b"]
TYPED = [*(f"signals.{name}" for name in SIGNALS.members), "stage", "now", "entered_at"]
INT64 = st.integers(-3, 3) | st.sampled_from([2**53 + 1, 2**63 - 1, -(2**63)])
MICROS = st.integers(-(10**15), 10**15)

typed_values = st.fixed_dictionaries(
    {
        "signals": st.fixed_dictionaries(
            {
                "orders": INT64,
                "visits": INT64,
                "spent": st.floats(),
                "last_order": st.none() | MICROS,
                "gap": st.none() | MICROS,
                "nps": st.none() | INT64,
                "vip": st.booleans(),
                "opted_in": st.none() | st.booleans(),
                "plan": st.sampled_from(["", "a", "ab"]),
                "serial": st.integers(0, 3).map(Uint),
                "tags": st.lists(st.sampled_from(["a", "b"]), max_size=3),
                "latest": JSON,
            }
        ),
        "properties": st.dictionaries(st.sampled_from("ab"), JSON, max_size=2),
        "stage": st.sampled_from(["", "a"]),
        "entered_at": MICROS,
        "now": MICROS,
    }
)

LEAVES = {
    "bool": [
        "true",
        "signals.vip",
        "signals.opted_in",
        "properties.a",
        "has(properties.a)",
        "(signals.last_order == null)",
        "(properties.a == null)",
        "(properties.b == true)",
        "(properties.a == properties.b)",
        "(properties.a < 2)",
        "(properties.b != 1)",
        "(now - entered_at > duration('12h'))",
        "(signals.last_order < now - duration('1d'))",
        "(signals.gap >= duration('1h') + now - entered_at)",
        "(entered_at + signals.gap != signals.last_order)",
        "(dyn(now) > entered_at)",
        "(signals.serial < 2u)",
    ],
    "number": [
        *("0", "1", "-7", "2.5", "9223372036854775807", "properties.a", "properties.a.b"),
        *("signals.orders", "signals.visits", "signals.spent", "signals.nps", "signals.latest"),
        *("now.getHours()", "(now - entered_at).getMinutes()", "int(entered_at)"),
    ],
    "text": ["''", "'a'", "stage", "signals.plan", "properties.a", "string(signals.orders)"],
    "list": ["signals.tags", "[]", "properties.a", "['a', 'b']"],
}
CONDITIONS = fitting(LEAVES, BRANCHES)
ANYTHING = sources([*PATHS, *TYPED])

LOOSE = {
    name: Binding(
        "unused",
        StructType({member: Binding("unused", DYN) for member in SIGNALS.members})
        if name == "signals"
        else DYN,
    )
    for name in SHOP
}


def loosened(values: dict[str, Any]) -> dict[str, Any]:
    """Return *values* as names without a type hold them: instants and durations boxed."""

    def boxed(name: str, value: Any) -> Any:  # noqa: ANN401  # any value of any name
        if value is None or name not in {"last_order", "gap", "now", "entered_at"}:
            return value
        return Duration(value) if name == "gap" else Timestamp(value)

    signals = {name: boxed(name, value) for name, value in values["signals"].items()}
    return {name: boxed(name, value) for name, value in values.items()} | {"signals": signals}


def outcome(source: str, environment: dict[str, Binding], values: dict[str, Any]) -> object:
    """Return what *source* comes to, FAILED if in error; findings and bounds end the example."""
    try:
        return evaluate(parse(source), environment, values)
    except CelError:
        return FAILED
    except ConditionError:
        reject()


@MANY
@given(sources(PATHS), st.dictionaries(st.sampled_from("ab"), JSON, max_size=2))
def test_any_condition_over_any_json_has_a_value_or_a_known_error(
    source: str, properties: dict[str, Any]
) -> None:
    try:
        condition = of_properties(source)
    except ConditionError:
        return

    condition(properties)


@MANY
@given(CONDITIONS | ANYTHING, typed_values)
def test_knowing_the_types_changes_nothing(source: str, values: dict[str, Any]) -> None:
    known = outcome(source, SHOP, values)

    loose = outcome(source, LOOSE, loosened(values))

    assert same(known, loose)


@MANY
@given(CONDITIONS | ANYTHING, typed_values)
def test_an_error_inside_an_operator_of_logic_is_the_error_outside(
    source: str, values: dict[str, Any]
) -> None:
    plainly = outcome(source, SHOP, values)

    quietly = outcome(f"type({source}) == type({source}) || false", SHOP, values)

    assert quietly is (FAILED if plainly == FAILED else True)


@MANY
@given(CONDITIONS, CONDITIONS, typed_values, st.sampled_from(["&&", "||"]))
def test_the_operands_of_logic_may_change_places(
    one: str, other: str, values: dict[str, Any], operator: str
) -> None:
    forwards = outcome(f"{one} {operator} {other}", SHOP, values)

    backwards = outcome(f"{other} {operator} {one}", SHOP, values)

    assert forwards is backwards


@MANY
@given(CONDITIONS | ANYTHING, typed_values)
def test_what_cannot_fail_does_not(source: str, values: dict[str, Any]) -> None:
    try:
        compiled = compile_expression(parse(source), SHOP)
    except ConditionError:
        return

    found = outcome(source, SHOP, values)

    assert compiled.can_fail or found != FAILED


@MANY
@given(CONDITIONS | ANYTHING)
def test_compiling_again_gives_the_same_source(source: str) -> None:
    """A machine shipped to another process must be the same machine."""
    try:
        once = compile_expression(parse(source), SHOP)
    except ConditionError:
        return

    assert compile_expression(parse(source), SHOP) == once
