"""Upcasting: events of an older schema version are read as if they had been sent in the newest one.

What a model says about versions is part of the model, so a stage stays a function of events, model
version and instant. Nothing that was stored changes: each upcast leads from one version of an event
type to the next, on reading, and they are chained until none leads on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from domain.cel.compiler import ERRORS, compile_expression
from domain.machine import names
from domain.machine.runtime import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from domain.cel.syntax import Expression
    from domain.events import Event
    from domain.machine.source import Source
    from domain.model import Model, Upcast

FIRST_VERSION = 1
"""The schema version of an event that names none."""

VIEW = "_view"
"""Name under which generated functions find what reads an event's properties."""

_FIELDS = ("schema_version", "schemaversion")
_MISSING = object()
Converter = tuple[str, str]
"""A generated function, and the static type of what it returns."""


def schema_version(text: str | bytes | None) -> int:
    """Return the schema version that the item *text* names; 1 where it names none.

    `schema_version` stands beside the properties; of a CloudEvent it is the extension attribute
    `schemaversion`, which may be text.
    """
    if text is None or not _may_name_version(text):
        return FIRST_VERSION
    item = json.loads(text)
    for field in _FIELDS if isinstance(item, dict) else ():
        said = item.get(field)
        if isinstance(said, str) and said.isascii() and said.isdigit():
            said = int(said)
        if isinstance(said, int) and not isinstance(said, bool) and said >= FIRST_VERSION:
            return said
    return FIRST_VERSION


def _may_name_version(text: str | bytes) -> bool:
    """Whether it is worth reading *text*: escapes aside, most items hold no such word."""
    if isinstance(text, bytes):
        return b"version" in text or b"\\u" in text
    return "version" in text or "\\u" in text


class Upcaster:
    """Reads the properties of events as the newest version that a model knows."""

    def __init__(self, model: Model, source: Source) -> None:
        """Write into *source* what converts values, and make `view` known there."""
        self._canonical = model.events
        self._upcasts = {(each.event, each.version): each for each in model.upcasts}
        self._types = {each.event for each in model.upcasts}
        self._converters = {
            (each.event, each.version, index): _converter(step.expression, source)
            for each in model.upcasts
            for index, step in enumerate(each.steps)
            if step.expression is not None
        }
        self._run: Mapping[str, Callable[..., object]] = {}
        source.names[VIEW] = self.view if model.upcasts else _as_sent

    def bind(self, run: Mapping[str, Any]) -> None:
        """Take over the functions of the source, once it has been run."""
        self._run = run

    def view(self, event: Event) -> Mapping[str, object]:
        """Return the properties of *event*, upcast as far as upcasts lead."""
        name = self._canonical.get(event.type, event.type)
        if name not in self._types:
            return event.properties
        version, found = schema_version(event.text), event.properties
        while (upcast := self._upcasts.get((name, version))) is not None:
            found = self._upcast(upcast, found)
            version += 1
        return found

    def _upcast(self, upcast: Upcast, properties: Mapping[str, object]) -> dict[str, object]:
        tree = {key: _copied(value) for key, value in properties.items()}
        for index, step in enumerate(upcast.steps):
            if step.kind == "drop":
                _taken(tree, step.path)
            elif step.kind == "default":
                if _found(tree, step.path) in (None, _MISSING):
                    _put(tree, step.path, _copied(step.value))
            elif step.kind == "convert":
                converter = self._converters[upcast.event, upcast.version, index]
                self._convert(tree, step.path, converter)
            else:
                _relocate(tree, step.path, step.to)
        return tree

    def _convert(
        self, tree: dict[str, object], path: tuple[str, ...], converter: Converter
    ) -> None:
        """Replace a value that is there; one that cannot be converted stays as it is."""
        if _found(tree, path) is _MISSING:
            return
        function, kind = converter
        try:
            value = plain(self._run[function](tree), kind)
        except ERRORS:
            return
        _put(tree, path, value)


def _converter(expression: Expression, source: Source) -> Converter:
    compiled = compile_expression(expression, names.of_properties())
    function = source.function(source.numbered("convert"), "p", [f"return {compiled.source}"])
    return function, compiled.type.kind


def _as_sent(event: Event) -> Mapping[str, object]:
    return event.properties


# ---------------------------------------------------------------- trees


def _copied(value: object) -> object:
    """Return *value* with all of its objects and arrays new."""
    if isinstance(value, dict):
        return {key: _copied(part) for key, part in value.items()}
    return [_copied(part) for part in value] if isinstance(value, list) else value


def _found(tree: dict[str, object], path: tuple[str, ...]) -> object:
    at: object = tree
    for name in path:
        at = at.get(name, _MISSING) if isinstance(at, dict) else _MISSING
    return at


def _taken(tree: dict[str, object], path: tuple[str, ...]) -> object:
    """Return what stands at *path*, and leave nothing there."""
    *above, name = path
    parent = _found(tree, tuple(above))
    return parent.pop(name, _MISSING) if isinstance(parent, dict) else _MISSING


def _put(tree: dict[str, object], path: tuple[str, ...], value: object) -> bool:
    """Set *path* to *value*; return False where something that is no object is in the way."""
    at = tree
    for name in path[:-1]:
        inner = at.setdefault(name, {})
        if not isinstance(inner, dict):
            return False
        at = inner
    at[path[-1]] = value
    return True


def _relocate(tree: dict[str, object], path: tuple[str, ...], to: tuple[str, ...]) -> None:
    """Let what stands at *path* stand at *to*, unless that is taken: what was sent there stays."""
    value = _taken(tree, path)
    if value is _MISSING or _found(tree, to) is not _MISSING:
        return
    if not _put(tree, to, value):
        _put(tree, path, value)
