"""The active models as pages name them: titles, order, and a colour for each stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.model import Model, Stage
from service.language.speaker import Language
from service.ports import ModelVersion
from service.services import Services

READY_MADE = "ready-made"
TONES = 8
"""Colours of the style sheet for stages in use, in order; they repeat in longer models."""

_FIRST = ("customer-journey-5", "health", "growth", "cpm-10")


@dataclass(frozen=True, slots=True)
class StageLabel:
    """A stage as pages show it.

    Attributes:
        tone: Class of the style sheet that colours it.
        order: Place in the model, from 0.
    """

    id: str
    title: str
    tone: str
    kind: str
    order: int


@dataclass(frozen=True, slots=True)
class ModelLabel:
    """An active model as pages show it; `stages` in the model's order."""

    key: str
    title: str
    version: int
    subject: str
    stages: tuple[StageLabel, ...]
    model: Model

    def stage(self, stage_id: str) -> StageLabel:
        """Return a stage's label; one that the model no longer has goes by its id."""
        for label in self.stages:
            if label.id == stage_id:
                return label
        return StageLabel(stage_id, stage_id, "tone-stopped-1", "active", 0)


async def labels(services: Services, tenant: str, language: Language) -> list[ModelLabel]:
    """Return the active models: one's own first, then the ready-made ones."""
    versions = await services.store.models(tenant)
    active = [each for each in versions if each.active_generation is not None]
    return [
        label_of(services.catalogue.model_of(version), version.version, language)
        for version in sorted(active, key=_place)
    ]


def label_of(model: Model, version: int, language: Language) -> ModelLabel:
    """Return *model* in the words of *language*."""
    return ModelLabel(
        key=model.key,
        title=language.title(model.title, model.key),
        version=version,
        subject=model.subject,
        stages=_stages(model.stages, language),
        model=model,
    )


def by_key(found: Sequence[ModelLabel]) -> Mapping[str, ModelLabel]:
    """Return labels by the key of their model."""
    return {label.key: label for label in found}


def _place(version: ModelVersion) -> tuple[int, int, str]:
    ready_made = version.created_by == READY_MADE
    place = _FIRST.index(version.model) if version.model in _FIRST else len(_FIRST)
    return (int(ready_made), place, version.model)


def _stages(stages: Sequence[Stage], language: Language) -> tuple[StageLabel, ...]:
    """Return labels; colours run evenly from the first to the last stage that is not stopped."""
    running = [stage.id for stage in stages if stage.kind != "stopped"]
    stopped = [stage.id for stage in stages if stage.kind == "stopped"]
    last = max(1, len(running) - 1)
    tones = {
        stage_id: f"tone-{round(place * (TONES - 1) / last) + 1}"
        for place, stage_id in enumerate(running)
    } | {stage_id: f"tone-stopped-{place % 2 + 1}" for place, stage_id in enumerate(stopped)}
    return tuple(
        StageLabel(
            id=stage.id,
            title=language.title(stage.title, stage.id),
            tone=tones[stage.id],
            kind=stage.kind,
            order=order,
        )
        for order, stage in enumerate(stages)
    )
