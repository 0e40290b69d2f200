"""What people ask of the store in memory, answered by looking at everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from domain.transitions import ACTIVATION_RULE
from projections.asking import Ref
from projections.events.history import LoggedEvent
from projections.events.log import SubjectKey
from projections.models.catalogue import ApiKey, Generation, ModelVersion
from projections.reading.answers import CustomerQuery, EventTypeCount
from projections.reading.boards import Moment, Span
from projections.reading.health import Finding
from projections.reading.lists import Listed, merged, trait_matches
from projections.rebuilding.diffs import Matrix, Restaged, Sides
from projections.registers.register import AskEntries, AskFirsts
from projections.rows.changes import EVENT_COLUMNS, Row
from projections.rows.questions import AskBucketLoads, AskProfilesIn, Head, HistoryOf
from projections.rows.records import (
    LATEST_COLUMNS,
    RECORD_COLUMNS,
    STAY_COLUMNS,
    Latest,
    RecordRow,
    stay_of,
)
from projections.safekeeping.seals import Seal
from projections.subjects.profiles import (
    DAY,
    PROFILE_COLUMNS,
    Identity,
    Profile,
    ProfileRow,
    identity_of,
    traits_of,
)
from service.adapters.embedded.rows import NEWEST_LOOKED_AT
from service.adapters.memory import diffs, erased
from service.adapters.memory.rows import MemoryRows

_EVENT = {name: place for place, name in enumerate(EVENT_COLUMNS)}
_RECORD = {name: place for place, name in enumerate(RECORD_COLUMNS)}
_PROFILE = {name: place for place, name in enumerate(PROFILE_COLUMNS)}
_RETRACTED = len(RECORD_COLUMNS)


class MemoryReadings:
    """Looks at *rows*."""

    kind: Literal["memory", "sqlite", "postgresql"] = "memory"

    def __init__(self, rows: MemoryRows) -> None:
        """Answer from *rows*."""
        self._rows = rows

    def head(self) -> Head:
        return self._rows.head()

    def position_at(self, instant: int) -> int:
        recorded_at = _EVENT["recorded_at"]
        return sum(row[recorded_at] <= instant for row in self._rows.events)

    def generations(self) -> list[Generation]:
        return self._rows.generations()

    def versions(self) -> list[ModelVersion]:
        return self._rows.versions()

    def keys(self) -> list[ApiKey]:
        return sorted(self._rows.api_keys.values(), key=lambda key: (key.created_at, key.id))

    def key(self, key_id: str) -> ApiKey | None:
        return self._rows.api_keys.get(key_id)

    def firsts(self, asked: AskFirsts) -> list[Row]:
        return self._rows.registers.read_firsts(asked)

    def entries(self, asked: AskEntries) -> list[Row]:
        return self._rows.registers.read(asked)

    def identity(self, tenant: str, key: SubjectKey) -> Identity | None:
        row = self._rows.names.get((tenant, key.kind, key.id))
        return None if row is None else identity_of(row)

    def identities(self, refs: Sequence[Ref]) -> list[Identity]:
        return self._rows.identities(refs)

    def waiting_since(self) -> int | None:
        return self._rows.backlog[0][2] if self._rows.backlog else None

    def has_history_since(self, instant: int) -> bool:
        recorded_at, historical = _EVENT["recorded_at"], _EVENT["historical"]
        newest = self._rows.events[-NEWEST_LOOKED_AT:]
        return any(row[historical] and row[recorded_at] >= instant for row in newest)

    def former_root(self, ref: Ref) -> Ref | None:
        return self._rows.former_roots.get(ref)

    def profiles(self, refs: Sequence[Ref]) -> list[Profile]:
        return self._rows.profiles_of(refs)

    def profile_row(self, tenant: str, key: SubjectKey) -> ProfileRow | None:
        found = self.identity(tenant, key)
        return None if found is None else self._rows.profiles.get(found.root)

    def histories(self, requests: Sequence[HistoryOf]) -> Mapping[Ref, list[LoggedEvent]]:
        return self._rows.histories(requests)

    def bucket_loads(self, asked: AskBucketLoads) -> list[tuple[int, int]]:
        return self._rows.bucket_loads(asked)

    def profiles_in(self, asked: AskProfilesIn) -> list[Profile]:
        return self._rows.profiles_in(asked)

    # ------------------------------------------------------------ seals

    def seals_behind(self, position: int, limit: int) -> list[Seal]:
        return [seal for seal in self._rows.seals if seal.to_position > position][:limit]

    def seals_before(self, position: int, limit: int) -> list[Seal]:
        found = [seal for seal in self._rows.seals if seal.to_position < position]
        return found[::-1][:limit]

    def sealable(self, after: int, end: int, limit: int) -> list[Row]:
        rows = self._rows.events[max(after, 0) : end][:limit]
        return [(*row, *self._rows.sent_for(row), *erased.of_seal(self._rows, row)) for row in rows]

    # ------------------------------------------------------------ records

    def held_records(
        self, generations: Sequence[int], refs: Sequence[Ref]
    ) -> Mapping[tuple[int, Ref], list[RecordRow]]:
        return self._rows.held_records(generations, refs)

    def places(
        self, generations: Sequence[int], refs: Sequence[Ref]
    ) -> Mapping[tuple[int, Ref], tuple[str, int]]:
        found = self._rows.stages
        keys = [(generation, ref) for ref in refs for generation in generations]
        return {key: found[key] for key in keys if key in found}

    def latest(self, generation: int, ref: Ref) -> Latest | None:
        newest = next(reversed(self._transitions(generation, ref)), None)
        return (
            None if newest is None else Latest(*(newest[_RECORD[name]] for name in LATEST_COLUMNS))
        )

    def _transitions(self, generation: int, ref: Ref) -> list[Row]:
        rows = self._rows.records.get((generation, ref), [])
        kind = _RECORD["kind"]
        return [tuple(r) for r in rows if r[kind] == "transition" and r[_RETRACTED] is None]

    def stay(self, generation: int, ref: Ref, as_of: int) -> tuple[str, int] | None:
        found = None
        for row in self._transitions(generation, ref):
            if row[_RECORD["effective_at"]] <= as_of:
                found = stay_of([row[_RECORD[name]] for name in STAY_COLUMNS])
        return found

    def records(
        self,
        generation: int,
        ref: Ref,
        *,
        order: Literal["sequence", "newest"],
        after: tuple[int, int] | None,
        limit: int,
        include_retracted: bool,
    ) -> list[Row]:
        is_newest = order == "newest"
        place, number = _RECORD["effective_at" if is_newest else "sequence"], _RECORD["number"]
        found = [
            tuple(row)
            for row in self._rows.records.get((generation, ref), [])
            if include_retracted or row[_RETRACTED] is None
        ]
        found.sort(key=lambda row: (row[place], row[number]), reverse=is_newest)
        if after is not None:
            found = [
                row
                for row in found
                if (row[place], row[number]) != after
                and ((row[place], row[number]) < after) is is_newest
            ]
        return found[:limit]

    # ------------------------------------------------------------ the log and the feed

    def events_of(
        self,
        request: HistoryOf,
        *,
        after: tuple[int, int] | None,
        limit: int,
        newest_first: bool,
    ) -> list[Row]:
        place = _EVENT["effective_at"]
        rows = self._rows.history_rows(request)
        if newest_first:
            rows.reverse()
        if after is not None:
            rows = [
                row
                for row in rows
                if (row[place], row[0]) != after and ((row[place], row[0]) < after) is newest_first
            ]
        return [self._shown(row) for row in rows[:limit]]

    def _shown(self, row: Row) -> Row:
        return (*row, *self._rows.sent_for(row))

    def log(self, tenant: str, *, after: int, limit: int, event_type: str | None) -> list[Row]:
        found = [
            row
            for row in self._rows.events[after:]
            if row[_EVENT["tenant"]] == tenant and event_type in (None, row[_EVENT["type"]])
        ]
        return [self._shown(row) for row in found[:limit]]

    def event(self, position: int) -> Row | None:
        if not 0 < position <= len(self._rows.events):
            return None
        return self._shown(self._rows.events[position - 1])

    def events_with_id(self, tenant: str, event_id: str) -> list[Row]:
        return [
            self._shown(row)
            for row in self._rows.events
            if row[_EVENT["tenant"]] == tenant and row[_EVENT["event_id"]] == event_id
        ]

    def feed(self, tenant: str, *, after: int, limit: int) -> list[tuple[Row, Row]]:
        found = [row for row in self._rows.feed[after:] if row[1] == tenant][:limit]
        return [(row, self._record(row)) for row in found]

    def _record(self, feed_row: Row) -> Row:
        bucket, generation, subject_id, number = feed_row[2:6]
        rows = self._rows.records[generation, (bucket, subject_id)]
        return tuple(next(row for row in rows if row[_RECORD["number"]] == number))

    def event_types(self, tenant: str) -> list[EventTypeCount]:
        return [
            EventTypeCount(event_type, *seen)
            for (named, event_type), seen in sorted(self._rows.types.items())
            if named == tenant
        ]

    # ------------------------------------------------------------ what waits

    def parked(self, tenant: str, limit: int) -> list[Row]:
        found = [
            row
            for row in self._rows.parked.values()
            if self._rows.all_generations[row[1]].tenant == tenant
        ]
        return sorted(found, key=lambda row: (row[3], row[:3]))[:limit]

    def parked_count(self) -> int:
        return len(self._rows.parked)

    def due(self, tenant: str | None, instant: int, limit: int | None) -> list[Profile]:
        return self._rows.due(tenant, instant, limit)

    def due_count(self, instant: int, limit: int) -> tuple[int, int | None]:
        found = self._rows.due(None, instant, limit)
        return len(found), found[0].due_at if found else None

    def touched_since(self, tenant: str, position: int) -> list[Ref]:
        found: set[Ref] = set()
        for row in self._rows.events[position:]:
            if row[_EVENT["tenant"]] == tenant:
                root = self._rows.subjects[row[1], row[2]][7:9]
                found.add((root[0], root[1]))
                account = row[_EVENT["account_id"]]
                if account is not None:
                    named = self._rows.names[tenant, "account", account]
                    found.add((named[0], named[1]))
        return sorted(found)

    # ------------------------------------------------------------ boards and lists

    def open_days(self, moment: Moment) -> Iterable[tuple[str, int, int]]:
        stays = Counter((stage, entered_at // DAY) for stage, entered_at in self._open(moment))
        return [(stage, day, count) for (stage, day), count in stays.items()]

    def entered(self, moment: Moment, spans: Sequence[Span]) -> Iterable[tuple[str, Sequence[int]]]:
        return [
            (stage, [at])
            for stage, at in self._open(moment)
            for span in spans
            if stage == span.stage and span.first <= at <= span.last
        ]

    def _open(self, moment: Moment) -> Iterator[tuple[str, int]]:
        """Yield the stays that were open, those of the present first."""
        as_of, until = moment.as_of, moment.until
        for (number, _), (stage, entered_at) in self._rows.stages.items():
            if number == moment.generation and entered_at <= as_of and until is None:
                yield stage, entered_at
        for number, ref in self._rows.records:
            for row in self._transitions(number, ref) if number == moment.generation else ():
                left_at, spent = row[_RECORD["effective_at"]], row[_RECORD["time_in_previous"]]
                if until is not None and left_at >= until and not _takes_over(row, until):
                    continue
                if spent is not None and left_at - spent <= as_of < left_at:
                    yield row[_RECORD["from_stage"]], left_at - spent

    def customers(
        self, query: CustomerQuery, generation: int | None, without: Sequence[Ref]
    ) -> list[Listed]:
        found = []
        for ref, row in self._rows.profiles.items():
            stage = self._rows.stages.get((generation or 0, ref))
            is_meant = row[_PROFILE["tenant"]] == query.tenant and (
                (row[3] == "account") is query.accounts
            )
            if not is_meant or ref in without or (generation is not None and stage is None):
                continue
            if stage is not None and not _stands(query, *stage):
                continue
            if trait_matches(traits_of(row[_PROFILE["traits"]]), tuple(query.traits.items())):
                values = {
                    "id": row[_PROFILE["name"]],
                    "last_event_at": row[_PROFILE["last_at"]],
                    "entered_at": 0 if stage is None else stage[1],
                }
                found.append(Listed(ref, row[_PROFILE["name"]], row[3], values[query.sort]))
        return merged(found, (), query)

    # ------------------------------------------------------------ condition

    def stage_matrix(self, sides: Sides) -> Matrix:
        return diffs.stage_matrix(self._rows, sides)

    def stage_changes(self, sides: Sides, after: Ref, limit: int) -> list[tuple[Ref, Restaged]]:
        return diffs.stage_changes(self._rows, sides, after, limit)

    def place(self) -> str:
        return "memory"

    def revision(self) -> str:
        return ""

    def size_bytes(self) -> int:
        return 0

    def details(self) -> Mapping[str, str]:
        return {}

    def inspect(self, *, thorough: bool) -> list[Finding]:  # noqa: ARG002 -- of the protocol
        return []


def _takes_over(row: Row, at: int) -> bool:
    """Tell whether *row* is how a version activated at *at* takes a subject over."""
    return (row[_RECORD["effective_at"]], row[_RECORD["rule"]]) == (at, ACTIVATION_RULE)


def _stands(query: CustomerQuery, stage: str, entered_at: int) -> bool:
    return (
        (not query.stages or stage in query.stages)
        and (query.entered_before is None or entered_at < query.entered_before)
        and (query.entered_after is None or entered_at >= query.entered_after)
    )
