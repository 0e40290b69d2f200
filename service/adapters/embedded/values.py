"""Rows made into values, and pages cut from lists of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import cast

from domain.instants import SECOND
from domain.machine import ENGINE
from projections.asking import Ref
from projections.events.history import HistoryPage, SubjectHistory, counting
from projections.events.log import ApiFormat, StoredEvent, SubjectKey, SubjectKind
from projections.models.catalogue import Generation
from projections.reading.answers import Page, Positions, TransitionRecord
from projections.rows.changes import EVENT_COLUMNS, Row
from projections.rows.questions import AskBucketLoads, AskProfilesIn, Head, HistoryOf
from projections.rows.records import RECORD_COLUMNS, Projection, record_of
from projections.subjects.profiles import Profile
from service.adapters.embedded.rows import Readings

_WIDTH = len(EVENT_COLUMNS)
_EFFECTIVE_AT = RECORD_COLUMNS.index("effective_at")
HISTORY_PAUSE = 30 * SECOND
"""So long after its newest event an import of the past counts as being under way."""

_RECORDS_MAX = 4_096


def history_of(profile: Profile, known_at: int | None = None) -> HistoryOf:
    """Return the request for all that is in the log of *profile*."""
    return HistoryOf(profile.ref, profile.members, profile.is_account, known_at=known_at)


def history_of_names(
    readings: Readings, tenant: str, names: Sequence[SubjectKey], known_at: int | None
) -> HistoryOf | None:
    """Return the request for all that is in the log of *names* together; None if none is known."""
    found = (readings.identity(tenant, name) for name in names)
    members = tuple(one.ref for one in found if one is not None)
    if not members:
        return None
    return HistoryOf(members[0], members, names[0].kind == "account", known_at=known_at)


def history_page(
    readings: Readings, asked: AskProfilesIn, limit: int, known_at: int
) -> HistoryPage:
    """Return the histories of about *limit* events, from the first bucket that is asked for."""
    loads = readings.bucket_loads(
        AskBucketLoads(asked.tenant, asked.is_account, asked.first, limit)
    )
    is_last = sum(load for _, load in loads) < limit or loads[-1][0] >= asked.end
    end = asked.end if is_last else loads[-1][0] + 1
    profiles = readings.profiles_in(replace(asked, end=end))
    found = readings.histories([history_of(one, known_at) for one in profiles])
    return HistoryPage(
        [SubjectHistory(one.key, counting(found.get(one.ref, []))) for one in profiles],
        sum(load for bucket, load in loads if bucket < end),
        end,
    )


def positions_of(readings: Readings) -> Positions:
    """Return how far everything has come."""
    return positions_at(readings.head())


def positions_at(head: Head) -> Positions:
    """Return how far everything has come where *head* is."""
    return Positions(head.position, head.projected, head.feed, head.recorded_at, head.erased)


def is_due(readings: Readings, now: int) -> bool:
    """Tell whether there is anything to sweep.

    Nothing is while events wait to be folded, or while the past is being brought in: the next
    batch of it may tell of what ended a silence.
    """
    if not readings.due_count(now, 1)[0]:
        return False
    head = readings.head()
    is_importing = head.recorded_at <= now and readings.has_history_since(now - HISTORY_PAUSE)
    return head.is_level and not is_importing


def known_of(readings: Readings, known_at: int | None) -> int | None:
    """Return up to which position a history is read: never behind what has been folded."""
    head = readings.head()
    if head.is_level:
        return known_at
    return head.projected if known_at is None else min(known_at, head.projected)


@lru_cache(_RECORDS_MAX)
def transition_record(row: Row, projection: Projection, subject: SubjectKey) -> TransitionRecord:
    """Return the record that *row* holds in *projection*; those read of late are remembered."""
    return record_of(
        row,
        tenant=projection.tenant,
        subject=subject,
        model=projection.model,
        version=projection.lineage.era_at(row[_EFFECTIVE_AT]).version,
    )


def stored_event(row: Row, voids: frozenset[str] = frozenset()) -> StoredEvent:
    """Return the event that *row* holds: event columns, then kind and id of its subject."""
    (position, _, _, tenant, event_type, event_id, source, account_id, *rest) = row[:_WIDTH]
    occurred_at, recorded_at, effective_at, late, historical, api_format, *tail = rest
    key_id, traceparent, payload = tail
    kind, name = row[_WIDTH : _WIDTH + 2]
    return StoredEvent(
        position=position,
        tenant=tenant,
        subject=SubjectKey(cast("SubjectKind", kind), name),
        account_id=account_id,
        event_id=event_id,
        source=source,
        type=event_type,
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        effective_at=effective_at,
        payload=payload,
        api_format=cast("ApiFormat", api_format),
        key_id=key_id,
        historical=bool(historical),
        traceparent=traceparent,
        late=bool(late),
        voided=event_id in voids and not event_type.startswith("$void"),
    )


def in_sequence(
    readings: Readings,
    profile: Profile,
    projections: Sequence[Projection],
    *,
    after: tuple[int | str, ...] | None,
    limit: int,
    include_retracted: bool,
) -> Page[TransitionRecord]:
    """Return records by (model, sequence, number)."""
    model, behind = "", None
    if after is not None:
        model, behind = str(after[0]), cast("tuple[int, int]", tuple(after[1:]))
    found: list[TransitionRecord] = []
    for projection in projections:
        if projection.model < model or len(found) > limit:
            continue
        rows = readings.records(
            projection.generation,
            profile.ref,
            order="sequence",
            after=behind if projection.model == model else None,
            limit=limit + 1 - len(found),
            include_retracted=include_retracted,
        )
        found += [transition_record(row, projection, profile.key) for row in rows]
    last = found[limit - 1] if len(found) > limit else None
    mark = None if last is None else (last.model, last.sequence, last.number)
    return Page(tuple(found[:limit]), mark)


def newest_first(
    readings: Readings,
    profile: Profile,
    projections: Sequence[Projection],
    *,
    after: tuple[int | str, ...] | None,
    limit: int,
    include_retracted: bool,
) -> Page[TransitionRecord]:
    """Return records of all models, the latest instant first; ties by model, then by number.

    The mark names how many of its instant were told, so no record is told twice or left out.
    """
    instant, told = (None, 0) if after is None else (int(after[0]), int(after[1]))
    found: list[TransitionRecord] = []
    for projection in projections:
        rows = readings.records(
            projection.generation,
            profile.ref,
            order="newest",
            after=None if instant is None else (instant + 1, 0),
            limit=limit + told + 1,
            include_retracted=include_retracted,
        )
        found += [transition_record(row, projection, profile.key) for row in rows]
    found.sort(key=lambda one: (-one.effective_at, one.model, -one.number))
    found = found[told:]
    shown = found[:limit]
    if len(found) <= limit:
        return Page(tuple(shown), None)
    last = shown[-1].effective_at
    same = sum(one.effective_at == last for one in shown)
    return Page(tuple(shown), (last, same + told if last == instant else same))


def names_of(readings: Readings, refs: Iterable[Ref]) -> dict[Ref, SubjectKey]:
    """Return the names of subjects by where their rows are."""
    found = readings.identities(sorted(set(refs)))
    return {one.ref: SubjectKey(one.kind, one.name) for one in found}


def told_outdated(found: Sequence[Generation]) -> str:
    """Return what is to be said of generations that cannot be folded on."""
    names = ", ".join(
        f"{one.model} version {one.version} (rebuild {one.generation})" for one in found
    )
    return (
        f"projections of {names} were folded by another engine than this release has (engine"
        f" {ENGINE}); fold them anew: stop every process and run stagefold rebuild outdated"
    )
