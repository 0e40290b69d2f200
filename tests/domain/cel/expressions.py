"""Conditions for property tests: any operator over any operands, or over fitting ones."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

BINARY = ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in"]
METHODS = ["contains", "startsWith", "endsWith", "matches", "getHours", "getFullYear", "size"]
FUNCTIONS = ["size", "int", "uint", "double", "string", "bool", "bytes", "type", "dyn", "timestamp"]
LITERALS = ["0", "1", "-1", "7", "9223372036854775807", "0u", "1u", "1.0", "0.5", "-2.5", "true"]
TEXTS = ["null", "''", "'a'", "'2026-01-31T00:00:00Z'", "b'a'", "'x+'", "duration('36h')"]
MACROS = ["all", "exists", "exists_one", "filter", "map"]


def sources(names: list[str]) -> st.SearchStrategy[str]:
    """Return conditions over *names*, each a dotted path, as text."""
    leaves = st.sampled_from([*names, *LITERALS, *TEXTS, "x"])
    return st.recursive(leaves, _larger, max_leaves=8)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(BINARY), inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(st.sampled_from("!-"), inner).map(lambda parts: f"{parts[0]}({parts[1]})"),
        st.tuples(inner, inner, inner).map(lambda parts: "({} ? {} : {})".format(*parts)),
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.tuples(inner, inner).map(lambda parts: "{{{}: {}}}".format(*parts)),
        st.tuples(inner, inner).map(lambda parts: "{}[{}]".format(*parts)),
        st.tuples(inner, st.sampled_from("ab")).map(lambda parts: "({}).{}".format(*parts)),
        st.tuples(inner, st.sampled_from("ab")).map(lambda parts: "has(({}).{})".format(*parts)),
        st.tuples(st.sampled_from(FUNCTIONS), inner).map(lambda parts: "{}({})".format(*parts)),
        st.tuples(inner, st.sampled_from(METHODS), inner).map(
            lambda parts: "({}).{}({})".format(*parts)
        ),
        st.tuples(inner, st.sampled_from(MACROS), inner).map(
            lambda parts: "({}).{}(x, {})".format(*parts)
        ),
    )


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([2**53 + 1, 2**63 - 1, -(2**63), 2**63, 10**400, -(10**400)])
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "a", "ab", "7", "true", "2026-01-31T00:00:00Z", "\ud800", "(a+)+"])
)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "7"]), inner, max_size=3)
    ),
    max_leaves=6,
)


Templates = Mapping[str, Sequence[str]]
"""For each kind of operand the texts that yield it, with `{kind}` where another goes."""

SLOT = re.compile(r"\{([a-z]+)\}")


@st.composite
def fitting(
    draw: st.DrawFn, leaves: Templates, branches: Templates, kind: str = "bool", depth: int = 3
) -> str:
    """Return conditions of *kind* whose operands fit, as text, at most *depth* deep."""
    choices = [*leaves[kind], *branches.get(kind, ())] if depth else leaves[kind]
    template = draw(st.sampled_from(choices))
    return SLOT.sub(
        lambda slot: draw(fitting(leaves, branches, slot[1], depth - 1)),
        template,
    )


BRANCHES: Templates = {
    "bool": [
        "({bool} && {bool})",
        "({bool} || {bool})",
        "({bool} && {bool} && {bool})",
        "(!{bool})",
        "({bool} ? {bool} : {bool})",
        "({bool} == {bool})",
        *(f"({{number}} {symbol} {{number}})" for symbol in ("<", "<=", ">", ">=", "==", "!=")),
        *(f"({{text}} {symbol} {{text}})" for symbol in ("<", "==", "!=")),
        "{text}.startsWith({text})",
        "{text}.contains({text})",
        "({text} in {list})",
        "({text} in ['a', 'ab'])",
        "({list} == {list})",
        "{list}.exists(x, x == {text})",
        "{list}.all(x, x != {text} && {bool})",
    ],
    "number": [
        *(f"({{number}} {symbol} {{number}})" for symbol in "+-*/"),
        "(-{number})",
        "size({text})",
        "int({number})",
        "double({number})",
        "({bool} ? {number} : {number})",
        "{list}.size()",
    ],
    "text": ["({text} + {text})", "({bool} ? {text} : {text})", "{list}[0]"],
    "list": ["[{text}, {text}]", "({list} + {list})", "{list}.filter(x, x < {text})"],
}
