"""Models: documents read, checked, stored as versions, and made active by folding history anew.

A parsed model is kept by its hash, because a version never changes. Activation is a job: the new
generation is built beside the one that readers see, and takes its place in one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from domain.check import Finding, check_model
from domain.document import ModelError, parse_model
from domain.document import Problem as DocumentProblem
from domain.model import Model
from projections.backtesting import trials
from service import notes
from service.errors import Place, Problem
from service.modelling.activation import Plan, expect_valid, one_before, terms_of
from service.modelling.model_files import read_located
from service.modelling.rebuilds import Rebuilds
from service.ports import Clock, Generation, ModelVersion, Store, Terms

FIRST_SECONDS_MAX = 5.0
"""How long first versions of models are waited for while history is folded."""

REBUILD = Plan()

_KEPT_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Draft:
    """A model document that can be stored.

    Attributes:
        source: The text it was read from.
        findings: What its author may want to mend, or must before it can be activated.
    """

    model: Model
    source: str
    findings: tuple[Finding, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether none of the findings is an error."""
        return all(each.severity != "error" for each in self.findings)


class Catalogue:
    """The models of all tenants."""

    def __init__(self, store: Store, clock: Clock, rebuilds: Rebuilds) -> None:
        self._store = store
        self._clock = clock
        self._rebuilds = rebuilds
        self._parsed: dict[str, Model] = {}

    def read(
        self, text: bytes, kind: str, *, key: str | None = None, is_draft: bool = False
    ) -> Draft:
        """Return the model that *text* describes.

        Args:
            text: YAML or JSON.
            kind: Media type or suffix.
            key: The name it must have; None for any.
            is_draft: Take it with errors, too, as long as it is a model's document.

        Raises:
            Problem: `model_invalid`, with every problem and its path.
        """
        try:
            located = read_located(text, kind)
        except ModelError as error:
            raise _invalid(error.problems) from None
        try:
            model = parse_model(located.document)
        except ModelError as error:
            raise _invalid(located.locate(error.problems)) from None
        if key is not None and model.key != key:
            message = f"the path names {key!r}, the document {model.key!r}; make them one"
            raise _invalid([DocumentProblem("model", "wrong_key", message)])
        findings = check_model(model)
        errors = [each for each in findings if each.severity == "error"]
        if errors and not is_draft:
            raise _invalid(errors)
        return Draft(model, text.decode(), findings)

    def model_of(self, version: ModelVersion) -> Model:
        """Return the parsed model of *version*."""
        model = self._parsed.get(version.hash)
        if model is None:
            if len(self._parsed) >= _KEPT_MAX:
                self._parsed.clear()
            model = self._parsed[version.hash] = parse_model(json.loads(version.document))
        return model

    async def put(
        self, draft: Draft, *, tenant: str, author: str, expected_version: int | None = None
    ) -> ModelVersion:
        """Store *draft* as the next version of its model and return that version.

        Raises:
            VersionMismatch: The newest version is not *expected_version*.
        """
        model, now = draft.model, self._clock.now()
        version = ModelVersion(
            tenant=tenant,
            model=model.key,
            version=0,
            document=json.dumps(model.document, ensure_ascii=False, separators=(",", ":")),
            source=draft.source,
            hash=model.hash,
            created_at=now,
            created_by=author,
            validated_at=now if draft.is_valid else None,
            backtested_at=trials.tried_at(
                await self._store.look(trials.of_tenant(tenant), of=tenant), model.key, model.hash
            ),
        )
        if notes.pending() is not None:
            notes.tell(before=await self._newest(tenant, model.key))
        return await self._store.put_model(version, expected_version=expected_version)

    async def _newest(self, tenant: str, key: str) -> ModelVersion | None:
        versions = await self._store.model_versions(tenant, key)
        return versions[0] if versions else None

    async def find(self, tenant: str, key: str, version: int | None = None) -> ModelVersion:
        """Return that version, or the active one, or the newest.

        Raises:
            Problem: `model_not_found`.
        """
        found = await self._store.model(tenant, key, version)
        if found is None:
            name = key if version is None else f"{key} version {version}"
            raise Problem("model_not_found", f"there is no model {name[:120]!a}")
        return found

    async def activate(
        self, tenant: str, key: str, version: int, plan: Plan = REBUILD
    ) -> Generation:
        """Return the job that makes that version the active one, as *plan* says.

        Raises:
            Problem: `model_not_found`, `activation_refused`, or `validation_failed` for the plan.
        """
        coming = await self.find(tenant, key, version)
        expect_valid(coming)
        active = await self.find(tenant, key)
        number = active.active_generation
        old = None if number is None else self.model_of(active)
        terms = terms_of(plan, self.model_of(coming), old, number)
        return await self._rebuilds.begin(tenant, key, version, terms=terms)

    async def rebuild(
        self, tenant: str, key: str, version: int | None = None, *, activates: bool = True
    ) -> Generation:
        """Return the job that folds history anew by the active version, or by the one named.

        The active version goes on to tell of what it tells: of all history, or from its activation.

        Raises:
            Problem: `model_not_found`, or `activation_refused` for a draft with errors.
        """
        found = await self.find(tenant, key, version)
        expect_valid(found)
        terms = Terms(like=found.active_generation, activates=activates)
        return await self._rebuilds.begin(tenant, key, found.version, terms=terms)

    async def activate_first(self, version: ModelVersion) -> ModelVersion:
        """Return *version*, of a model that had none before, after making it the active one.

        There is nothing that it could take the place of, so nobody has to ask for it. Where history
        is long the job goes on after `FIRST_SECONDS_MAX`, and readers see the model when it ends.
        """
        begun = await self.begin_first(version)
        await self._rebuilds.ended(begun, seconds=FIRST_SECONDS_MAX)
        return await self.find(version.tenant, version.model, version.version)

    async def rollback(self, tenant: str, key: str) -> Generation:
        """Return the generation of before: active at once where it stands by, else being rebuilt.

        Nothing is announced. Where it is rebuilt, readers see the present version until history has
        been folded; it tells of what it told of before.

        Raises:
            Problem: `model_not_found`; `rollback_refused` where there is nothing to go back to, or
                where a rebuild of the model is under way.
        """
        await self.find(tenant, key)
        before = one_before(key, await self._store.generations(tenant, limit=_KEPT_MAX))
        now = self._clock.now()
        until = self._rebuilds.standby_until(now)
        swapped = await self._store.swap_standby(tenant, key, now, standby_until=until)
        if swapped is not None:
            return swapped
        terms = Terms(like=before.generation)
        return await self._rebuilds.begin(tenant, key, before.version, terms=terms)

    async def standby(self, tenant: str, key: str) -> Generation | None:
        """Return the generation that a rollback would lead back to at once, if there is one."""
        found = await self._store.generations(tenant, limit=_KEPT_MAX)
        return next((one for one in found if (one.model, one.status) == (key, "standby")), None)

    async def activate_and_wait(self, version: ModelVersion) -> None:
        """Make *version* the active one before returning: at a first start there is no history.

        Several processes may do so at once; it becomes active once.
        """
        await self._rebuilds.ended(await self.begin_first(version))

    async def begin_first(self, version: ModelVersion) -> Generation:
        """Return the job that makes *version* active; the same one whoever begins it again."""
        terms = Terms(once=True)
        return await self._rebuilds.begin(
            version.tenant, version.model, version.version, terms=terms
        )


def _invalid(found: Iterable[Finding | DocumentProblem]) -> Problem:
    places = [place_of(each) for each in found]
    count = "1 problem" if len(places) == 1 else f"{len(places)} problems"
    message = f"the model has {count}: " + "; ".join(each.message for each in places[:3])
    return Problem("model_invalid", message, errors=places)


def place_of(finding: Finding | DocumentProblem) -> Place:
    """Return where in a document *finding* is, in the words of the document."""
    message = finding.message
    if finding.line is not None:
        message = f"{message} (line {finding.line}, column {finding.column})"
    return Place(finding.path, finding.code, message)
