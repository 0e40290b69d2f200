"""Machines by model version: compiled once, kept while anything folds with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import reduce
from operator import or_

from domain.document import parse_model
from domain.facts import Facts, facts_of
from domain.lineage import ALWAYS, Era, Lineage
from domain.machine import ENGINE, Machine, compile_model
from projections.models.catalogue import Generation, GenerationStatus, ModelVersion, VersionState
from projections.models.packing import PACKED
from projections.models.ranges import EVERY_BUCKET
from projections.rows.records import Projection

Compile = Callable[[str], Machine]
FOLDED = ("building", "ready", "active", "standby")
"""Statuses of generations that every append keeps level."""


def compile_document(document: str) -> Machine:
    """Return the machine of a model document in canonical JSON."""
    return compile_model(parse_model(json.loads(document)), PACKED)


class Catalogue:
    """Models, versions and generations as they are at present, with the machines that fold them.

    A value: whoever changes the rows makes a new one by `renewed`, which keeps the machines.
    """

    def __init__(self, compile_one: Compile = compile_document) -> None:
        """Begin without any model."""
        self._compile = compile_one
        self._machines: dict[str, Machine] = {}
        self.versions: dict[tuple[str, str], list[ModelVersion]] = {}
        self.generations: dict[int, Generation] = {}
        self._of_version: dict[tuple[str, str, int], list[Generation]] = {}
        self.projections: tuple[Projection, ...] = ()

    def renewed(
        self, versions: Iterable[ModelVersion], generations: Iterable[Generation]
    ) -> Catalogue:
        """Return the catalogue of these rows."""
        renewed = Catalogue(self._compile)
        renewed._machines = self._machines
        for version in versions:
            renewed.versions.setdefault((version.tenant, version.model), []).append(version)
        for one in generations:
            renewed.generations[one.generation] = one
            renewed._of_version.setdefault((one.tenant, one.model, one.version), []).append(one)
        renewed.projections = tuple(
            renewed._projection(one) for one in renewed.generations.values() if one.status in FOLDED
        )
        return renewed

    @property
    def kept(self) -> frozenset[int]:
        """The generations of which a subject keeps where it stands."""
        return frozenset(one.generation for one in self.projections)

    def _projection(self, generation: Generation) -> Projection:
        lineage = self.lineage_of(generation)
        machine = lineage.machine
        return Projection(
            generation=generation.generation,
            tenant=generation.tenant,
            model=generation.model,
            version=generation.version,
            lineage=lineage,
            machine=machine,
            is_account=machine.model.subject == "account",
            is_active=generation.status == "active",
            built=generation.built if generation.status == "building" else EVERY_BUCKET,
        )

    def lineage_of(self, generation: Generation) -> Lineage:
        """Return what tells of history by *generation*, whatever has become of it."""
        return Lineage(
            [
                Era(
                    one.version,
                    self._machine(one),
                    ALWAYS if one.since is None else one.since,
                    one.stage_map,
                )
                for one in self._ancestry(generation)
            ]
        )

    def _ancestry(self, generation: Generation) -> list[Generation]:
        """Return what tells of history before *generation* does, oldest first, and itself."""
        found = [generation]
        while found[-1].base is not None:
            found.append(self.generations[found[-1].base])
        return found[::-1]

    def _machine(self, generation: Generation) -> Machine:
        version = self.versions[generation.tenant, generation.model][generation.version - 1]
        machine = self._machines.get(version.hash)
        if machine is None:
            machine = self._machines[version.hash] = self._compile(version.document)
        return machine

    def facts(self, tenant: str) -> Facts:
        """Return what any version reads that tells, or told, of the tenant's subjects."""
        told_by = {
            (one.model, one.version): one
            for one in self.generations.values()
            if one.tenant == tenant and one.status != "failed"
        }
        found = (facts_of(self._machine(one).model) for one in told_by.values())
        return reduce(or_, found, Facts())

    def is_of_accounts(self, generation: Generation) -> bool:
        """Tell whether that generation's model is about accounts."""
        return self._machine(generation).model.subject == "account"

    def version_at(self, generation: int, instant: int) -> int:
        """Return the version by which that generation tells of *instant*."""
        told_by = self._ancestry(self.generations[generation])
        return next(
            one.version for one in reversed(told_by) if one.since is None or one.since <= instant
        )

    def active(self, tenant: str, model: str | None = None) -> list[Projection]:
        """Return the projections that readers see, by model."""
        found = [
            projection
            for projection in self.projections
            if projection.is_active
            and projection.tenant == tenant
            and model in (None, projection.model)
        ]
        return sorted(found, key=lambda projection: projection.model)

    def projection(self, generation: int) -> Projection | None:
        """Return the projection with that number, if it is being folded."""
        return next((one for one in self.projections if one.generation == generation), None)

    @property
    def outdated(self) -> list[Generation]:
        """Generations being kept level that another engine made, or another reading of a document.

        They cannot be folded on: what there is and what would follow are not of one piece.
        """
        return [
            found
            for one in self.projections
            if (found := self.generations[one.generation]).engine not in (0, ENGINE)
            or found.hash not in ("", one.machine.hash)
        ]

    @property
    def has_rows_to_remove(self) -> bool:
        """Whether rows are left of a generation that nobody reads any more."""
        return any(one.has_rows_to_remove for one in self.generations.values())

    def has_stood_by(self, now: int) -> bool:
        """Tell whether a generation has stood by for long enough."""
        return any(one.has_stood_by(now) for one in self.generations.values())

    def of_model(self, tenant: str, model: str, *statuses: GenerationStatus) -> list[Generation]:
        """Return the generations of a model that have one of *statuses*, oldest first."""
        return [
            one
            for one in self.generations.values()
            if (one.tenant, one.model) == (tenant, model) and one.status in statuses
        ]

    def version(self, tenant: str, model: str, number: int | None) -> ModelVersion | None:
        """Return that version; without a number the active one, else the newest."""
        versions = self.versions.get((tenant, model), [])
        if number is None:
            active = self.active(tenant, model)
            number = active[0].version if active else len(versions)
        if not 0 < number <= len(versions):
            return None
        return self._shown(versions[number - 1])

    def all_versions(self, tenant: str, model: str) -> list[ModelVersion]:
        """Return the versions of a model, newest first."""
        return [self._shown(one) for one in reversed(self.versions.get((tenant, model), []))]

    def models(self, tenant: str) -> list[ModelVersion]:
        """Return of each model the version that `version` answers without a number."""
        keys = sorted(model for named, model in self.versions if named == tenant)
        found = [self.version(tenant, key, None) for key in keys]
        return [one for one in found if one is not None]

    def _shown(self, version: ModelVersion) -> ModelVersion:
        """Return *version* with what its generations say of its life."""
        key = (version.tenant, version.model, version.version)
        found = {one.status: one for one in self._of_version.get(key, ())}
        active = found.get("active")
        return replace(
            version,
            active_generation=None if active is None else active.generation,
            state=_state_of(version, found.keys()),
        )


def _state_of(version: ModelVersion, statuses: Collection[GenerationStatus]) -> VersionState:
    """Return how far *version* has come, whose generations have *statuses*."""
    for status in ("active", "standby"):
        if status in statuses:
            return status
    if not {"retired", "removed"}.isdisjoint(statuses):
        return "retired"
    if version.backtested_at is not None:
        return "backtested"
    return "draft" if version.validated_at is None else "validated"
