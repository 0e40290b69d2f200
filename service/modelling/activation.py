"""How a version takes over: by telling all of history anew, or from now on.

From now on means that everybody stays where the version before has them. A stage that the new
version does not have must be mapped to one that it has; nobody is put anywhere by a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from domain.model import Model
from service.errors import Place, Problem
from service.ports import Generation, ModelVersion, Terms

Mode = Literal["rebuild", "from_now"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a version is to become the active one.

    Attributes:
        stage_map: Of `from_now`: stage of the active version -> stage of the new one, for those
            that the new one does not have, or to put their subjects elsewhere.
    """

    mode: Mode = "rebuild"
    stage_map: Mapping[str, str] = field(default_factory=dict)


def terms_of(plan: Plan, coming: Model, active: Model | None, generation: int | None) -> Terms:
    """Return the terms on which a generation of *coming* begins by *plan*.

    *active* and *generation* are what readers see; None where nothing is active.

    Raises:
        Problem: `activation_refused`, or `validation_failed` with every stage that is not mapped.
    """
    if plan.mode == "rebuild":
        if plan.stage_map:
            message = "a rebuild tells all of history anew; only from_now takes a stage_map"
            place = Place("/stage_map", "only_from_now", message)
            raise Problem("validation_failed", f"stage_map: {message}", errors=[place])
        return Terms()
    if active is None or generation is None:
        message = f"model {coming.key}: no version of it is active, so nobody stands anywhere yet"
        raise Problem("activation_refused", f"{message}; activate it with mode rebuild")
    if active.subject != coming.subject:
        message = f"model {coming.key}: the active version has {active.subject}s, this one"
        raise Problem(
            "activation_refused", f"{message} {coming.subject}s; activate it with mode rebuild"
        )
    places = list(_unmapped(plan.stage_map, coming, active))
    if places:
        message = "; ".join(place.message for place in places[:3])
        raise Problem("validation_failed", f"stage_map: {message}", errors=places)
    return Terms(base=generation, stage_map=plan.stage_map)


def _unmapped(stage_map: Mapping[str, str], coming: Model, active: Model) -> Iterable[Place]:
    old, new = _stages(active), _stages(coming)
    known = ", ".join(new)
    for stage in old:
        if stage not in new and stage not in stage_map:
            message = f"the new version has no stage {stage!r}; map it to one of {known}"
            yield Place(f"/stage_map/{stage}", "stage_unmapped", message)
    for stage, target in stage_map.items():
        if stage not in old:
            message = f"the active version has {', '.join(old)}; not {stage[:64]!a}"
            yield Place(f"/stage_map/{stage[:64]}", "unknown_stage", message)
        elif target not in new:
            message = f"the new version has {known}; not {target[:64]!a}"
            yield Place(f"/stage_map/{stage}", "unknown_stage", message)


def _stages(model: Model) -> list[str]:
    return [stage.id for stage in model.stages]


def expect_valid(version: ModelVersion) -> None:
    """Raise where *version* is a draft with errors.

    Raises:
        Problem: `activation_refused`.
    """
    if version.validated_at is None:
        message = f"model {version.model}: version {version.version} is a draft with errors"
        raise Problem("activation_refused", f"{message}; mend them and put the next version")


def one_before(key: str, found: Iterable[Generation]) -> Generation:
    """Return the generation of *found*, the newest first, that a rollback leads back to.

    Raises:
        Problem: `rollback_refused` where there is none, or while a rebuild is under way.
    """
    ours = [each for each in found if each.model == key]
    building = [each for each in ours if each.status in {"building", "ready"}]
    if building:
        message = f"model {key}: rebuild {building[0].generation} is under way; cancel it first"
        raise Problem("rollback_refused", message)
    active = [each for each in ours if each.status == "active"]
    before = [each for each in ours if each.status in {"standby", "retired", "removed"}]
    other = [each for each in before if active and each.tells != active[0].tells]
    if not other:
        message = f"model {key}: no other version of it has been active"
        raise Problem("rollback_refused", message)
    return max(other, key=lambda each: (each.status == "standby", each.generation))
