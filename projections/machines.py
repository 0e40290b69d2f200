"""Machines by model version: compiled once, kept while anything folds with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace

from domain.document import parse_model
from domain.machine import Machine, compile_model
from projections.catalogue import Generation, ModelVersion
from projections.records import Projection

Compile = Callable[[str], Machine]
FOLDED = ("building", "ready", "active")


def compile_document(document: str) -> Machine:
    """Return the machine of a model document in canonical JSON."""
    return compile_model(parse_model(json.loads(document)))


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
        self.projections: tuple[Projection, ...] = ()

    def renewed(
        self, versions: Iterable[ModelVersion], generations: Iterable[Generation]
    ) -> Catalogue:
        """Return the catalogue of these rows."""
        renewed = Catalogue(self._compile)
        renewed._machines = self._machines
        for version in versions:
            renewed.versions.setdefault((version.tenant, version.model), []).append(version)
        renewed.generations = {one.generation: one for one in generations}
        renewed.projections = tuple(
            renewed._projection(one) for one in renewed.generations.values() if one.status in FOLDED
        )
        return renewed

    def _projection(self, generation: Generation) -> Projection:
        version = self.versions[generation.tenant, generation.model][generation.version - 1]
        machine = self._machines.get(version.hash)
        if machine is None:
            machine = self._machines[version.hash] = self._compile(version.document)
        return Projection(
            generation=generation.generation,
            tenant=generation.tenant,
            model=generation.model,
            version=generation.version,
            machine=machine,
            is_account=machine.model.subject == "account",
            is_active=generation.status == "active",
            buckets_done=generation.buckets_done,
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
        for projection in self.active(version.tenant, version.model):
            if projection.version == version.version:
                return replace(version, active_generation=projection.generation)
        return version
