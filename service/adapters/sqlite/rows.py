"""The one writer's rows in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

from projections.asking import GiveTurn, Question, Ref
from projections.events.history import HISTORY_COLUMNS, LoggedEvent, logged
from projections.models.catalogue import ApiKey, Generation, ModelVersion
from projections.models.ranges import BucketRange, Built
from projections.registers.register import AskEntries, AskFirsts, WriteEntries
from projections.rows.changes import Changes, LogRows, Row
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
    AskSealable,
    AskSnapshots,
    AskTexts,
    EventKey,
    Head,
    HistoryOf,
    WriteChanges,
    WriteErased,
    WriteLog,
)
from projections.rows.records import RecordRow
from projections.safekeeping.seals import Seal
from projections.subjects.profiles import Identity, Profile, Snapshot, identity_of, profile_of
from service.adapters.sql.sealed import seal_row
from service.adapters.sql.small import key_row, version_row
from service.adapters.sqlite import erased, lookups, rebuilds, removals, waiting, writes
from service.adapters.sqlite.connections import BUSY_SECONDS, translated
from service.adapters.sqlite.registers import read_entries, read_firsts, write_entries
from service.adapters.sqlite.small import read_versions
from service.adapters.sqlite.statements import statement
from service.adapters.turns import by_turns, give_turn
from service.ports import StoreUnavailable

ALWAYS = 1 << 62
"""Later than any position: a history up to it is all of it."""

_by_key = itemgetter(0, 1)
_by_last_two = itemgetter(-2, -1)
_by_standing = itemgetter(0, 1, 2)


class SqliteRows:
    """Answers scripts over the connection that writes."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, *, on_close: Callable[[], None]
    ) -> None:
        """Take over *connection*, opened by `open_writer`; call *on_close* before it closes."""
        self.connection = connection
        self._on_close = on_close
        self.path = path
        self._version = -1
        self._answers: dict[type[Question[Any]], Callable[[Any], Any]] = {
            GiveTurn: lambda _: give_turn(),
            AskHead: lambda _: head(connection),
            AskIdentities: self._identities,
            AskIdentitiesOf: lambda asked: identities_of(connection, asked.refs),
            AskProfiles: lambda asked: profiles_of(connection, asked.refs),
            AskJoined: lambda asked: ask(connection, waiting.joined, asked.refs),
            AskNewest: lambda asked: waiting.newest(connection, asked),
            AskBacklog: lambda asked: waiting.batches(connection, asked),
            AskEvents: lambda asked: waiting.events_of(connection, asked),
            AskKeys: self._taken,
            AskPayloads: self._payloads,
            AskHistories: lambda asked: histories(connection, asked.requests),
            AskRecords: lambda asked: records_of(connection, asked.generations, asked.refs),
            AskNumbers: self._numbers,
            AskSnapshots: self._snapshots,
            AskDue: lambda asked: self._profiles(lookups.due, (asked.now, asked.limit)),
            AskParked: self._parked,
            AskBucketLoads: lambda asked: bucket_loads(connection, asked),
            AskProfilesIn: lambda asked: profiles_in(connection, asked),
            AskEntries: lambda asked: read_entries(connection, asked),
            AskFirsts: lambda asked: read_firsts(connection, asked),
            WriteEntries: lambda asked: write_entries(connection, asked),
            AskSealable: lambda asked: erased.sealable_of(connection, asked.refs),
            AskTexts: lambda asked: erased.texts(connection, asked),
            WriteErased: lambda asked: erased.write(connection, asked.rows),
            WriteLog: lambda asked: self._write_log(asked.rows),
            WriteChanges: lambda asked: self._write(asked.changes),
        }

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.begin()
        try:
            yield
            self.commit()
        finally:
            self.roll_back()

    def begin(self) -> None:
        """Begin a transaction; another writer is waited for."""
        with translated(self.path):
            self.connection.execute("BEGIN IMMEDIATE")

    def begin_at_once(self) -> bool:
        """Begin a transaction and return True, or return False where another process writes."""
        self.connection.execute("PRAGMA busy_timeout = 0").fetchone()
        try:
            self.begin()
        except StoreUnavailable as unavailable:
            if unavailable.retry_after_seconds > 1:
                raise
            return False
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}").fetchone()
        return True

    def commit(self) -> None:
        """End the transaction; when this returns, it is on disk."""
        with translated(self.path):
            self.connection.execute("COMMIT")

    def roll_back(self) -> None:
        """End a transaction that was not committed, if there is one."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def shorten_log(self) -> None:
        """Put what was committed into the database; what comes next overwrites the log."""
        with translated(self.path):
            self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def empty_log(self) -> None:
        """Put what was committed into the database and empty the log beside it, if no one reads."""
        with translated(self.path):
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def is_alone(self) -> bool:
        before = self._version
        self._version = self.connection.execute("PRAGMA data_version").fetchone()[0]
        return before == self._version

    def answer(self, question: Question[Any]) -> Any:  # noqa: ANN401 -- typed by the question
        with translated(self.path):
            return self._answers[type(question)](question)

    def close(self) -> None:
        self._on_close()
        self.connection.close()

    # ------------------------------------------------------------ models and keys

    def generations(self) -> list[Generation]:
        return rebuilds.read_generations(self.connection)

    def versions(self) -> list[ModelVersion]:
        return read_versions(self.connection)

    def save_generation(self, generation: Generation) -> None:
        rebuilds.save_generation(self.connection, generation)
        rebuilds.note_change(self.connection)

    def add_built(self, generation: int, built: Built) -> None:
        rebuilds.add_built(self.connection, generation, built)
        rebuilds.note_change(self.connection)

    def forget_ranges(self, generation: int) -> None:
        rebuilds.forget_ranges(self.connection, generation)
        rebuilds.note_change(self.connection)

    def put_version(self, version: ModelVersion) -> None:
        self._run(writes.put_version, [version_row(version)])
        rebuilds.note_change(self.connection)

    def save_key(self, key: ApiKey) -> None:
        self._run(writes.put_key, [key_row(key)])

    def add_salts(self, salts: Sequence[Row]) -> None:
        self._run(writes.add_salts, salts)

    def add_seal(self, seal: Seal) -> None:
        self._run(writes.add_seal, [seal_row(seal)])

    def remove_rows(self, generation: int, limit: int, found: BucketRange) -> int:
        return removals.remove_rows(self.connection, generation, limit, found)

    # ------------------------------------------------------------ answers

    def _identities(self, asked: AskIdentities) -> list[Identity]:
        return [identity_of(row) for row in ask(self.connection, lookups.identities, asked.keys)]

    def _taken(self, asked: AskKeys) -> dict[EventKey, tuple[int, int]]:
        rows = ask(self.connection, lookups.keys_taken, asked.keys)
        return {row[:4]: (row[4], row[5]) for row in rows}

    def _payloads(self, asked: AskPayloads) -> dict[int, str]:
        return dict(ask(self.connection, lookups.payloads, asked.positions))

    def _numbers(self, asked: AskNumbers) -> dict[tuple[int, Ref], int]:
        rows = ask(self.connection, lookups.numbers, standings_of(asked.generations, asked.refs))
        return {
            (generation, (bucket, subject)): number for bucket, generation, subject, number in rows
        }

    def _snapshots(self, asked: AskSnapshots) -> dict[Ref, list[Snapshot]]:
        found: dict[Ref, list[Snapshot]] = {}
        rows = ask(self.connection, lookups.snapshots_of, asked.refs)
        for bucket, subject_id, slot, at, position, events, states in rows:
            snapshot = Snapshot(slot, (at, position), events, states)
            found.setdefault((bucket, subject_id), []).append(snapshot)
        return found

    def _parked(self, asked: AskParked) -> list[tuple[Ref, int, int]]:
        rows = self._select(lookups.parked_due, (asked.now, asked.limit))
        return [((bucket, subject), generation, n) for bucket, subject, generation, n in rows]

    def _profiles(self, write: Callable[[], str], bound: Sequence[object]) -> list[Profile]:
        return [profile_of(row) for row in self._select(write, bound)]

    def _select(self, write: Callable[[], str], bound: Sequence[object]) -> list[Row]:
        return self.connection.execute(statement(write), bound).fetchall()

    # ------------------------------------------------------------ writes

    def _write_log(self, rows: LogRows) -> None:
        self._run(writes.add_events, rows.events)
        self._run(writes.add_keys, sorted(rows.keys))
        self._run(writes.add_links, rows.links)
        self._run(writes.add_names, rows.name_rows())
        self._run(writes.rejoin, rows.rejoined_rows())
        self._run(writes.count_types, [(*key, *seen) for key, seen in rows.types.items()])
        waiting.let_wait(self.connection, rows)

    def _write(self, changes: Changes) -> None:
        self._run(writes.lose_profiles, changes.lost_profiles)
        self._run(writes.put_profiles, sorted(changes.profiles, key=_by_key))
        self._run(writes.touch_profiles, sorted(changes.touched, key=_by_last_two))
        self._run(writes.date_profiles, sorted(changes.dated, key=_by_last_two))
        self._run(writes.lose_stages, changes.lost_stages)
        self._run(writes.put_stages, sorted(changes.stages, key=_by_standing))
        self._run(writes.add_records, changes.records)
        self._run(writes.retract_records, changes.retractions)
        self._run(writes.add_feed, changes.feed)
        self._run(writes.lose_snapshots, changes.lost_snapshots)
        self._run(writes.put_snapshots, changes.snapshots)
        self._run(writes.count_stages, _changed(changes.counts))
        self._run(writes.count_stays, _changed(changes.stays))
        self._run(writes.unpark, changes.unparked)
        self._run(writes.park, changes.parked)
        waiting.note_progress(self.connection, changes)

    def _run(self, write: Callable[[], str], rows: Sequence[Row]) -> None:
        if rows:
            self.connection.executemany(statement(write), rows)


def _changed(counts: Mapping[tuple[Any, ...], int]) -> list[Row]:
    """Return the rows of counts that became others, in order of key."""
    return sorted((*key, change) for key, change in counts.items() if change)


# ---------------------------------------------------------------- what readers ask as well


def ask(
    connection: sqlite3.Connection, write: Callable[[], str], rows: Iterable[object]
) -> list[Row]:
    """Return the answer to a lookup whose list is *rows*."""
    return answers(connection, write, rows).fetchall()


def answers(
    connection: sqlite3.Connection, write: Callable[[], str], rows: Iterable[object]
) -> sqlite3.Cursor:
    """Return the same answer, to be read row by row."""
    return connection.execute(statement(write), (lookups.as_rows(rows),))


def head(connection: sqlite3.Connection) -> Head:
    """Return where the log and the feed end."""
    return head_of(connection.execute(statement(lookups.head)).fetchone())


def head_of(row: Row) -> Head:
    """Return the same of a row of `lookups.head`."""
    position, recorded_at, feed, waits, erased_at = row
    position = position or 0
    projected = position if waits is None else waits - 1
    return Head(position, recorded_at or 0, feed or 0, projected, erased_at or 0)


def identities_of(connection: sqlite3.Connection, refs: Sequence[Ref]) -> list[Identity]:
    """Return the subjects that *refs* name."""
    return [identity_of(row) for row in ask(connection, lookups.identities_of, refs)]


def profiles_of(connection: sqlite3.Connection, refs: Sequence[Ref]) -> list[Profile]:
    """Return the profiles of those of *refs* that are canonical."""
    return [profile_of(row) for row in ask(connection, lookups.profiles_of, refs)]


def bucket_loads(connection: sqlite3.Connection, asked: AskBucketLoads) -> list[tuple[int, int]]:
    """Return how many events there are per bucket, in order of bucket."""
    found: list[tuple[int, int]] = []
    total = 0
    bound = (asked.first, asked.tenant, int(asked.is_account))
    for bucket, load in connection.execute(statement(lookups.bucket_loads), bound):
        found.append((bucket, load))
        total += load
        if total >= asked.limit:
            break
    return found


def profiles_in(connection: sqlite3.Connection, asked: AskProfilesIn) -> list[Profile]:
    """Return the profiles of some buckets."""
    bound = (asked.first, asked.end, asked.tenant, int(asked.is_account))
    return [profile_of(row) for row in connection.execute(statement(lookups.profiles_in), bound)]


def histories(
    connection: sqlite3.Connection, requests: Sequence[HistoryOf]
) -> dict[Ref, list[LoggedEvent]]:
    """Return what is in the log of the subjects that *requests* name."""
    found: dict[Ref, list[LoggedEvent]] = {}
    for is_account, write in ((False, lookups.histories), (True, lookups.account_histories)):
        owners: dict[Ref, Ref] = {}
        windows = []
        for request in requests:
            if request.is_account is is_account:
                found[request.ref] = []
                for member in request.members:
                    owners[member] = request.ref
                    windows.append((*member, *_window(request)))
        if windows:
            width = len(HISTORY_COLUMNS)
            for row in by_turns(answers(connection, write, windows)):
                found[owners[row[width], row[width + 1]]].append(logged(row[:width]))
    return found


def records_of(
    connection: sqlite3.Connection, generations: Sequence[int], refs: Sequence[Ref]
) -> dict[tuple[int, Ref], list[RecordRow]]:
    """Return the records of subjects that hold, by number."""
    found: dict[tuple[int, Ref], list[RecordRow]] = {}
    rows = ask(connection, lookups.records, standings_of(generations, refs))
    for bucket, generation, subject_id, number, *content in rows:
        record = RecordRow(number, tuple(content))
        found.setdefault((generation, (bucket, subject_id)), []).append(record)
    return found


def _window(request: HistoryOf) -> tuple[int, int, int]:
    known_at = ALWAYS if request.known_at is None else request.known_at
    return (*(request.after or (-1, 0)), known_at)


def standings_of(generations: Sequence[int], refs: Sequence[Ref]) -> list[tuple[int, int, int]]:
    """Return every pair of them as a key: bucket, generation, number."""
    return [
        (bucket, generation, subject_id)
        for bucket, subject_id in refs
        for generation in generations
    ]
