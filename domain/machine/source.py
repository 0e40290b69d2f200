"""A place to write generated functions: their text, and the constants they may name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class Source:
    """Generated Python, function by function.

    Attributes:
        names: What the functions see as globals besides each other; no builtins but those given.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        """Start empty, with *names* as globals."""
        self.names = names
        self._functions: list[str] = []
        self._numbered = 0

    def function(self, name: str, parameters: str, body: Iterable[str]) -> str:
        """Write a function and return its name; an empty body does nothing."""
        lines = [f"    {line}" for line in body] or ["    pass"]
        self._functions.append("\n".join([f"def {name}({parameters}):", *lines]))
        return name

    def table(self, name: str, functions: Iterable[str]) -> str:
        """Write a tuple of functions already written, and return its name."""
        self._functions.append(f"{name} = ({', '.join(functions)},)")
        return name

    def numbered(self, prefix: str) -> str:
        """Return a name that no other function has."""
        self._numbered += 1
        return f"{prefix}{self._numbered}"

    def constant(self, name: str, value: object) -> str:
        """Make *value* known to the functions under *name*."""
        self.names[name] = value
        return name

    @property
    def text(self) -> str:
        """Everything written so far, one module."""
        return "\n\n".join(self._functions) + "\n"

    def run(self) -> dict[str, Any]:
        """Return the globals after the text was executed: the functions by name."""
        namespace = dict(self.names)
        exec(compile(self.text, "<model>", "exec"), namespace)  # noqa: S102 - our own text: every name and constant in it comes from a Binding or a repr
        return namespace


def indent(lines: Iterable[str]) -> list[str]:
    """Return *lines* one level deeper."""
    return [f"    {line}" for line in lines]


def when(condition: str, lines: Iterable[str]) -> list[str]:
    """Return statements that run *lines* if *condition*; without it where it is always true."""
    body = list(lines)
    return body if condition == "True" else [f"if {condition}:", *indent(body)]
