"""Our conditions against cel-python, an independent implementation, over random events."""

import logging
import sys
from functools import cache
from typing import Any

import celpy
from celpy.adapter import json_to_cel
from celpy.evaluation import CELEvalError
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from domain.cel.compiler import evaluate
from domain.cel.errors import CelSyntaxError, ConditionError
from domain.cel.parser import parse
from domain.cel.types import DYN, STRING, Binding, MapType
from tests.domain.cel.conformance import same
from tests.domain.cel.expressions import BRANCHES, Templates, fitting
from tests.domain.cel.shop import FAILED

LEAVES: Templates = {
    "bool": [
        "true",
        "false",
        "properties.flag",
        "has(properties.count)",
        "has(properties.missing)",
    ],
    "number": ["0", "1", "-7", "9223372036854775807", "properties.count", "properties.missing"],
    "double": ["0.0", "0.5", "-2.5", "double(properties.count)"],
    "text": ["''", "'a'", "properties.name", "properties.missing", "properties.address.city"],
    "name": ["'a'", "'日'", "properties.name", "properties.address.city"],
    "list": ["[]", "['a', 'b']", "properties.tags"],
    "instant": ["timestamp('2026-01-31T09:30:00Z')", "timestamp(properties.at)"],
    "length": ["duration('36h')", "duration('-90s')", "duration('1m0.5s')"],
}
MORE: Templates = {
    "bool": [
        *(f"({{double}} {symbol} {{double}})" for symbol in ("<", "<=", ">", ">=", "==", "!=")),
        *(f"({{instant}} {symbol} {{instant}})" for symbol in ("<", ">=", "==")),
        *(f"({{length}} {symbol} {{length}})" for symbol in ("<", ">=", "!=")),
        "{name}.contains({name})",
        "('city' in properties.address)",
        "{list}.exists_one(x, x == 'a')",
        "(properties['flag'] || {bool})",
    ],
    "number": ["({number} % {number})", "{instant}.getHours()", "{instant}.getDayOfYear('+09:00')"],
    "double": [*(f"({{double}} {symbol} {{double}})" for symbol in "+-*"), "(-{double})"],
    "text": ["string({number})"],
    "list": ["{list}.map(x, x + '!')", "{list}.filter(x, x < 'b')"],
    "instant": ["({instant} + {length})", "({instant} - {length})"],
    "length": ["({instant} - {instant})", "({length} + {length})"],
}
# Left out, because cel-python 0.5 departs from the language definition (langdef.md):
# - numbers of different types are not compared ("Numeric Values": all lie on one number line);
# - NaN is ordered, so doubles are not divided here ("Numeric Values": IEEE 754);
# - contains() fails on a sum of strings, which is no string there ("Standard Definitions");
# - list[-1] is the last item ("Field Selection": an index is at least 0);
# - an error in the body of filter(), map() and exists_one() is not absorbed by the `||` around it,
#   and for map() becomes an item ("Macros": it is the error of the whole);
# - has(a.b) is false where a itself is in error ("Field Selection": the error propagates);
# - timestamp(int) is missing ("Standard Definitions").
DEPARTURES = {
    "{text}.contains({text})",
    "double({number})",
    "{list}[0]",
    "{list}.filter(x, x < {text})",
}
FITTING: Templates = {
    kind: [one for one in [*BRANCHES.get(kind, ()), *MORE.get(kind, ())] if one not in DEPARTURES]
    for kind in LEAVES
}

ENVIRONMENT = {"properties": Binding("unused", MapType(STRING, DYN))}
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "flag": st.booleans(),
        "count": st.integers(-3, 3) | st.sampled_from([2**63 - 1, -(2**63)]),
        "name": st.sampled_from(["", "a", "ab", "日本"]),
        "tags": st.lists(st.sampled_from(["a", "b"]), max_size=3),
        "at": st.sampled_from(["2026-01-31T23:30:00Z", "2024-02-29T00:00:00.25-08:00", "soon"]),
        "address": st.fixed_dictionaries({}, optional={"city": st.sampled_from(["a", "日"])}),
    },
)


def ours(source: str, properties: dict[str, Any]) -> object:
    """Return what *source* comes to here, FAILED if in error."""
    try:
        return evaluate(parse(source), ENVIRONMENT, {"properties": properties})
    except CelSyntaxError:  # three macros inside one another
        reject()
    except ConditionError:
        return FAILED


@cache
def environment() -> celpy.Environment:
    """Return the one environment, silent, and without the recursion limit that it sets."""
    logging.getLogger("celpy").setLevel(logging.CRITICAL)
    limit = sys.getrecursionlimit()
    made = celpy.Environment()
    sys.setrecursionlimit(limit)
    return made


def theirs(source: str, properties: dict[str, Any]) -> object:
    """Return what *source* comes to there, FAILED if in error."""
    program = environment().program(environment().compile(source))
    try:
        found = program.evaluate({"properties": json_to_cel(properties)})
    except CELEvalError:
        return FAILED
    except IndexError:  # it fails to put some of its own error messages together
        reject()
    return plain(found)


def plain(value: object) -> object:
    """Return a value of cel-python as the JSON it stands for."""
    match value:
        case celpy.celtypes.BoolType():
            return bool(value)
        case celpy.celtypes.IntType():
            return int(value)
        case celpy.celtypes.DoubleType():
            return float(value)
        case celpy.celtypes.StringType():
            return str(value)
        case celpy.celtypes.ListType():
            return [plain(item) for item in value]
    return value


@settings(max_examples=5 * settings().max_examples)
@given(fitting(LEAVES, FITTING), PROPERTIES)
def test_both_say_the_same(source: str, properties: dict[str, Any]) -> None:
    assert same(ours(source, properties), theirs(source, properties))
