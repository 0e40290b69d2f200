"""Booleans and errors at run time: what `&&` and `||` are made of.

An operand that might fail is evaluated *quietly*: its error comes back as POISON, a value that is
neither true nor false. The operator then decides whether the other operands outweigh it.
"""

from collections.abc import Callable
from typing import Final, NoReturn

from domain.cel.errors import CelError
from domain.cel.values import POISON, kind_name, no_overload

ERRORS: Final[tuple[type[Exception], ...]] = (CelError, KeyError, TypeError, OverflowError)
"""All that evaluating a condition may raise.

KeyError is a missing property, TypeError an operator on null or on a value of the wrong kind.
"""


def reason(error: BaseException) -> str:
    """Return in words why a condition has no value: *error* is one of ERRORS."""
    match error:
        case KeyError(args=[key]):
            return f"no such key: {key!r}"
        case TypeError():
            return "an operator met null, or a value that it does not take"
        case OverflowError():
            return "a result is out of range"
    return str(error)


def quiet(function: Callable[..., object], *args: object) -> object:
    """Return what *function* makes of *args*, or POISON if it fails or an argument is POISON."""
    for arg in args:
        if arg is POISON:
            return POISON
    try:
        return function(*args)
    except ERRORS:
        return POISON


def boolean(value: object) -> bool:
    """Return *value* if it is a bool."""
    if value is True or value is False:
        return value
    raise CelError(f"expected a bool, found {kind_name(value)}")


def invert(value: object) -> bool:
    """Return the opposite of a bool."""
    if value is True or value is False:
        return not value
    raise no_overload("!", value)


def refuse(*operands: object) -> NoReturn:
    """Raise the error of a logical operator that no operand could decide."""
    for operand in operands:
        if operand is not POISON and operand is not True and operand is not False:
            raise CelError(f"expected a bool, found {kind_name(operand)}")
    raise CelError("an operand is in error, and no other decides")


def new_list(*items: object) -> list[object]:
    """Return the list of *items*."""
    return list(items)
