"""Reads the text of a condition into its syntax tree.

Recursive descent over the grammar of the CEL language definition, with a bound on everything: text,
nodes, nesting, and macros inside macros. Chains of `&&` and `||` become balanced trees, so a long
list of alternatives stays shallow.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, NoReturn, cast

from domain.cel.lexer import RESERVED, Token, syntax_error, tokens
from domain.cel.syntax import (
    Call,
    Comprehension,
    Expression,
    Has,
    Ident,
    ListExpr,
    Literal,
    LiteralKind,
    LiteralValue,
    MacroName,
    MapExpr,
    Node,
    Select,
    children,
)
from domain.cel.values import INT_MAX, INT_MIN, UINT_MAX

SOURCE_MAX: Final = 4096
NODES_MAX: Final = 1000
NESTING_MAX: Final = 32
DEPTH_MAX: Final = 64
MACRO_NESTING_MAX: Final = 2

CONSTANTS: Final[dict[str, tuple[LiteralValue, LiteralKind]]] = {
    "true": (True, "bool"),
    "false": (False, "bool"),
    "null": (None, "null"),
}
_LITERALS: Final = frozenset({"int", "uint", "double", "string", "bytes"})
_RELATIONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
_MACROS: Final = {"all": (2,), "exists": (2,), "exists_one": (2,), "filter": (2,), "map": (2, 3)}


def parse(source: str) -> Expression:
    """Return the syntax tree of *source*.

    Raises:
        CelSyntaxError: *source* is not a condition, or exceeds a bound of this module.
    """
    if len(source) > SOURCE_MAX:
        message = f"a condition has at most {SOURCE_MAX} characters, this one {len(source)}"
        raise syntax_error(source, SOURCE_MAX, message)
    for offset, character in enumerate(source):
        if "\ud800" <= character <= "\udfff":
            raise syntax_error(source, offset, "half of a surrogate pair is not a character")
    root = _Parser(source).whole()
    _refuse_depth(source, root)
    return Expression(source, root)


def _refuse_depth(source: str, root: Node) -> None:
    level: tuple[Node, ...] = (root,)
    for _ in range(DEPTH_MAX):
        level = tuple(below for node in level for below in children(node))
        if not level:
            return
    message = f"at most {DEPTH_MAX} operations stand inside one another: split the condition"
    raise syntax_error(source, level[0].start, message)


class _Cursor:
    """A place in the tokens of one condition."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = tokens(source)
        self._index = 0

    @property
    def here(self) -> Token:
        return self._tokens[self._index]

    @property
    def end(self) -> int:
        """Where the last token taken ends."""
        return self._tokens[self._index - 1].end

    def take(self) -> Token:
        token = self.here
        self._index += 1
        return token

    def at(self, *symbols: str) -> bool:
        return self.here.kind == "symbol" and self.here.text in symbols

    def skip(self, symbol: str) -> bool:
        found = self.at(symbol)
        self._index += found
        return found

    def expect(self, symbol: str, where: str) -> Token:
        if not self.at(symbol):
            self.refuse(f"expected '{symbol}' {where}, found {self.found()}")
        return self.take()

    def found(self) -> str:
        token = self.here
        return "the end" if token.kind == "end" else self._source[token.start : token.end]

    def refuse(self, message: str, offset: int | None = None) -> NoReturn:
        raise syntax_error(self._source, self.here.start if offset is None else offset, message)


class _Parser(_Cursor):
    """The grammar, one method for each of its rules."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self._nodes = 0
        self._nesting = -1
        self._macros = 0

    def whole(self) -> Node:
        root = self._expression()
        if self.here.kind != "end":
            self.refuse(f"expected an operator or the end, found {self.found()}")
        return root

    def _made(self, node: Node) -> Node:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            self.refuse(f"a condition has at most {NODES_MAX} parts: split it", node.start)
        return node

    def _call(self, function: str, *args: Node) -> Node:
        return self._made(Call(function, args, start=args[0].start, end=args[-1].end))

    def _expression(self) -> Node:
        self._nesting += 1
        if self._nesting > NESTING_MAX:
            self.refuse(f"at most {NESTING_MAX} brackets stand inside one another")
        condition = self._or()
        if self.skip("?"):
            condition = self._conditional(condition)
        self._nesting -= 1
        return condition

    def _conditional(self, condition: Node) -> Node:
        """Read the rest of `a ? b : c ? d : e` without descending for each alternative."""
        branches = []
        last = condition
        while True:
            then = self._or()
            self.expect(":", "between the two results of '?'")
            branches.append((last, then))
            last = self._or()
            if not self.skip("?"):
                break
        for test, then in reversed(branches):
            last = self._call("_?_:_", test, then, last)
        return last

    def _or(self) -> Node:
        operands = [self._and()]
        while self.skip("||"):
            operands.append(self._and())
        return self._balanced("_||_", operands)

    def _and(self) -> Node:
        operands = [self._relation()]
        while self.skip("&&"):
            operands.append(self._relation())
        return self._balanced("_&&_", operands)

    def _balanced(self, function: str, operands: list[Node]) -> Node:
        if len(operands) == 1:
            return operands[0]
        half = (len(operands) + 1) // 2
        left = self._balanced(function, operands[:half])
        return self._call(function, left, self._balanced(function, operands[half:]))

    def _relation(self) -> Node:
        return self._chain(self._sum, _RELATIONS)

    def _sum(self) -> Node:
        return self._chain(self._product, frozenset("+-"))

    def _product(self) -> Node:
        return self._chain(self._unary, frozenset("*/%"))

    def _chain(self, operand: Callable[[], Node], operators: frozenset[str]) -> Node:
        left = operand()
        while self.here.kind in {"symbol", "name"} and self.here.text in operators:
            function = f"_{self.take().text}_"
            left = self._call(function, left, operand())
        return left

    def _unary(self) -> Node:
        signs = []
        while self.at("!", "-"):
            signs.append(self.take())
        minus = bool(signs) and signs[-1].text == "-" and self.here.kind in {"int", "double"}
        negative = signs.pop() if minus else None
        node = self._member(negative)
        for sign in reversed(signs):
            node = self._made(Call(f"{sign.text}_", (node,), start=sign.start, end=self.end))
        return node

    def _member(self, negative: Token | None) -> Node:
        node = self._primary() if negative is None else self._number(negative)
        while True:
            if self.skip("."):
                node = self._selected(node)
            elif self.skip("["):
                index = self._expression()
                end = self.expect("]", "after the index").end
                node = self._made(Call("_[_]", (node, index), start=node.start, end=end))
            else:
                return node

    def _selected(self, operand: Node) -> Node:
        token = self.take()
        if token.kind not in {"name", "quoted"} or token.text in {"in", *CONSTANTS}:
            self._index -= 1
            self.refuse(f"expected the name of a member after '.', found {self.found()}")
        name = token.text
        if token.kind == "quoted" or not self.skip("("):
            return self._made(Select(operand, name, start=operand.start, end=token.end))
        if name in _MACROS:
            return self._macro(operand, token)
        args = self._items(")", "after the arguments")
        return self._written_call(token, args, operand)

    def _written_call(self, token: Token, args: tuple[Node, ...], target: Node | None) -> Node:
        if token.text == "_in_":
            self.refuse("the operator is written 'in', between its operands", token.start)
        start = token.start if target is None else target.start
        return self._made(Call(token.text, args, target, start=start, end=self.end))

    def _macro(self, operand: Node, token: Token) -> Node:
        name = cast("MacroName", token.text)
        self._macros += 1
        if self._macros > MACRO_NESTING_MAX:
            self.refuse(f"at most {MACRO_NESTING_MAX} macros stand inside one another", token.start)
        args = self._items(")", "after the arguments")
        self._macros -= 1
        if len(args) not in _MACROS[name]:
            expected = " or ".join(map(str, _MACROS[name]))
            self.refuse(f"{name}() takes {expected} arguments, found {len(args)}", token.start)
        variable = args[0]
        if not isinstance(variable, Ident):
            self.refuse(f"the first argument of {name}() names its variable", variable.start)
        result = args[-1] if name == "map" else None
        condition = None if name == "map" and len(args) == _MACROS["all"][0] else args[1]
        return self._made(
            Comprehension(
                name,
                operand,
                variable.name,
                condition,
                result,
                start=operand.start,
                end=self.end,
            )
        )

    def _items(self, closing: str, where: str) -> tuple[Node, ...]:
        """Read expressions with commas between up to and including *closing*."""
        items: list[Node] = []
        while not self.skip(closing):
            if items:
                self.expect(",", f"or '{closing}' {where}")
                if closing == "]" and self.skip(closing):
                    break
            items.append(self._expression())
        return tuple(items)

    def _entries(self) -> tuple[tuple[Node, Node], ...]:
        entries: list[tuple[Node, Node]] = []
        while not self.skip("}"):
            if entries:
                self.expect(",", "or '}' after the entry")
                if self.skip("}"):
                    break
            key = self._expression()
            self.expect(":", "between key and value")
            entries.append((key, self._expression()))
        return tuple(entries)

    def _primary(self) -> Node:
        token = self.here
        if token.kind in _LITERALS:
            return self._number(None)
        if token.kind == "name":
            return self._name(self.take())
        if self.skip("("):
            node = self._expression()
            self.expect(")", "to close the parenthesis")
            return replace(node, start=token.start, end=self.end)
        if self.skip("["):
            items = self._items("]", "after the item")
            return self._made(ListExpr(items, start=token.start, end=self.end))
        if self.skip("{"):
            entries = self._entries()
            return self._made(MapExpr(entries, start=token.start, end=self.end))
        hint = ": a name has no leading dot" if self.at(".") else ""
        return self.refuse(f"expected a value, found {self.found()}{hint}")

    def _number(self, negative: Token | None) -> Node:
        token = self.take()
        value = token.value
        start = token.start
        if negative is not None and isinstance(value, int | float):
            value = -value
            start = negative.start
        highest = UINT_MAX if token.kind == "uint" else INT_MAX
        if isinstance(value, int) and not INT_MIN <= value <= highest:
            self.refuse(f"the {token.kind} {value} does not fit 64 bits", start)
        kind = cast("LiteralKind", token.kind)
        return self._made(Literal(value, kind, start=start, end=token.end))

    def _name(self, token: Token) -> Node:
        name = token.text
        if name in CONSTANTS:
            value, kind = CONSTANTS[name]
            return self._made(Literal(value, kind, start=token.start, end=token.end))
        if name in RESERVED or name == "in":
            self.refuse(f"'{name}' is a reserved word, not a name", token.start)
        if self.skip("("):
            args = self._items(")", "after the arguments")
            return self._function(token, args)
        if self.at("{"):
            self.refuse("messages cannot be built here: use a map, {'key': value}")
        return self._made(Ident(name, start=token.start, end=token.end))

    def _function(self, token: Token, args: tuple[Node, ...]) -> Node:
        name = token.text
        if name != "has":
            return self._written_call(token, args, None)
        if len(args) != 1 or not isinstance(args[0], Select):
            self.refuse("has() takes one member, such as has(properties.plan)", token.start)
        member = args[0]
        return self._made(Has(member.operand, member.field, start=token.start, end=self.end))
