"""Model files: YAML 1.2 or JSON text in, a plain mapping out, or what is wrong with the text.

We build the mapping from the parser's events ourselves, because a model needs little of YAML and
must not meet the rest: words such as `on` stay words, dates stay text, and anchors, tags and
repeated keys are refused with their line. What this lets through, `domain.document` reads.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
)

from domain.document import ModelError, Problem, parse_model
from domain.document.bounds import DEPTH_MAX, NODES_MAX
from domain.model import Model

FILE_BYTES_MAX: Final = 256 * 1024

Place = tuple[int, int]
"""Line and column of a file, both from 1."""

_Node = ScalarEvent | CollectionStartEvent

_is_null = re.compile(r"~|null|Null|NULL|").fullmatch
_is_true = re.compile(r"true|True|TRUE").fullmatch
_is_false = re.compile(r"false|False|FALSE").fullmatch
_is_int = re.compile(r"[-+]?[0-9]{1,18}").fullmatch
_is_float = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?").fullmatch


@dataclass(frozen=True, slots=True)
class ModelText:
    """What a model file holds, and where in the file each part begins (YAML only)."""

    document: dict[str, object]
    places: Mapping[str, Place] = field(default_factory=dict)

    def locate(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Return *problems* with the line and column of the file where their path begins.

        The place within an expression is in that case told by the message.
        """
        return tuple(self._located(problem) for problem in problems)

    def _located(self, problem: Problem) -> Problem:
        place = self._place(problem.path)
        if place is None:
            return problem
        message = problem.message
        if problem.line is not None:
            message = f"at {problem.line}:{problem.column} of the expression: {message}"
        return replace(problem, message=message, line=place[0], column=place[1])

    def _place(self, path: str) -> Place | None:
        """Return where *path* begins, or the nearest part above it that is in the file."""
        while path and path not in self.places:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.places.get(path)


def read_model_text(text: str | bytes, kind: str) -> dict[str, object]:
    """Return the mapping that *text* holds; see `read_located`."""
    return read_located(text, kind).document


def read_located(text: str | bytes, kind: str) -> ModelText:
    """Return what *text* holds, with places.

    Args:
        text: At most 256 KiB, UTF-8 where it is bytes.
        kind: Media type or file suffix; whatever ends in `json` is JSON, `yaml` or `yml` is YAML.

    Raises:
        ModelError: *text* cannot be read as a mapping; a problem's line is that of the file.
    """
    decoded = _decode(text)
    name = kind.partition(";")[0].strip().lower()
    if name.endswith("json"):
        return ModelText(_require_mapping(_read_json(decoded)))
    if name.endswith(("yaml", "yml")):
        builder = _read_yaml(decoded)
        return ModelText(_require_mapping(builder.document), builder.places)
    raise _refusal("unknown_format", f"expected YAML or JSON, found {kind[:80]!r}")


def ready_model_keys() -> tuple[str, ...]:
    """Return the keys of the ready-made models, in alphabetical order, without reading any."""
    names = (entry.name for entry in (files("domain") / "models").iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


@cache
def load_ready_models() -> Mapping[str, Model]:
    """Return the ready-made models by key, in alphabetical order."""
    folder = files("domain") / "models"
    texts = {
        entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name.endswith(".yaml")
    }
    models = [parse_model(read_model_text(texts[name], ".yaml")) for name in sorted(texts)]
    return {model.key: model for model in models}


def _refusal(code: str, message: str, place: Place | None = None) -> ModelError:
    line, column = place or (None, None)
    return ModelError([Problem("", code, message, line, column)])


def _decode(text: str | bytes) -> str:
    size = len(text) if isinstance(text, bytes) else len(text.encode(errors="replace"))
    if size > FILE_BYTES_MAX:
        raise _refusal("too_large", f"expected at most {FILE_BYTES_MAX} bytes, found {size}")
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refusal("not_utf8", f"expected UTF-8 text: {error.reason}") from None


def _require_mapping(value: object) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    message = "expected a mapping with `model:`, `stages:` and more at the top of the file"
    raise _refusal("not_a_mapping", message)


def _read_json(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unrepeated, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise _refusal("bad_json", error.msg, (error.lineno, error.colno)) from None
    except RecursionError:
        raise _refusal("too_deep", f"expected at most {DEPTH_MAX} levels of nesting") from None
    except ModelError:
        raise
    except ValueError as error:  # a number with more digits than Python converts
        raise _refusal("bad_json", str(error)) from None


def _unrepeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise _refusal("repeated_key", f"the key {repeated[:80]!r} stands twice in one mapping")
    return mapping


def _refuse_constant(name: str) -> object:
    raise _refusal("bad_json", f"expected a JSON value, found {name}")


def _read_yaml(text: str) -> "_Builder":
    builder = _Builder()
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else None
        detail = ", ".join(part for part in (error.context, error.problem) if part)
        raise _refusal("bad_yaml", detail, place) from None
    except YAMLError as error:
        raise _refusal("bad_yaml", str(error).partition("\n")[0]) from None
    return builder


@dataclass(slots=True)
class _Open:
    """A mapping or a list that has begun and not yet ended."""

    content: dict[str, object] | list[object]
    path: str
    key: str | None = None


class _Builder:
    """Builds one document from parser events, iteratively, within the bounds of a model."""

    def __init__(self) -> None:
        self.document: object = None
        self.places: dict[str, Place] = {}
        self._open: list[_Open] = []
        self._documents = 0
        self._nodes = 0

    def take(self, event: Event) -> None:
        """Take in the next *event* of the parser."""
        match event:
            case DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise _refused(event, "many_documents", "expected one document, found `---`")
            case AliasEvent():
                raise _refused(event, "alias", f"expected no aliases, found *{event.anchor}")
            case CollectionEndEvent():
                self._open.pop()
            case ScalarEvent() | CollectionStartEvent():
                self._take_node(event)

    def _take_node(self, event: _Node) -> None:
        self._refuse_excess(event)
        parent = self._open[-1] if self._open else None
        if parent is not None and isinstance(parent.content, dict) and parent.key is None:
            parent.key = self._key(event, parent)
            return
        path = self._place(event, parent)
        value = _scalar(event) if isinstance(event, ScalarEvent) else _empty(event)
        if parent is None:
            self.document = value
        elif isinstance(parent.content, list):
            parent.content.append(value)
        elif parent.key is not None:
            parent.content[parent.key] = value
            parent.key = None
        if isinstance(value, dict | list):
            self._open.append(_Open(value, path))

    def _refuse_excess(self, event: _Node) -> None:
        self._nodes += 1
        if self._nodes > 2 * NODES_MAX:
            raise _refused(event, "too_large", f"expected at most {NODES_MAX} values in all")
        if len(self._open) > DEPTH_MAX:
            raise _refused(event, "too_deep", f"expected at most {DEPTH_MAX} levels of nesting")
        if event.anchor is not None:
            raise _refused(event, "alias", f"expected no anchors, found &{event.anchor}")
        if event.tag is not None:
            raise _refused(event, "tag", f"expected no tags, found {event.tag}")

    def _key(self, event: _Node, parent: _Open) -> str:
        if not isinstance(event, ScalarEvent):
            raise _refused(event, "key_not_text", "expected a key, found a mapping or a list")
        key = _text(event)
        if key in parent.content:
            message = f"the key {key[:80]!r} stands twice in one mapping"
            raise _refused(event, "repeated_key", message)
        self.places[f"{parent.path}.{key}" if parent.path else key] = _place_of(event)
        return key

    def _place(self, event: _Node, parent: _Open | None) -> str:
        if parent is None:
            return ""
        if isinstance(parent.content, list):
            path = f"{parent.path}[{len(parent.content)}]"
            self.places[path] = _place_of(event)
            return path
        return f"{parent.path}.{parent.key}" if parent.path else str(parent.key)


def _empty(event: _Node) -> dict[str, object] | list[object]:
    return {} if isinstance(event, MappingStartEvent) else []


def _scalar(event: ScalarEvent) -> object:
    """Return the value of a scalar by the core schema of YAML 1.2; quoted ones are text."""
    text = _text(event)
    if event.style:
        return text
    for is_kind, convert in _CORE_SCHEMA:
        if is_kind(text):
            return convert(text)
    return text


def _text(event: ScalarEvent) -> str:
    r"""Return the text of a scalar; `"\ud83d\ude00"`, as JSON escapes it, is one character."""
    return str(event.value).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


_CORE_SCHEMA: Final[tuple[tuple[Callable[[str], object], Callable[[str], object]], ...]] = (
    (_is_null, lambda _: None),
    (_is_true, lambda _: True),
    (_is_false, lambda _: False),
    (_is_int, int),
    (_is_float, float),
)


def _place_of(event: Event) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _refused(event: Event, code: str, message: str) -> ModelError:
    return _refusal(code, message, _place_of(event))
