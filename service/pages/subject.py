"""One customer or company as a page shows it: where they are, why, what next, and their story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.instants import DAY
from service.language.speaker import Language
from service.pages.board import name_of
from service.pages.catalogue import ModelLabel, by_key
from service.pages.standing import Place, distinct, place_of, shown
from service.pages.story import Day, Teller
from service.ports import StoredEvent, Subject, SubjectKey, SubjectSnapshot, TransitionRecord
from service.services import Services
from service.standing import Standing, pending_records, standing_now
from service.timeline import Mark, Timeline, timeline

ENTRIES_MAX = 300


@dataclass(frozen=True, slots=True)
class SubjectView:
    """A subject, ready to be written down.

    Attributes:
        places: Where it stands, the model in focus first.
        days: A part of its story, newest first.
        next_mark: Where the story goes on; None at its end.
    """

    subject: Subject
    name: str | None
    traits: tuple[tuple[str, str], ...]
    personas: tuple[str, ...]
    places: tuple[Place, ...]
    days: tuple[Day, ...]
    next_mark: Mark | None


@dataclass(frozen=True, slots=True)
class Look:
    """How somebody looks at a subject.

    Attributes:
        labels: The active models.
        focus: Key of the model looked at first; None for the first one.
        mark: From where on the story is told.
    """

    tenant: str
    labels: Sequence[ModelLabel]
    language: Language
    focus: str | None
    mark: Mark


async def subject_view(services: Services, key: SubjectKey, look: Look) -> SubjectView | None:
    """Return the subject; None where no event has named it."""
    found = await services.store.snapshot(look.tenant, key)
    if found is None:
        return None
    now = services.clock.now()
    labels = by_key(look.labels)
    standings = [standing_now(row, now) for row in found.stages if row.model in labels]
    part = await timeline(
        services.store,
        look.tenant,
        found.subject.key,
        pending=_pending(found, standings, look.tenant),
        mark=look.mark,
        limit=ENTRIES_MAX,
    )
    places = [
        place_of(
            each,
            labels[each.model],
            look.language,
            now=now,
            event_types=await _types(services, look.tenant, each, part),
        )
        for each in _focused_first(standings, look)
    ]
    subject = found.subject
    return SubjectView(
        subject=subject,
        name=name_of(subject),
        traits=tuple((name, shown(value)) for name, value in sorted(subject.traits.items())),
        personas=distinct(places),
        places=tuple(places),
        days=_days(part, labels, places, look, now=now),
        next_mark=part.mark,
    )


def _pending(
    found: SubjectSnapshot, standings: Sequence[Standing], tenant: str
) -> list[TransitionRecord]:
    """Return what time alone has brought about and no sweep has written down yet."""
    rows = {row.model: row for row in found.stages}
    return [
        record
        for each in standings
        for record in pending_records(
            rows[each.model], each, tenant=tenant, subject=found.subject.key
        )
    ]


def _focused_first(standings: Sequence[Standing], look: Look) -> list[Standing]:
    order = [label.key for label in look.labels]
    return sorted(standings, key=lambda each: (each.model != look.focus, order.index(each.model)))


async def _types(
    services: Services, tenant: str, standing: Standing, part: Timeline
) -> Mapping[str, str]:
    """Return the type of the event that brought the subject to its stage, by its id."""
    event_id = None if standing.cause is None else standing.cause.event_id
    if event_id is None:
        return {}
    for entry in part.entries:
        if isinstance(entry, StoredEvent) and entry.event_id == event_id:
            return {event_id: entry.type}
    events = await services.store.events_with_id(tenant, event_id)
    return {event_id: events[0].type} if events else {}


def _days(
    part: Timeline,
    labels: Mapping[str, ModelLabel],
    places: Sequence[Place],
    look: Look,
    *,
    now: int,
) -> tuple[Day, ...]:
    if not labels:
        return ()
    focus = places[0].label.key if places else next(iter(labels))
    after = now if look.mark == Mark() else _newest(part)
    return Teller(labels, focus, look.language).days(part.entries, since=after)


def _newest(part: Timeline) -> int:
    return part.entries[0].effective_at if part.entries else DAY
