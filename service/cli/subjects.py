"""What there is to tell of one customer, read at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from domain.machine.explain import RuleExplanation
from domain.model import Model
from domain.transitions import Cause
from service.access.keys import DEFAULT_TENANT
from service.ports import Subject, SubjectKey, SubjectSnapshot
from service.services import Services
from service.standing import Standing, standing_now, standing_then

Explained = tuple[Standing, tuple[RuleExplanation, ...]]


@dataclass(frozen=True, slots=True)
class Life:
    """A customer at an instant.

    Attributes:
        now: The instant of which everything is told.
        standings: Where they stand in each model, with every rule that watches their stage.
        event_types: Id of an event named as a cause -> its type, where it is known.
    """

    subject: Subject
    now: int
    standings: tuple[Explained, ...]
    event_types: dict[str, str]

    def model_of(self, standing: Standing) -> Model:
        """Return the model that *standing* is about."""
        return standing.machine.model


async def life_of(
    services: Services, customer_id: str, model: str | None, instant: int | None
) -> Life | None:
    """Return the customer's life at *instant*, or now; None where no event has named them.

    Raises:
        Problem: `model_not_found`.
    """
    key = SubjectKey.of_customer(customer_id)
    found = await services.store.snapshot(DEFAULT_TENANT, key, model=model)
    if found is None:
        return None
    if model is not None and not found.stages:
        await services.catalogue.find(DEFAULT_TENANT, model)
    now = services.clock.now() if instant is None else instant
    standings = await _standings(services, found, now, is_past=instant is not None)
    explained = tuple((each, each.machine.explain(each.state, now)) for each in standings)
    causes = [each.cause for each in standings if each.cause is not None]
    return Life(found.subject, now, explained, await _types(services, causes))


async def _standings(
    services: Services, found: SubjectSnapshot, now: int, *, is_past: bool
) -> list[Standing]:
    if not is_past:
        return [standing_now(row, now) for row in found.stages]
    subject = found.subject
    history = await services.store.history(
        DEFAULT_TENANT, subject.key, aliases=subject.aliases, known_at=found.positions.applied
    )
    then = [standing_then(row, history, now) for row in found.stages]
    return [each for each in then if each is not None]


async def _types(services: Services, causes: list[Cause]) -> dict[str, str]:
    """Return the types of the events that *causes* name."""
    types: dict[str, str] = {}
    for event_id in {each.event_id for each in causes if each.event_id}:
        stored = await services.store.events_with_id(DEFAULT_TENANT, event_id)
        if stored:
            types[event_id] = stored[0].type
    return types
