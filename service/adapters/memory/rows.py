"""Tables as dictionaries: what scripts ask of the store in memory, and what they write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from projections.asking import GiveTurn, Question, Ref
from projections.events.history import LoggedEvent, logged
from projections.models.catalogue import ApiKey, Generation, ModelVersion
from projections.models.ranges import BucketRange, Built
from projections.rows.changes import EVENT_COLUMNS, Changes, LogRows, Row
from projections.rows.questions import (
    AskBacklog,
    AskBucketLoads,
    AskDue,
    AskEvents,
    AskHead,
    AskHistories,
    AskIdentities,
    AskIdentitiesOf,
    AskJoined,
    AskKeys,
    AskNewest,
    AskNumbers,
    AskParked,
    AskPayloads,
    AskProfiles,
    AskProfilesIn,
    AskRecords,
    AskSnapshots,
    EventKey,
    Head,
    HistoryOf,
    WriteChanges,
    WriteLog,
)
from projections.rows.records import RECORD_COLUMNS, RecordRow
from projections.safekeeping.seals import Seal
from projections.subjects.profiles import (
    DATED_COLUMNS,
    PROFILE_COLUMNS,
    TOUCHED_COLUMNS,
    Identity,
    Profile,
    Snapshot,
    identity_of,
    profile_of,
)
from service.adapters.memory import erased
from service.adapters.memory.registers import MemoryRegisters
from service.adapters.memory.removals import remove_rows

RecordKey = tuple[int, int, int, int]
_PLACE = {name: place for place, name in enumerate(EVENT_COLUMNS)}
_RECORD_WIDTH = len(RECORD_COLUMNS)
_PROFILE = {name: place for place, name in enumerate(PROFILE_COLUMNS)}


class MemoryRows:
    """All tables, each keyed as its SQL sister."""

    def __init__(self) -> None:
        self.events: list[Row] = []
        self.by_subject: dict[Ref, list[Row]] = {}
        self.by_account: dict[Ref, list[Row]] = {}
        self.event_keys: dict[EventKey, tuple[int, int]] = {}
        self.names: dict[tuple[str, str, str], Row] = {}
        self.subjects: dict[Ref, Row] = {}
        self.profiles: dict[Ref, Row] = {}
        self.stages: dict[tuple[int, Ref], tuple[str, int]] = {}
        self.records: dict[tuple[int, Ref], list[list[Any]]] = {}
        self.feed: list[Row] = []
        self.snapshots: dict[Ref, dict[int, Snapshot]] = {}
        self.parked: dict[tuple[int, int, int], Row] = {}
        self.types: dict[tuple[str, str], list[int]] = {}
        self.all_generations: dict[int, Generation] = {}
        self.all_versions: list[ModelVersion] = []
        self.api_keys: dict[str, ApiKey] = {}
        self.registers = MemoryRegisters()
        self.seals: list[Seal] = []
        self.salts: dict[Ref, bytes] = {}
        self.backlog: list[Row] = []
        self.former_roots: dict[Ref, Ref] = {}
        self._answers: dict[type[Question[Any]], Callable[[Any], Any]] = {
            GiveTurn: lambda _: None,
            AskHead: lambda _: self.head(),
            AskIdentities: self._identities,
            AskIdentitiesOf: lambda asked: self.identities(asked.refs),
            AskProfiles: lambda asked: self.profiles_of(asked.refs),
            AskJoined: self._joined,
            AskNewest: self._newest,
            AskBacklog: self._batches,
            AskEvents: lambda asked: list(
                map(self._logged, self.events[asked.first - 1 : asked.last])
            ),
            AskKeys: self._taken,
            AskPayloads: self._payloads,
            AskHistories: lambda asked: self.histories(asked.requests),
            AskRecords: lambda asked: self.held_records(asked.generations, asked.refs),
            AskNumbers: self._numbers,
            AskSnapshots: self._snapshots,
            AskDue: lambda asked: self.due(None, asked.now, asked.limit),
            AskParked: self._parked,
            AskBucketLoads: self.bucket_loads,
            AskProfilesIn: self.profiles_in,
            **self.registers.answers(),
            **erased.answers(self),
            WriteLog: lambda asked: self._write_log(asked.rows),
            WriteChanges: lambda asked: self._write(asked.changes),
        }

    @contextmanager
    def transaction(self) -> Iterator[None]:
        yield

    def is_alone(self) -> bool:
        return True

    def answer(self, question: Question[Any]) -> Any:  # noqa: ANN401 -- typed by the question
        return self._answers[type(question)](question)

    def close(self) -> None:
        pass

    # ------------------------------------------------------------ models and keys

    def generations(self) -> list[Generation]:
        return list(self.all_generations.values())

    def versions(self) -> list[ModelVersion]:
        return sorted(self.all_versions, key=lambda one: (one.tenant, one.model, one.version))

    def save_generation(self, generation: Generation) -> None:
        self.all_generations[generation.generation] = generation

    def add_built(self, generation: int, built: Built) -> None:
        pass  # the generation itself says so

    def forget_ranges(self, generation: int) -> None:
        pass

    def put_version(self, version: ModelVersion) -> None:
        key = (version.tenant, version.model, version.version)
        others = [one for one in self.all_versions if (one.tenant, one.model, one.version) != key]
        self.all_versions = [*others, version]

    def save_key(self, key: ApiKey) -> None:
        self.api_keys[key.id] = key

    def add_salts(self, salts: Sequence[Row]) -> None:
        for bucket, subject_id, salt in salts:
            self.salts.setdefault((bucket, subject_id), salt)

    def add_seal(self, seal: Seal) -> None:
        self.seals.append(seal)

    def remove_rows(self, generation: int, limit: int, found: BucketRange) -> int:
        return remove_rows(self, generation, limit, found)

    # ------------------------------------------------------------ answers

    def head(self) -> Head:
        recorded_at = self.events[-1][_PLACE["recorded_at"]] if self.events else 0
        position = len(self.events)
        projected = self.backlog[0][0] - 1 if self.backlog else position
        return Head(position, recorded_at, len(self.feed), projected, erased.newest(self))

    def _identities(self, asked: AskIdentities) -> list[Identity]:
        found = (self.names.get((tenant, kind, name)) for _, tenant, kind, name in asked.keys)
        return [identity_of(row) for row in found if row is not None]

    def identities(self, refs: Any) -> list[Identity]:  # noqa: ANN401 -- any iterable of refs
        return [identity_of(self.subjects[ref]) for ref in refs if ref in self.subjects]

    def profiles_of(self, refs: Any) -> list[Profile]:  # noqa: ANN401 -- any iterable of refs
        return [profile_of(self.profiles[ref]) for ref in refs if ref in self.profiles]

    def _joined(self, asked: AskJoined) -> list[tuple[int, int, int, int]]:
        roots = set(asked.refs)
        found = (identity_of(row) for row in self.subjects.values())
        return [(*one.ref, *one.root) for one in found if one.root in roots and one.root != one.ref]

    def _newest(self, asked: AskNewest) -> dict[Ref, int]:
        rows = self.by_account if asked.is_account else self.by_subject
        place = _PLACE["effective_at"]
        return {ref: max(row[place] for row in rows[ref]) for ref in asked.refs if ref in rows}

    def _batches(self, asked: AskBacklog) -> list[Row]:
        first = self.backlog[0][0] if self.backlog else 0
        return self.backlog[:1] + [row for row in self.backlog[1:] if row[1] - first < asked.limit]

    def _taken(self, asked: AskKeys) -> dict[EventKey, tuple[int, int]]:
        return {key: self.event_keys[key] for key in asked.keys if key in self.event_keys}

    def _payloads(self, asked: AskPayloads) -> dict[int, str]:
        return {place: self.events[place - 1][_PLACE["payload"]] for place in asked.positions}

    def histories(self, requests: Any) -> Mapping[Ref, list[LoggedEvent]]:  # noqa: ANN401 -- any iterable
        return {
            request.ref: [self._logged(row) for row in self.history_rows(request)]
            for request in requests
        }

    def history_rows(self, request: HistoryOf) -> list[Row]:
        """Return the event rows of a subject, in fold order."""
        if request.is_account:
            found = list(self.by_account.get(request.ref, ()))
        else:
            found = [row for ref in request.members for row in self.by_subject.get(ref, ())]
        after, known_at = request.after, request.known_at
        if after is not None:
            found = [row for row in found if fold_key(row) > after]
        if known_at is not None:
            found = [row for row in found if row[0] <= known_at]
        return sorted(found, key=fold_key)

    def _logged(self, row: Row) -> LoggedEvent:
        kind, name = self.sent_for(row)
        value = dict(zip(EVENT_COLUMNS, row, strict=True))
        return logged(
            (
                value["position"],
                value["effective_at"],
                value["type"],
                value["event_id"],
                value["source"],
                value["occurred_at"],
                f"anon:{name}" if kind == "anonymous" else name,
                value["payload"],
                value["api_format"],
                value["recorded_at"],
            )
        )

    def sent_for(self, event: Row) -> tuple[str, str]:
        """Return kind and id of the subject that an event row was sent for."""
        subject = self.subjects[event[1], event[2]]
        return subject[3], subject[4]

    def held_records(
        self, generations: Sequence[int], refs: Sequence[Ref]
    ) -> dict[tuple[int, Ref], list[RecordRow]]:
        """Return the records of subjects that hold, by number."""
        return {
            (generation, ref): [
                RecordRow(row[3], tuple(row[4:18]))
                for row in self.records[generation, ref]
                if row[_RECORD_WIDTH] is None
            ]
            for generation in generations
            for ref in refs
            if (generation, ref) in self.records
        }

    def _numbers(self, asked: AskNumbers) -> dict[tuple[int, Ref], int]:
        return {
            (generation, ref): max(row[3] for row in self.records[generation, ref])
            for generation in asked.generations
            for ref in asked.refs
            if self.records.get((generation, ref))
        }

    def _snapshots(self, asked: AskSnapshots) -> dict[Ref, list[Snapshot]]:
        return {ref: list(self.snapshots.get(ref, {}).values()) for ref in asked.refs}

    def due(self, tenant: str | None, instant: int, limit: int | None) -> list[Profile]:
        place = _PROFILE["due_at"]
        found = [
            row
            for row in self.profiles.values()
            if row[place] is not None and row[place] <= instant and tenant in (None, row[2])
        ]
        found.sort(key=lambda row: (row[place], row[:2]))
        return [profile_of(row) for row in found[:limit]]

    def _parked(self, asked: AskParked) -> list[tuple[Ref, int, int]]:
        due = sorted((row[6], key) for key, row in self.parked.items() if row[6] <= asked.now)
        return [
            ((bucket, subject), generation, self.parked[bucket, generation, subject][5])
            for _, (bucket, generation, subject) in due[: asked.limit]
        ]

    def bucket_loads(self, asked: AskBucketLoads) -> list[tuple[int, int]]:
        loads: Counter[int] = Counter()
        for row in self.profiles.values():
            if self._is_asked(row, asked.tenant, is_account=asked.is_account):
                loads[row[0]] += row[_PROFILE["events"]]
        found: list[tuple[int, int]] = []
        total = 0
        for bucket in sorted(bucket for bucket in loads if bucket >= asked.first):
            found.append((bucket, loads[bucket]))
            total += loads[bucket]
            if total >= asked.limit:
                break
        return found

    def profiles_in(self, asked: AskProfilesIn) -> list[Profile]:
        return [
            profile_of(row)
            for ref, row in sorted(self.profiles.items())
            if asked.first <= ref[0] < asked.end
            and self._is_asked(row, asked.tenant, is_account=asked.is_account)
        ]

    def _is_asked(self, profile: Row, tenant: str, *, is_account: bool) -> bool:
        return profile[2] == tenant and (profile[3] == "account") is is_account

    # ------------------------------------------------------------ writes

    def _write_log(self, rows: LogRows) -> None:
        for subject in (*rows.names, *rows.rejoined.values()):
            self.subjects[subject.ref] = subject.row
            self.names[subject.tenant, subject.kind, subject.name] = subject.row
        for row in rows.events:
            if row[0] != len(self.events) + 1:
                raise AssertionError(f"position {row[0]}: expected {len(self.events) + 1}")
            self.events.append(row)
            self.by_subject.setdefault((row[1], row[2]), []).append(row)
        for bucket, event_id, subject_id, source, position, content in rows.keys:
            self.event_keys[bucket, event_id, subject_id, source] = (position, content)
        for bucket, subject_id, _, position, _ in rows.links:
            event = self.events[position - 1]
            self.by_account.setdefault((bucket, subject_id), []).append(event)
        for key, (count, first, last) in rows.types.items():
            seen = self.types.setdefault(key, [0, first, last])
            seen[:] = [seen[0] + count, min(seen[1], first), max(seen[2], last)]
        self.backlog += rows.note_rows()
        for bucket, subject_id, *root in rows.former_rows():
            self.former_roots.setdefault((bucket, subject_id), (root[0], root[1]))

    def _write(self, changes: Changes) -> None:
        self._write_profiles(changes)
        self._write_stages(changes)
        for record in changes.records:
            key = (record[1], (record[0], record[2]))
            self.records.setdefault(key, []).append([*record, None, None, None])
        for position, instant, cause, bucket, generation, subject_id, number in changes.retractions:
            rows = self.records[generation, (bucket, subject_id)]
            retracted = next(row for row in rows if row[3] == number)
            retracted[_RECORD_WIDTH:] = [position, instant, cause]
        self.feed.extend(changes.feed)
        for bucket, generation, subject_id in changes.unparked:
            self.parked.pop((bucket, generation, subject_id), None)
        for row in changes.parked:
            self.parked[row[0], row[1], row[2]] = row
        if changes.projected is not None:
            self._note_progress(changes, changes.projected)

    def _note_progress(self, changes: Changes, projected: int) -> None:
        self.backlog = [row for row in self.backlog if row[0] > projected]
        if not self.backlog:
            self.former_roots.clear()
        for bucket, subject_id, *root in changes.roots:
            self.former_roots[bucket, subject_id] = (root[0], root[1])

    def _write_stages(self, changes: Changes) -> None:
        for bucket, generation, subject_id in changes.lost_stages:
            self.stages.pop((generation, (bucket, subject_id)), None)
        for bucket, generation, subject_id, stage, entered_at, *_ in changes.stages:
            self.stages[generation, (bucket, subject_id)] = (stage, entered_at)

    def _write_profiles(self, changes: Changes) -> None:
        for ref in changes.lost_profiles:
            self.profiles.pop(ref, None)
        for row in changes.profiles:
            self.profiles[row[0], row[1]] = row
        for row in changes.touched:
            self._change_profile(row, TOUCHED_COLUMNS)
        for row in changes.dated:
            self._change_profile(row, DATED_COLUMNS)
        for bucket, subject_id, *key in changes.lost_snapshots:
            ring = self.snapshots.get((bucket, subject_id), {})
            for slot in [slot for slot, one in ring.items() if one.key >= tuple(key)]:
                del ring[slot]
        for bucket, subject_id, slot, at, position, events, states in changes.snapshots:
            ring = self.snapshots.setdefault((bucket, subject_id), {})
            ring[slot] = Snapshot(slot, (at, position), events, states)

    def _change_profile(self, row: Row, names: Sequence[str]) -> None:
        """Set the columns *names* by *row*, which ends with the key."""
        *values, bucket, subject_id = row
        whole = list(self.profiles[bucket, subject_id])
        for name, value in zip(names, values, strict=True):
            whole[_PROFILE[name]] = value
        self.profiles[bucket, subject_id] = tuple(whole)


def fold_key(event: Row) -> tuple[int, int]:
    """Return where an event row stands in the fold."""
    return (event[_PLACE["effective_at"]], event[0])
