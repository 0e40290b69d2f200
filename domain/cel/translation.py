"""Writes the Python source of a syntax tree, checking names and types on the way.

User text never becomes a Python name: names come from bindings, constants from `repr`, and the
variables of macros are numbered.
"""

from dataclasses import replace
from difflib import get_close_matches
from typing import Final, cast

from domain.cel import functions, logical, operators
from domain.cel.code import POISON, Code, Scope, constant
from domain.cel.syntax import (
    Call,
    Comprehension,
    Has,
    Ident,
    ListExpr,
    Literal,
    MapExpr,
    Node,
    Select,
    operands,
)
from domain.cel.types import (
    BOOL,
    DYN,
    TYPE,
    Binding,
    ListType,
    MapType,
    StructType,
    Type,
    held,
    item_type,
)
from domain.cel.values import Uint

_ARITHMETIC: Final = frozenset({"_+_", "_-_", "_*_", "_/_", "_%_"})
_ORDER: Final = frozenset({"_<_", "_<=_", "_>_", "_>=_"})
_EQUALITY: Final = frozenset({"_==_", "_!=_"})
_LOGIC: Final = {"_&&_": logical.conjunction, "_||_": logical.disjunction}
_TYPE_NAMES: Final = frozenset(
    {"bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"}
)
_MACROS: Final = {"all": "every", "exists": "some", "exists_one": "exactly_one", "filter": "kept"}


def value_of(node: Node, scope: Scope) -> Code:
    """Return the source of *node*, which must be a value and not a record of names."""
    code = _code(node, scope)
    if isinstance(code.type, StructType):
        members = ", ".join(sorted(code.type.members))
        return scope.find(node, "type_mismatch", f"name a member of the record: {members}")
    return code


def _code(node: Node, scope: Scope) -> Code:
    match node:
        case Literal(value=int() as value, kind="uint"):
            return constant(Uint(value))
        case Literal(value=value):
            return constant(value)
        case Ident():
            return _ident(node, scope)
        case Select():
            return _select(node, scope)
        case Has():
            return _has(node, scope)
        case Call():
            return _call(node, scope)
    return _composite(node, scope)


def _composite(node: Node, scope: Scope) -> Code:
    match node:
        case ListExpr(items=items):
            return _list(tuple(value_of(item, scope) for item in items), scope)
        case MapExpr(entries=entries):
            pairs = [(value_of(key, scope), value_of(value, scope)) for key, value in entries]
            return _map(pairs, scope)
    return _comprehension(cast("Comprehension", node), scope)  # the only kind left


def _ident(node: Ident, scope: Scope) -> Code:
    variable = scope.variables.get(node.name)
    if variable is not None:
        return variable
    binding = scope.draft.environment.get(node.name)
    if binding is not None:
        return _read(binding)
    if node.name in _TYPE_NAMES:
        return Code(f"_cel_type({node.name!r})", TYPE)
    known = [*scope.draft.environment, *scope.variables]
    return scope.find(node, "unknown_name", _unknown(f"{node.name!r}", node.name, known))


def _read(binding: Binding) -> Code:
    """Return the source of *binding*, in parentheses unless it is a plain name or attribute."""
    is_plain = binding.source.replace(".", "_").isidentifier()
    return Code(binding.source if is_plain else f"({binding.source})", binding.type)


def _unknown(what: str, name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known)) or 'none'}"
    return f"there is no {what}: {hint}"


def _select(node: Select, scope: Scope) -> Code:
    operand = _code(node.operand, scope)
    match operand.type:
        case StructType():
            return _member(node, operand.type, scope)
        case MapType() | Type(kind="dyn"):
            return _entry(operand, constant(node.field), scope)
    message = f"{operand.type} has no member {node.field!r}: only records and maps do"
    return scope.find(node, "type_mismatch", message)


def _member(node: Select | Has, record: StructType, scope: Scope) -> Code:
    binding = record.members.get(node.field)
    if binding is not None:
        return _read(binding)
    message = _unknown(f"member {node.field!r}", node.field, list(record.members))
    return scope.find(node, "unknown_name", message)


def _entry(operand: Code, key: Code, scope: Scope) -> Code:
    """Return the source that reads a map, or what may be one, at a constant string."""
    if not isinstance(operand.type, MapType):
        return scope.call("select", operand, key)
    kind = held(operand.type.value)
    if operand.type.nullable or (scope.quiet and operand.can_fail):
        return scope.call("select", operand, key, result=kind)
    reading = f".get({key.text}, {POISON})" if scope.quiet else f"[{key.text}]"
    return Code(operand.text + reading, kind, can_fail=True)


def _has(node: Has, scope: Scope) -> Code:
    operand = _code(node.operand, scope)
    match operand.type:
        case StructType():
            member = _member(node, operand.type, scope)
            if member.type.nullable or member.is_dyn:
                return Code(f"({member.text} is not None)", BOOL)
            return constant(True)  # noqa: FBT003  # the constant itself
        case MapType(nullable=False) if not operand.can_fail:
            return Code(f"({node.field!r} in {operand.text})", BOOL)
        case Type(kind="map" | "dyn"):
            return scope.call("has", operand, constant(node.field), result=BOOL)
    message = f"has() asks a record or a map, found {operand.type}"
    return scope.find(node, "type_mismatch", message)


def _call(node: Call, scope: Scope) -> Code:
    if node.function in _LOGIC:
        return _logic(node, scope)
    if node.function == "_in_":
        return _membership(node, scope)
    target = () if node.target is None else (node.target,)
    args = tuple(value_of(arg, scope) for arg in (*target, *node.args))
    if node.function.isidentifier():
        return functions.call(scope, node, args)
    return _operator(node, args, scope)


def _operator(node: Call, args: tuple[Code, ...], scope: Scope) -> Code:
    function = node.function
    symbol = function.strip("_")
    if function in _ARITHMETIC:
        return operators.arithmetic(scope, node, symbol, *args)
    if function in _ORDER:
        return operators.ordering(scope, node, symbol, *args)
    if function in _EQUALITY:
        return operators.equality(scope, node, symbol, *args)
    if function == "-_":
        return operators.negation(scope, node, *args)
    if function == "!_":
        operand = logical.require_bool(scope, node, "'!'", args[0])
        return logical.opposite(scope, operand)
    if function == "_?_:_":
        test = logical.require_bool(scope, node, "the condition of '?'", args[0])
        return logical.conditional(scope, test, *args[1:])
    return _index(node, args, scope)


def _logic(node: Call, scope: Scope) -> Code:
    """Return the source of a chain of `&&` or of `||`: all but its last operand are quiet."""
    parts = operands(node, node.function)
    symbol = f"'{node.function.strip('_')}'"
    quietly = replace(scope, quiet=True)
    scopes = [quietly] * (len(parts) - 1) + [scope]
    codes = [
        logical.require_bool(inner, part, symbol, value_of(part, inner))
        for part, inner in zip(parts, scopes, strict=True)
    ]
    return _LOGIC[node.function](scope, codes)


def _membership(node: Call, scope: Scope) -> Code:
    element = value_of(node.args[0], scope)
    container = node.args[1]
    texts = [
        item.value
        for item in (container.items if isinstance(container, ListExpr) else ())
        if isinstance(item, Literal) and isinstance(item.value, str)
    ]
    if isinstance(container, ListExpr) and texts and len(texts) == len(container.items):
        return operators.membership_of_texts(scope, element, texts)
    return operators.membership(scope, node, element, value_of(container, scope))


def _index(node: Call, args: tuple[Code, ...], scope: Scope) -> Code:
    container, key = args
    match container.type:
        case MapType(value=value):
            if isinstance(key.constant, str):
                return _entry(container, key, scope)
            return scope.call("index", container, key, result=held(value))
        case ListType(element=element) if key.type.kind in {"int", "uint", "double", "dyn"}:
            return scope.call("index", container, key, result=held(element))
        case ListType():
            message = f"a list is indexed by a number, found {key.type}"
            return scope.find(node, "type_mismatch", message)
        case Type(kind="dyn"):
            return scope.call("index", container, key)
    message = f"'[]' reads a list or a map, found {container.type}"
    return scope.find(node, "type_mismatch", message)


def _list(items: tuple[Code, ...], scope: Scope) -> Code:
    kind = ListType(item_type([item.type for item in items]))
    if scope.quiet and any(item.can_fail for item in items):
        return scope.call("new_list", *items, result=kind, fails=False)
    texts = ", ".join(item.boxed().text for item in items)
    return Code(f"[{texts}]", kind, any(item.can_fail for item in items))


def _map(entries: list[tuple[Code, Code]], scope: Scope) -> Code:
    kind = MapType(
        item_type([key.type for key, _ in entries]), item_type([value.type for _, value in entries])
    )
    keys = [key.constant for key, _ in entries]
    can_fail = any(value.can_fail for _, value in entries)
    if len({key for key in keys if isinstance(key, str)}) == len(keys) and not (
        scope.quiet and can_fail
    ):
        texts = ", ".join(f"{key.text}: {value.boxed().text}" for key, value in entries)
        return Code(f"{{{texts}}}", kind, can_fail)
    flat = [code for entry in entries for code in entry]
    return scope.call("new_map", *flat, result=kind)


def _comprehension(node: Comprehension, scope: Scope) -> Code:
    over = value_of(node.operand, scope)
    match over.type:
        case ListType(element=kind) | MapType(key=kind):
            variable = Code(scope.fresh(), held(kind))
        case Type(kind="dyn"):
            variable = Code(scope.fresh(), DYN)
        case _:
            message = f"{node.macro}() runs over a list or a map, found {over.type}"
            return scope.find(node, "type_mismatch", message)
    inside = replace(scope, variables={**scope.variables, node.variable: variable})
    bodies = _bodies(node, inside)
    kind = {"filter": ListType(variable.type), "map": ListType(held(bodies[-1].type))}.get(
        node.macro, BOOL
    )
    lambdas = [Code(f"lambda {variable.text}: {body.boxed().text}", DYN) for body in bodies]
    function = _MACROS.get(node.macro, "mapped" if len(bodies) == 1 else "mapped_where")
    return scope.call(function, over, *lambdas, result=kind)


def _bodies(node: Comprehension, inside: Scope) -> list[Code]:
    """Return the condition and the result of a macro; `all` and `exists` absorb errors."""
    bodies: list[Code] = []
    if node.condition is not None:
        body = replace(inside, quiet=node.macro in {"all", "exists"})
        code = value_of(node.condition, body)
        bodies.append(logical.require_bool(body, node.condition, f"{node.macro}()", code))
    if node.result is not None:
        bodies.append(value_of(node.result, replace(inside, quiet=False)))
    return bodies
