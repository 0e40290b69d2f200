"""Reading conditions: the shape of trees, the bounds, and messages that teach."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cel.errors import CelSyntaxError
from domain.cel.parser import parse
from domain.cel.syntax import (
    Call,
    Comprehension,
    Expression,
    Has,
    Ident,
    ListExpr,
    Literal,
    MapExpr,
    Node,
    Select,
    operands,
    path,
    walk,
)


def shape(node: Node) -> object:
    """Return *node* without positions, as nested tuples that are easy to read."""
    match node:
        case Literal(value=value):
            return value
        case Ident(name=name):
            return name
        case ListExpr(items=items):
            return [shape(item) for item in items]
        case MapExpr(entries=entries):
            return {shape(key): shape(value) for key, value in entries}
    return inner_shape(node)


def inner_shape(node: Node) -> tuple[object, ...]:
    """Return the shape of a node that is neither a name nor a constant nor a container."""
    match node:
        case Select(operand=operand, field=field):
            return (shape(operand), f".{field}")
        case Has(operand=operand, field=field):
            return ("has", shape(operand), field)
        case Call(function=function, args=args, target=None):
            return (function, *map(shape, args))
        case Call(function=function, args=args, target=Node() as target):
            return (shape(target), f".{function}()", *map(shape, args))
        case Comprehension(operand=operand, macro=macro, variable=variable):
            parts = [part for part in (node.condition, node.result) if part]
            return (shape(operand), macro, variable, *map(shape, parts))
    raise AssertionError(node)


SHAPES = [
    ("1 + 2 * 3 - 4", ("_-_", ("_+_", 1, ("_*_", 2, 3)), 4)),
    ("8 / 4 % 3", ("_%_", ("_/_", 8, 4), 3)),
    ("a || b && c == d", ("_||_", "a", ("_&&_", "b", ("_==_", "c", "d")))),
    ("a ? b : c ? d : e", ("_?_:_", "a", "b", ("_?_:_", "c", "d", "e"))),
    ("(a ? b : c) ? d : e", ("_?_:_", ("_?_:_", "a", "b", "c"), "d", "e")),
    ("a && b && c && d", ("_&&_", ("_&&_", "a", "b"), ("_&&_", "c", "d"))),
    ("!a.b", ("!_", ("a", ".b"))),
    ("!!a", ("!_", ("!_", "a"))),
    ("-5", -5),
    ("- 5.5", -5.5),
    ("--5", ("-_", -5)),
    ("-a", ("-_", "a")),
    ("1 -1", ("_-_", 1, 1)),
    ("-1.5.b", (-1.5, ".b")),
    ("a in [1, 2,]", ("_in_", "a", [1, 2])),
    ("{'a': 1, 'b': 2,}", {"a": 1, "b": 2}),
    ("a['b'][0]", ("_[_]", ("_[_]", "a", "b"), 0)),
    ("a.b.startsWith('c')", (("a", ".b"), ".startsWith()", "c")),
    ("has(a.b.c)", ("has", ("a", ".b"), "c")),
    ("a.`b-c`.for", (("a", ".b-c"), ".for")),
    ("a.filter(x, x > 1)", ("a", "filter", "x", ("_>_", "x", 1))),
    ("a.map(x, x > 1, -x)", ("a", "map", "x", ("_>_", "x", 1), ("-_", "x"))),
    ("a.map(x, 2)", ("a", "map", "x", 2)),
    ("// why\n a // what\n", "a"),
    ("null == true", ("_==_", None, True)),
    ("0x1F", 31),
    ("'\\x41' + r'\\x41'", ("_+_", "A", "\\x41")),
    ("b'\\xff' == B'''ÿ'''", ("_==_", b"\xff", b"\xc3\xbf")),
]


@pytest.mark.parametrize(("source", "expected"), SHAPES, ids=[source for source, _ in SHAPES])
def test_a_text_is_read_as_the_grammar_says(source: str, expected: object) -> None:
    assert shape(parse(source).root) == expected


MISTAKES = [
    ("", 1, 1, "expected a value, found the end"),
    ("a = 1", 1, 3, "unexpected character '=': to compare, write '=='"),
    ("a & b", 1, 3, "unexpected character '&': the logical and is '&&'"),
    ("a;", 1, 2, "unexpected character ';': a condition is a single expression"),
    ("a ^ b", 1, 3, "unexpected character '^'"),
    ("a &&\n && b", 2, 2, "expected a value, found &&"),
    ("a b", 1, 3, "expected an operator or the end, found b"),
    ("f(1", 1, 4, "expected ',' or ')' after the arguments, found the end"),
    ("[1 2]", 1, 4, "expected ',' or ']' after the item, found 2"),
    ("{'a': 1 'b'}", 1, 9, "expected ',' or '}' after the entry, found 'b'"),
    ("{'a' 1}", 1, 6, "expected ':' between key and value, found 1"),
    ("(a", 1, 3, "expected ')' to close the parenthesis, found the end"),
    ("a[1", 1, 4, "expected ']' after the index, found the end"),
    ("a ? b", 1, 6, "expected ':' between the two results of '?', found the end"),
    ("a.1", 1, 2, "expected an operator or the end, found .1"),
    ("a.", 1, 3, "expected the name of a member after '.', found the end"),
    ("a.true", 1, 3, "expected the name of a member after '.', found true"),
    (".a", 1, 1, "expected a value, found .: a name has no leading dot"),
    ("`a`", 1, 1, "expected a value, found `a`"),
    ("a.`b", 1, 3, "unexpected character '`': a quoted name holds letters, digits"),
    ("while", 1, 1, "'while' is a reserved word, not a name"),
    ("in(1)", 1, 1, "'in' is a reserved word, not a name"),
    ("_in_(1, [1])", 1, 1, "the operator is written 'in', between its operands"),
    ("Money{units: 1}", 1, 6, "messages cannot be built here: use a map, {'key': value}"),
    ("has(a)", 1, 1, "has() takes one member, such as has(properties.plan)"),
    ("has(a.b, a.c)", 1, 1, "has() takes one member, such as has(properties.plan)"),
    ("a.all(x)", 1, 3, "all() takes 2 arguments, found 1"),
    ("a.map(x)", 1, 3, "map() takes 2 or 3 arguments, found 1"),
    ("a.all(1, true)", 1, 7, "the first argument of all() names its variable"),
    ("12abc", 1, 1, "the number 12 runs into letters"),
    ("1.5u", 1, 1, "the number 1.5 runs into letters"),
    ("9223372036854775808", 1, 1, "the int 9223372036854775808 does not fit 64 bits"),
    ("-9223372036854775809", 1, 1, "the int -9223372036854775809 does not fit 64 bits"),
    ("18446744073709551616u", 1, 1, "the uint 18446744073709551616 does not fit 64 bits"),
    ("1" * 33, 1, 1, "an integer has 64 bits"),
    ("1e999", 1, 1, "a double is at most about 1.8e308"),
    ("'abc", 1, 1, "the string is not closed: expected '"),
    ("'abc\n'", 1, 1, "the string is not closed on its line"),
    ("a + '\\", 1, 5, "the string is not closed: expected '"),
    ("'a\\q'", 1, 3, "a backslash starts an escape such as"),
    ("'\\ud800'", 1, 2, "\\ud800 is not a character"),
    ("'\\U00110000'", 1, 2, "\\U00110000 is not a character"),
    ("b'\\u0041'", 1, 3, "\\u0041 is not a character: bytes have no code points"),
    ("b'\\q'", 1, 3, "a backslash starts an escape such as"),
    ("a == '\ud800'", 1, 7, "half of a surrogate pair is not a character"),
]


@pytest.mark.parametrize(
    ("source", "line", "column", "message"), MISTAKES, ids=[ascii(one[0]) for one in MISTAKES]
)
def test_a_mistake_is_told_with_its_place(
    source: str, line: int, column: int, message: str
) -> None:
    with pytest.raises(CelSyntaxError) as raised:
        parse(source)

    assert (raised.value.line, raised.value.column) == (line, column)
    assert raised.value.message.startswith(message)
    assert str(raised.value).startswith(f"line {line}, column {column}: {message}")


WITHIN = [
    "a" * 4096,
    "(" * 32 + "a" + ")" * 32,
    "!" * 63 + "a",
    "[[" + "1," * 998 + "]]",
    " + ".join(["a"] * 64),
    " || ".join(["a"] * 500),
    "a.all(x, b.all(y, true))",
    "a.all(x, true) && a.map(x, x).all(x, true) && b.exists(x, true)",
]
BEYOND = [
    ("a" * 4097, "a condition has at most 4096 characters, this one 4097"),
    ("(" * 33 + "a" + ")" * 33, "at most 32 brackets stand inside one another"),
    ("!" * 64 + "a", "at most 64 operations stand inside one another"),
    ("[[" + "1," * 999 + "]]", "a condition has at most 1000 parts"),
    (" + ".join(["a"] * 65), "at most 64 operations stand inside one another"),
    ("a.all(x, b.all(y, c.all(z, true)))", "at most 2 macros stand inside one another"),
]


@pytest.mark.parametrize("source", WITHIN, ids=lambda source: source[:12])
def test_a_condition_at_its_bounds_is_read(source: str) -> None:
    assert parse(source).source == source


@pytest.mark.parametrize(("source", "message"), BEYOND, ids=[one[1] for one in BEYOND])
def test_a_condition_beyond_its_bounds_is_refused(source: str, message: str) -> None:
    with pytest.raises(CelSyntaxError, match=message):
        parse(source)


WORDS = ("a", "has", "all", "in", "null", "1", "2u", "0.5", "'x'", "b'y'", '"""', "r'", "<=", "&&")
PIECES = [*WORDS, *"`()[]{}.,?:!-+*/%<|"]


@given(st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join))
def test_reading_any_text_gives_a_tree_or_a_syntax_error(source: str) -> None:
    found: Expression | CelSyntaxError
    try:
        found = parse(source)
    except CelSyntaxError as error:
        found = error

    assert isinstance(found, Expression) or (found.line >= 1 and found.column >= 1)


def test_every_node_knows_its_own_text() -> None:
    expression = parse(" (signals.orders + 1) * 2 > size('ab') && has(a.b) ")

    texts = [expression.source[node.start : node.end] for node in walk(expression.root)]

    assert texts == [
        "(signals.orders + 1) * 2 > size('ab') && has(a.b)",
        "(signals.orders + 1) * 2 > size('ab')",
        "(signals.orders + 1) * 2",
        "(signals.orders + 1)",
        "signals.orders",
        "signals",
        "1",
        "2",
        "size('ab')",
        "'ab'",
        "has(a.b)",
        "a",
    ]


def test_chains_of_one_operator_come_apart_in_order() -> None:
    root = parse("a && (b && c) && (d || e) && f").root

    assert [shape(part) for part in operands(root, "_&&_")] == [
        "a",
        "b",
        "c",
        ("_||_", "d", "e"),
        "f",
    ]


def test_a_dotted_name_is_a_path_and_nothing_else_is() -> None:
    assert path(parse("signals.orders").root) == "signals.orders"
    assert path(parse("now").root) == "now"
    assert path(parse("f(a).b").root) is None


def test_trees_compare_by_meaning_not_by_place() -> None:
    assert parse("a+b").root == parse(" a + b ").root
    assert parse("a+b").root != parse("a-b").root
    assert isinstance(parse("a"), Expression)
