"""The names that the tests of conditions speak about, as a fold would bind them."""

from collections.abc import Callable
from typing import Any

from domain.cel.compiler import ERRORS, GLOBALS, compile_expression, evaluate
from domain.cel.errors import CelError
from domain.cel.parser import parse
from domain.cel.types import (
    BOOL,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    UINT,
    Binding,
    ListType,
    MapType,
    StructType,
    nullable,
)

SIGNALS = StructType(
    {
        "orders": Binding("s.orders", INT),
        "visits": Binding("s.visits", INT),
        "spent": Binding("s.spent", DOUBLE),
        "last_order": Binding("s.last_order", nullable(TIMESTAMP)),
        "gap": Binding("s.gap", nullable(DURATION)),
        "nps": Binding("s.nps", nullable(INT)),
        "vip": Binding("s.vip", BOOL),
        "opted_in": Binding("s.opted_in", nullable(BOOL)),
        "plan": Binding("s.plan", STRING),
        "serial": Binding("s.serial", UINT),
        "tags": Binding("s.tags", ListType(STRING)),
        "latest": Binding("s.latest", DYN),
    }
)
SHOP = {
    "signals": Binding("s", SIGNALS),
    "properties": Binding("p", MapType(STRING, DYN)),
    "stage": Binding("s.stage", STRING),
    "entered_at": Binding("s.entered_at", TIMESTAMP),
    "now": Binding("now", TIMESTAMP),
}
FAILED = "failed"


def python(source: str) -> str:
    """Return the Python that *source* compiles to."""
    return compile_expression(parse(source), SHOP).source


def outcome(source: str, **values: Any) -> object:  # noqa: ANN401  # JSON of any shape
    """Return what *source* comes to with dynamic *values* as its roots, FAILED if in error."""
    environment = {name: Binding("unused", DYN) for name in values}
    try:
        return evaluate(parse(source), environment, values)
    except CelError:
        return FAILED


def of_properties(source: str) -> Callable[[dict[str, Any]], object]:
    """Return *source* as the fold would run it: a function of the properties, errors FAILED."""
    namespace: dict[str, Any] = {"__builtins__": {}, **GLOBALS}
    text = compile_expression(parse(source), SHOP).source
    exec(f"def condition(p):\n    return {text}", namespace)  # noqa: S102  # what the fold does
    condition = namespace["condition"]

    def run(properties: dict[str, Any]) -> object:
        try:
            return condition(properties)
        except ERRORS:
            return FAILED

    return run
