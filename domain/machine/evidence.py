"""The names a rule read and their values at the instant it fired: the evidence of a transition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.cel.compiler import ERRORS, compile_expression
from domain.cel.errors import CelCheckError
from domain.cel.parser import parse
from domain.machine.runtime import plain
from domain.machine.upcasting import VIEW

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from domain.cel.types import Environment
    from domain.events import Event
    from domain.machine.recorder import Evidence
    from domain.machine.source import Source
    from domain.model import Trigger

Reader = tuple[str, str, str]
"""A name, the generated function that reads it, and its static type."""


def readers(trigger: Trigger, environment: Environment, source: Source) -> tuple[Reader, ...]:
    """Write a function for each name that *trigger* reads."""
    read: list[str] = []
    if trigger.kind == "after":
        read.append(f"signals.{trigger.since}" if trigger.since else "entered_at")
    for expression in (trigger.at, trigger.when):
        if expression is not None:
            read += compile_expression(expression, environment).reads
    found = (_reader(name, environment, source) for name in dict.fromkeys(read))
    return tuple(reader for reader in found if reader is not None)


def of_trigger(found: tuple[Reader, ...], functions: Mapping[str, Any]) -> Evidence:
    """Return the function that collects the values; names without a value are left out."""
    bound: tuple[tuple[str, Callable[..., object], str], ...] = tuple(
        (name, functions[function], kind) for name, function, kind in found
    )

    if not bound:
        return _nothing

    reads_properties = any(name.partition(".")[0] == "properties" for name, _, _ in bound)
    view = functions[VIEW] if reads_properties else _unread

    def evidence(s: Any, e: Event | None) -> Mapping[str, object]:  # noqa: ANN401 - the state's class is generated
        values: dict[str, object] = {}
        p, now = None if e is None else view(e), s.at
        for name, read, kind in bound:
            try:
                values[name] = plain(read(s, e, p, now), kind)
            except ERRORS:
                continue
        return values

    return evidence


def _unread(_event: object) -> None:
    return None


def _nothing(_state: object, _event: object) -> Mapping[str, object]:
    return {}


def _reader(name: str, environment: Environment, source: Source) -> Reader | None:
    try:
        compiled = compile_expression(parse(name), environment)
    except CelCheckError:
        return None
    body = [f"return {compiled.source}"]
    function = source.function(source.numbered("read"), "s, e, p, now", body)
    return name, function, compiled.type.kind
