"""Reading a model document: a mapping in, a `Model` or every problem out."""

import re
from dataclasses import replace
from typing import Final, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.document.bounds import require_plain
from domain.document.canonical import model_hash, to_document
from domain.document.names import parse_events
from domain.document.problems import Problems, did_you_mean, listed, shown
from domain.document.rules import Names, parse_alerts, parse_transitions
from domain.document.section import Section
from domain.document.signals import parse_signals
from domain.document.stages import parse_metrics, parse_personas, parse_stages
from domain.document.upcasts import parse_upcasts
from domain.model import Direction, Model, Stage, SubjectKind

_KEYS: Final = (
    "model",
    "title",
    "subject",
    "direction",
    "initial",
    "timezone",
    "events",
    "upcasts",
    "signals",
    "stages",
    "transitions",
    "alerts",
    "personas",
    "metrics",
)
_DIRECTIONS: Final[tuple[Direction, ...]] = get_args(Direction)
_SUBJECTS: Final[tuple[SubjectKind, ...]] = get_args(SubjectKind)
_is_zone_name = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}").fullmatch


def parse_model(document: object) -> Model:
    """Return the model that *document*, a mapping of plain JSON values, describes.

    What only a look at the whole can tell (types of conditions, stages nobody reaches, loops) is
    the affair of `domain.check`.

    Raises:
        ModelError: With every problem, each at its path.
    """
    problems = Problems()
    root = Section(require_plain(document), "", problems)
    root.refuse_unknown(_KEYS, {"id": "a model's id stands under `model:`"})
    model = _read(root)
    problems.raise_if_any()
    canonical = to_document(model)
    return replace(model, document=canonical, hash=model_hash(canonical))


def _read(root: Section) -> Model:
    """Return the model under *root*, made whole with fillers wherever a problem was noted."""
    key = root.identifier("model") or ""
    stages = parse_stages(root)
    by_id = {stage.id: stage for stage in stages}
    events = parse_events(root)
    signals = parse_signals(root, events)
    declared = root.content.get("signals")
    unreadable = dict.fromkeys(declared) if isinstance(declared, dict) else {}
    names = Names(events, unreadable | {signal.name: signal for signal in signals}, by_id)
    return Model(
        key=key,
        title=root.title() or {"en": key},
        subject=root.choice("subject", _SUBJECTS, "customer"),
        direction=root.choice("direction", _DIRECTIONS, "free"),
        initial=_initial(root, by_id),
        timezone=_timezone(root),
        events=events.canonical,
        signals=signals,
        stages=stages,
        transitions=parse_transitions(root, names),
        alerts=parse_alerts(root, names),
        personas=parse_personas(root),
        metrics=parse_metrics(root, by_id),
        document={},
        hash="",
        upcasts=parse_upcasts(root, events),
    )


def _initial(root: Section, stages: dict[str, Stage]) -> str:
    """Return the initial stage: the one that is named, else the first."""
    name = root.text("initial")
    if name is None:
        return next(iter(stages), "")
    if name not in stages:
        hint = did_you_mean(name, stages)
        message = f"no stage {shown(name)}{hint}; the stages are {listed(stages)}"
        root.note("initial", "unknown_stage", message)
    return name


def _timezone(root: Section) -> str:
    name = root.text("timezone") or "UTC"
    if not _is_zone(name):
        message = f"expected an IANA time zone such as Asia/Tokyo or UTC, found {shown(name)}"
        root.note("timezone", "unknown_timezone", message)
    return name


def _is_zone(name: str) -> bool:
    if _is_zone_name(name) is None:
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
