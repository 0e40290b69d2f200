"""Names of events: what a document calls a behaviour, and the names under which it arrives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.document.problems import shown
from domain.document.section import Section
from domain.events import ALIAS, IDENTIFY, STAGE_SET, VOID
from domain.model import ANY

EVENT_TYPES_MAX: Final = 512
OTHER_NAMES_MAX: Final = 32
TYPE_LENGTH_MAX: Final = 128

_RESERVED: Final = {
    IDENTIFY: "conditions read what it sets as `traits`",
    STAGE_SET: "it enters a stage by itself",
    VOID: "it takes an event out of history",
    ALIAS: "it joins two histories",
}


@dataclass(frozen=True, slots=True)
class EventNames:
    """The event types a document declares, with every other name of each."""

    canonical: Mapping[str, str]

    def types(self, section: Section, key: str) -> tuple[str, ...]:
        """Return the canonical event types under *key*: one, a list, or `("*",)` for any."""
        names = section.texts(key)
        if ANY in names:
            if len(names) > 1:
                section.note(key, "any_and_more", 'expected "*" alone, since it means any event')
            return (ANY,)
        for name in names:
            check_type(section, key, name)
        return tuple(dict.fromkeys(self.canonical.get(name, name) for name in names))


def parse_events(root: Section) -> EventNames:
    """Return the names under `events:`; one name may stand for one behaviour only."""
    outer = root.section("events", "event types and their other names")
    if outer is None:
        return EventNames({})
    if len(outer.content) > EVENT_TYPES_MAX:
        root.note("events", "too_many", f"expected at most {EVENT_TYPES_MAX} event types")
        return EventNames({})
    canonical: dict[str, str] = {}
    for event_type in sorted(outer.content):
        check_type(outer, event_type, event_type)
        for name in _other_names(outer, event_type):
            _take_name(outer, canonical, event_type, name)
    return EventNames(dict(sorted(canonical.items())))


def check_type(section: Section, key: str, name: str) -> None:
    """Note under *key* why *name* cannot be an event type, if so."""
    if name in _RESERVED:
        section.note(key, "reserved_event", f"{name} is not a behaviour: {_RESERVED[name]}")
    elif len(name) > TYPE_LENGTH_MAX or not name.isprintable() or name == ANY:
        rule = f"expected an event type of at most {TYPE_LENGTH_MAX} printable characters"
        section.note(key[:80], "bad_event_type", f"{rule}, found {shown(name)}")


def _other_names(outer: Section, event_type: str) -> tuple[str, ...]:
    if outer.content[event_type] in (None, []):
        return ()
    names = outer.texts(event_type)
    if len(names) <= OTHER_NAMES_MAX:
        return names
    outer.note(event_type[:80], "too_many", f"expected at most {OTHER_NAMES_MAX} other names")
    return ()


def _take_name(outer: Section, canonical: dict[str, str], event_type: str, name: str) -> None:
    check_type(outer, event_type, name)
    if name == event_type:
        return
    if name in outer.content:
        message = f"{shown(name)} is an event type of its own; remove it here or there"
    elif name in canonical:
        message = f"{shown(name)} already stands for {canonical[name]}; keep it in one place"
    else:
        canonical[name] = event_type
        return
    outer.note(event_type[:80], "name_taken", message)
