"""Stages of a document, and what people measure and call the subjects in them."""

from collections.abc import Mapping
from typing import Final, get_args

from domain.document.problems import listed
from domain.document.rules import parse_stage_id
from domain.document.section import Section, refuse_repeated
from domain.model import Metric, Persona, Stage, StageKind

STAGES_MAX: Final = 64
PERSONAS_MAX: Final = 64
METRICS_MAX: Final = 128

_STAGE_KINDS: Final[tuple[StageKind, ...]] = get_args(StageKind)
_METRIC_KEYS: Final = ("title", "of", "target")


def parse_stages(root: Section) -> tuple[Stage, ...]:
    """Return the stages under `stages:`; their order in the document is the order of the model."""
    if not root.has("stages") or root.content["stages"] == []:
        root.note("stages", "missing", "expected `stages:` with at least one stage, found none")
        return ()
    sections = root.sections("stages", "stages", STAGES_MAX)
    pairs = [(section, section.identifier("id")) for section in sections]
    refuse_repeated(pairs, "id", lambda name: f"a stage {name}")
    stages = []
    for section, name in pairs:
        section.refuse_unknown(["id", "title", "kind", "metrics"])
        title = section.title()
        kind = section.choice("kind", _STAGE_KINDS, "active")
        if name is not None:
            stages.append(Stage(name, title or {"en": name}, kind))
    _refuse_two_finals(root, sections)
    return tuple({stage.id: stage for stage in reversed(stages)}.values())[::-1]


def parse_personas(root: Section) -> tuple[Persona, ...]:
    """Return the personas under `personas:`, in document order."""
    sections = root.sections("personas", "personas", PERSONAS_MAX)
    pairs = [(section, section.identifier("id")) for section in sections]
    refuse_repeated(pairs, "id", lambda name: f"a persona {name}")
    personas = []
    for section, name in pairs:
        section.refuse_unknown(["id", "title", "when"])
        when, title = section.expression("when", required=True), section.title()
        if name is not None and when is not None:
            personas.append(Persona(name, when, title))
    return tuple(personas)


def parse_metrics(root: Section, stages: Mapping[str, Stage]) -> tuple[Metric, ...]:
    """Return the metrics inside the stages, in stage order, then those under `metrics:`."""
    sections = root.sections("metrics", "metrics", METRICS_MAX)
    pairs: list[tuple[Section, str | None]] = []
    metrics: list[Metric | None] = []
    for stage in root.sections("stages", "stages", STAGES_MAX):
        for name, section in stage.named("metrics", "metrics by their id", METRICS_MAX):
            named = Section({**section.content, "id": name}, section.path, section.problems)
            section.refuse_unknown(_METRIC_KEYS)
            pairs.append((named, named.identifier("id")))
            metrics.append(_parse_metric(named, stage.text("id"), stages))
    for section in sections:
        section.refuse_unknown(["id", "stage", *_METRIC_KEYS])
        pairs.append((section, section.identifier("id")))
        metrics.append(_parse_metric(section, parse_stage_id(section, "stage", stages), stages))
    refuse_repeated(pairs, "id", lambda name: f"a metric {name}")
    if len(metrics) > METRICS_MAX:
        root.note("metrics", "too_many", f"expected at most {METRICS_MAX} metrics in all")
    return tuple(metric for metric in metrics if metric is not None)


def _parse_metric(
    section: Section,
    stage: str | None,
    stages: Mapping[str, Stage],
) -> Metric | None:
    title, target = section.title(), section.share("target")
    share = section.section("of", "reached and within")
    if share is None:
        if not section.has("of"):
            message = "expected `of: {reached: <stage>, within: 90d}`, found nothing"
            section.note("of", "missing", message)
        return None
    share.refuse_unknown(["reached", "within"])
    reached, within = parse_stage_id(share, "reached", stages), share.duration("within")
    if not share.has("within"):
        share.note("within", "missing", "expected `within:` with a duration, found nothing")
    if stage is None or reached is None or within is None:
        return None
    return Metric(str(section.content.get("id")), stage, reached, within, target, title)


def _refuse_two_finals(root: Section, sections: list[Section]) -> None:
    finals = [section for section in sections if section.content.get("kind") == "final"]
    if len(finals) > 1:
        places = listed(section.path for section in finals)
        message = f"expected one final stage at most, found {len(finals)}: {places}"
        root.note("stages", "two_finals", message)
