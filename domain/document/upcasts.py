"""Upcasts of a document: `{event: ordered, from: 1, steps: [{rename: sum, to: amount}]}`."""

import re
from typing import Final, get_args

from domain.document.names import EventNames, check_type
from domain.document.problems import shown
from domain.document.section import Section, refuse_repeated
from domain.model import Upcast, UpcastKind, UpcastStep

UPCASTS_MAX: Final = 256
STEPS_MAX: Final = 64
VERSION_MAX: Final = 32_767
PATH_LENGTH_MAX: Final = 8

KINDS: Final[tuple[UpcastKind, ...]] = get_args(UpcastKind)
_FURTHER: Final[dict[UpcastKind, str | None]] = {
    "rename": "to",
    "move": "to",
    "default": "value",
    "convert": "by",
    "drop": None,
}
_is_name = re.compile(r"[^\s.\[\]\"'][^.\x00-\x1f]{0,127}").fullmatch


def parse_upcasts(root: Section, events: EventNames) -> tuple[Upcast, ...]:
    """Return the upcasts under `upcasts:`, by event and version; one leads on from a version."""
    sections = root.sections("upcasts", "upcasts", UPCASTS_MAX)
    read = [(section, _parse(section, events)) for section in sections]
    named = [
        (section, None if one is None else f"{one.event} {one.version}") for section, one in read
    ]
    refuse_repeated(named, "from", lambda name: f"an upcast of {name}")
    found = [one for _, one in read if one is not None]
    return tuple(sorted(found, key=lambda one: (one.event, one.version)))


def _parse(section: Section, events: EventNames) -> Upcast | None:
    section.refuse_unknown(("event", "from", "steps"))
    name = section.text("event", required=True)
    version = _version(section)
    steps = [
        step
        for inner in section.sections("steps", "steps", STEPS_MAX)
        if (step := _step(inner)) is not None
    ]
    if not section.has("steps"):
        section.note("steps", "missing", "expected `steps:`, found nothing")
    if name is None or version is None:
        return None
    check_type(section, "event", name)
    if name.startswith("$"):
        section.note("event", "reserved_event", f"{shown(name)} has one version only, ours")
    return Upcast(events.canonical.get(name, name), version, tuple(steps))


def _version(section: Section) -> int | None:
    value = section.content.get("from")
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value < VERSION_MAX:
        return value
    message = f"expected the version it leads on from, 1 to {VERSION_MAX - 1}, found {shown(value)}"
    section.note("from", "bad_version", message)
    return None


def _step(section: Section) -> UpcastStep | None:
    said = [kind for kind in KINDS if kind in section.content]
    if len(said) != 1:
        found = ", ".join(said) or "none of them"
        message = f"expected one of {', '.join(KINDS)}, found {found}"
        section.problems.note(section.path, "bad_step", message)
        return None
    (kind,) = said
    further = _FURTHER[kind]
    section.refuse_unknown((kind, *((further,) if further else ())))
    path = _path(section, kind)
    to = _target(section, kind, path) if further == "to" else ()
    expression = section.expression("by", required=True) if kind == "convert" else None
    value = section.content.get("value")
    if kind == "default" and value is None:
        section.note("value", "missing", "expected `value:`, found nothing")
    if not path or (further == "to" and not to) or (kind == "convert" and expression is None):
        return None
    return UpcastStep(kind, path, to, value, expression)


def _target(section: Section, kind: UpcastKind, path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the path under `to:`; a new name stays in the object of the old one."""
    to = _path(section, "to")
    if kind == "rename" and len(to) > 1:
        section.note("to", "bad_path", "expected a name without dots; `move:` leads elsewhere")
        return ()
    return (*path[:-1], *to) if kind == "rename" and to else to


def _path(section: Section, key: str) -> tuple[str, ...]:
    text = section.text(key, required=True)
    if text is None:
        return ()
    path = tuple(text.split("."))
    if len(path) <= PATH_LENGTH_MAX and all(map(_is_name, path)):
        return path
    rule = f"expected at most {PATH_LENGTH_MAX} names with dots between, such as order.total"
    section.note(key, "bad_path", f"{rule}, found {shown(text)}")
    return ()
