"""Signals of a document: `orders_90d: {count: order_completed, within: 90d}` and its kin."""

import re
from typing import Final, get_args

from domain.cel.syntax import Expression
from domain.document.names import EventNames
from domain.document.problems import listed, shown
from domain.document.section import Section
from domain.model import Scope, Signal, SignalKind

SIGNALS_MAX: Final = 128

KINDS: Final[tuple[SignalKind, ...]] = get_args(SignalKind)
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
OF_EVENTS: Final[tuple[SignalKind, ...]] = ("count", "first", "last")
"""Kinds whose key names event types; the other kinds name a value and take the types from `on`."""

_is_name = re.compile(r"[a-z][a-z0-9_]{0,63}").fullmatch
_CEL_WORDS: Final = frozenset({"true", "false", "null", "in"})


def parse_signals(root: Section, names: EventNames) -> tuple[Signal, ...]:
    """Return the signals under `signals:`, by name; their order means nothing."""
    entries = root.named("signals", "signals", SIGNALS_MAX)
    signals = [_parse_signal(section, name, names) for name, section in sorted(entries)]
    return tuple(signal for signal in signals if signal is not None)


def _parse_signal(section: Section, name: str, names: EventNames) -> Signal | None:
    section.refuse_unknown([*KINDS, "on", "where", "within", "scope", "by"])
    if not _is_name(name) or name in _CEL_WORDS:
        rule = "expected a name of a-z, 0-9 and _, a letter first, at most 64"
        section.problems.note(section.path, "bad_name", f"{rule}; found {shown(name)}")
    kind = _kind(section)
    if kind is None:
        return None
    value, types = _subject_matter(section, kind, names)
    return Signal(
        name=name,
        kind=kind,
        types=types,
        value=value,
        where=section.expression("where"),
        within=section.duration("within"),
        scope=section.choice("scope", SCOPES, "all"),
        by_customer=_is_by_customer(section, kind),
    )


def _kind(section: Section) -> SignalKind | None:
    kinds = [kind for kind in KINDS if kind in section.content]
    if len(kinds) == 1:
        return kinds[0]
    found = listed(kinds) if kinds else "none"
    message = f"expected exactly one of {listed(KINDS)}; found {found}"
    section.problems.note(section.path, "signal_kind", message)
    return None


def _subject_matter(
    section: Section,
    kind: SignalKind,
    names: EventNames,
) -> tuple[Expression | None, tuple[str, ...]]:
    """Return the value a signal reads, if it reads one, and the event types it reads it from."""
    if kind in OF_EVENTS:
        if section.has("on"):
            message = f"{kind} names its events itself; write {kind}: [type, …] and remove `on`"
            section.note("on", "on_not_needed", message)
        return None, names.types(section, kind)
    if not section.has("on"):
        message = f"expected `on:` with the event types whose value {kind} reads, found nothing"
        section.note("on", "missing", message)
        return section.expression(kind, required=True), ()
    return section.expression(kind, required=True), names.types(section, "on")


def _is_by_customer(section: Section, kind: SignalKind) -> bool:
    by = section.text("by")
    if by is None:
        return False
    if by != "customer":
        section.note("by", "bad_choice", f"expected customer, found {shown(by)}")
    elif kind != "count":
        message = f"only a count tells members apart; {kind} cannot be `by: customer`"
        section.note("by", "by_without_count", message)
    return True
