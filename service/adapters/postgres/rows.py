"""The one writer's rows in PostgreSQL.

A turn at writing begins with an advisory lock, taken by a statement of its own: the next statement
has a snapshot from after the wait. The turn's number comes from a sequence; where it follows upon
our last one nobody else has written since, and subjects in memory are as the rows are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from operator import itemgetter
from typing import Any

from projections.asking import GiveTurn, Question, Ref
from projections.models.catalogue import ApiKey, Generation, ModelVersion
from projections.models.ranges import BucketRange, Built
from projections.registers.register import AskEntries, AskFirsts, WriteEntries
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
    AskSealable,
    AskSnapshots,
    AskTexts,
    EventKey,
    Head,
    WriteChanges,
    WriteErased,
    WriteLog,
)
from projections.safekeeping.seals import Seal
from projections.subjects.profiles import (
    Identity,
    Profile,
    Snapshot,
    identity_of,
    profile_of,
)
from service.adapters.postgres import erased, lookups, rebuilds, removals, sealed, waiting, writes
from service.adapters.postgres.asking import (
    bucket_loads,
    head_of,
    histories,
    identities_of,
    profiles_in,
    profiles_of,
    records_of,
    standings_of,
)
from service.adapters.postgres.compiled import statement
from service.adapters.postgres.connections import Database, Link
from service.adapters.postgres.outgoing import Part, send, send_usual
from service.adapters.postgres.registers import read_entries, read_firsts, write_entries
from service.adapters.postgres.small import note_change, read_versions
from service.adapters.postgres.troubles import LOST
from service.adapters.sql.small import key_row, version_row
from service.adapters.turns import give_turn
from service.ports import StoreUnavailable

TAKE_TURN = "SELECT pg_advisory_xact_lock('events'::regclass::oid::bigint)"
BEGIN_TURN = f"BEGIN; {TAKE_TURN}"
HELD_EVENTS_MAX = 64
"""Of so many events the log waits for the projections; of more it is written while we fold."""

_by_ref = itemgetter(0, 1)
_by_last_two = itemgetter(-2, -1)
_by_standing = itemgetter(0, 1, 2)


class PostgresRows:
    """Answers scripts over the connection that writes."""

    def __init__(self, database: Database) -> None:
        """Write to *database*."""
        self._database = database
        self._link: Link | None = None
        self._held: Sequence[Part] = ()
        self._last_turn: tuple[object, int] = (None, 0)
        self._head = Head(0, 0, 0, 0)
        self._answers: dict[type[Question[Any]], Callable[[Any], Any]] = {
            GiveTurn: lambda _: give_turn(),
            AskHead: lambda _: self._head,
            AskIdentities: self._identities,
            AskIdentitiesOf: lambda asked: identities_of(self.link, asked.refs),
            AskProfiles: lambda asked: profiles_of(self.link, asked.refs),
            AskJoined: lambda asked: waiting.joined(self.link, asked.refs),
            AskNewest: lambda asked: waiting.newest(self.link, asked),
            AskBacklog: lambda asked: waiting.batches(self.link, asked),
            AskEvents: lambda asked: waiting.events_of(self.link, asked),
            AskKeys: self._taken,
            AskPayloads: self._payloads,
            AskHistories: lambda asked: histories(self.link, asked.requests),
            AskRecords: lambda asked: records_of(self.link, asked.generations, asked.refs),
            AskNumbers: self._numbers,
            AskSnapshots: self._snapshots,
            AskDue: lambda asked: self._profiles(lookups.due, asked.now, asked.limit),
            AskParked: self._parked,
            AskBucketLoads: lambda asked: bucket_loads(self.link, asked),
            AskProfilesIn: lambda asked: profiles_in(self.link, asked),
            AskEntries: lambda asked: read_entries(self.link, asked),
            AskFirsts: lambda asked: read_firsts(self.link, asked),
            WriteEntries: lambda asked: write_entries(self.link, asked),
            AskSealable: lambda asked: erased.sealable_of(self.link, asked.refs),
            AskTexts: lambda asked: erased.texts(self.link, asked),
            WriteErased: lambda asked: erased.write(self.link, asked.rows),
            WriteLog: lambda asked: self._write_log(asked.rows),
            WriteChanges: lambda asked: self._write(asked.changes),
        }

    @property
    def link(self) -> Link:
        """The connection of the transaction that is under way, with everything sent to it."""
        link = self._open_link
        if self._held:
            send(link, *self._release())
        return link

    @property
    def _open_link(self) -> Link:
        if self._link is None:
            raise AssertionError("rows: expected a transaction under way, found none")
        return self._link

    def _release(self) -> Sequence[Part]:
        """Return what has been held back until now."""
        held, self._held = self._held, ()
        return held

    @contextmanager
    def transaction(self) -> Iterator[None]:
        is_committed = False
        try:
            with self._database.writing(BEGIN_TURN) as link:
                self._link = link
                yield
                self.commit(self.link)
                is_committed = True
        finally:
            self._link, self._held = None, ()
            if not is_committed:
                self._last_turn = (None, 0)

    @contextmanager
    def turn_within(self, link: Link) -> Iterator[None]:
        """Take a turn inside a transaction that has begun; whoever began it commits it."""
        link.execute(TAKE_TURN)
        self._link = link
        try:
            self.is_alone()
            yield
            self.link.settle()
        finally:
            self._link, self._held = None, ()
            self._last_turn = (None, 0)

    def commit(self, link: Link) -> None:
        """Make the transaction last.

        Where the answer is lost, nobody here knows whether it does. Events that are sent again
        are then stored, or recognised as stored before.
        """
        link.settle()
        try:
            link.execute("COMMIT")
        except LOST as error:
            message = (
                f"database {self._database.place}: the answer to COMMIT was lost, so it is not"
                " known whether anything was stored; send it again with the same ids"
            )
            raise StoreUnavailable(message) from error

    def is_alone(self) -> bool:
        driver, last = self._last_turn
        row = self.link.row(statement(lookups.turn))
        assert row is not None  # noqa: S101 -- a SELECT without FROM has one row
        turn = row[0]
        self._last_turn = (self.link.driver, turn)
        self._head = head_of(row[1:])
        return driver is self.link.driver and turn == last + 1

    def look_again(self) -> None:
        """Learn where the log and the feed end, after they were written to round this class."""
        self._head = head_of(self.link.rows(statement(lookups.head))[0])

    def answer(self, question: Question[Any]) -> Any:  # noqa: ANN401 -- typed by the question
        return self._answers[type(question)](question)

    def close(self) -> None:
        self._database.close()

    # ------------------------------------------------------------ models and keys

    def generations(self) -> list[Generation]:
        return rebuilds.read_generations(self.link)

    def versions(self) -> list[ModelVersion]:
        return read_versions(self.link)

    def save_generation(self, generation: Generation) -> None:
        rebuilds.save_generation(self.link, generation)
        note_change(self.link)

    def add_built(self, generation: int, built: Built) -> None:
        rebuilds.add_built(self.link, generation, built)

    def forget_ranges(self, generation: int) -> None:
        rebuilds.forget_ranges(self.link, generation)

    def put_version(self, version: ModelVersion) -> None:
        send(self.link, (writes.put_version, [version_row(version)]))
        note_change(self.link)

    def save_key(self, key: ApiKey) -> None:
        send(self.link, (writes.put_key, [key_row(key)]))

    def add_salts(self, salts: Sequence[Row]) -> None:
        send(self.link, (writes.add_salts, salts))

    def add_seal(self, seal: Seal) -> None:
        sealed.add(self.link, seal)

    def remove_rows(self, generation: int, limit: int, found: BucketRange) -> int:
        return removals.remove_rows(self.link, generation, limit, found)

    # ------------------------------------------------------------ answers

    def _ask(self, write: Callable[[], str], rows: Iterable[Sequence[object]]) -> list[Row]:
        return self.link.listed(statement(write), rows)

    def _identities(self, asked: AskIdentities) -> list[Identity]:
        return [identity_of(row) for row in self._ask(lookups.identities, asked.keys)]

    def _taken(self, asked: AskKeys) -> dict[EventKey, tuple[int, int]]:
        rows = self._ask(lookups.keys_taken, asked.keys)
        return {row[:4]: (row[4], row[5]) for row in rows}

    def _payloads(self, asked: AskPayloads) -> dict[int, str]:
        rows = self._ask(lookups.payloads, [(position,) for position in asked.positions])
        return dict(rows)

    def _numbers(self, asked: AskNumbers) -> dict[tuple[int, Ref], int]:
        rows = self._ask(lookups.numbers, standings_of(asked.generations, asked.refs))
        return {
            (generation, (bucket, subject)): number for bucket, generation, subject, number in rows
        }

    def _snapshots(self, asked: AskSnapshots) -> dict[Ref, list[Snapshot]]:
        found: dict[Ref, list[Snapshot]] = {}
        rows = self._ask(lookups.snapshots_of, asked.refs)
        for bucket, subject_id, slot, at, position, count, states in rows:
            snapshot = Snapshot(slot, (at, position), count, states)
            found.setdefault((bucket, subject_id), []).append(snapshot)
        return found

    def _parked(self, asked: AskParked) -> list[tuple[Ref, int, int]]:
        rows = self.link.rows(statement(lookups.parked_due), asked.now, asked.limit)
        return [((bucket, subject), generation, n) for bucket, subject, generation, n in rows]

    def _profiles(self, write: Callable[[], str], *bound: object) -> list[Profile]:
        return [profile_of(row) for row in self.link.rows(statement(write), *bound)]

    # ------------------------------------------------------------ writes

    def _write_log(self, rows: LogRows) -> None:
        parts: tuple[Part, ...] = (
            (writes.add_events, rows.events),
            (writes.add_keys, sorted(rows.keys)),
            (writes.add_links, rows.links),
            (writes.add_names, rows.name_rows()),
            (writes.rejoin, rows.rejoined_rows()),
            (writes.count_types, [(*key, *seen) for key, seen in rows.types.items()]),
            (waiting.add_note, rows.note_rows()),
            (waiting.keep_roots, rows.former_rows()),
        )
        link = self.link
        if len(rows.events) <= HELD_EVENTS_MAX:
            self._held = parts
        else:
            send(link, *parts)
        if rows.events:
            newest = dict(zip(EVENT_COLUMNS, rows.events[-1], strict=True))
            position = newest["position"]
            projected = position if rows.note is None else self._head.projected
            self._head = replace(
                self._head,
                position=position,
                recorded_at=newest["recorded_at"],
                projected=projected,
            )

    def _write(self, changes: Changes) -> None:
        going: tuple[Part, ...] = (
            (writes.lose_profiles, changes.lost_profiles),
            (writes.lose_stages, changes.lost_stages),
            (writes.lose_snapshots, changes.lost_snapshots),
            (writes.retract_records, changes.retractions),
            (writes.unpark, changes.unparked),
        )
        if any(rows for _, rows in going):  # first: some of it comes back below
            send(self.link, *going)
        self._write_coming(changes)
        if changes.projected is not None:
            waiting.note_progress(self.link, changes.projected)
            send(self.link, (waiting.put_roots, _last(changes.roots, _by_ref)))
            self._head = replace(self._head, projected=changes.projected)
        self._head = replace(self._head, feed=changes.feed_position)

    def _write_coming(self, changes: Changes) -> None:
        put = _last(changes.profiles, _by_ref)
        touched = _last(changes.touched, _by_last_two)
        dated = _last(changes.dated, _by_last_two)
        if put and not {row[:2] for row in put}.isdisjoint(row[-2:] for row in (*touched, *dated)):
            send(self.link, (writes.put_profiles, put))  # a statement sets a row once
            put = []
        parts: tuple[Part, ...] = (
            (writes.put_profiles, put),
            (writes.touch_profiles, touched),
            (writes.date_profiles, dated),
            (writes.put_stages, _last(changes.stages, _by_standing)),
            (writes.add_records, changes.records),
            (writes.add_feed, changes.feed),
            (writes.put_snapshots, _last(changes.snapshots, _by_standing)),
            (writes.count_stages, _changed(changes.counts)),
            (writes.count_stays, _changed(changes.stays)),
            (writes.park, _last(changes.parked, _by_standing)),
        )
        held = self._release()
        if held:
            send_usual(self._open_link, *held, *parts)
        else:
            send(self._open_link, *parts)


def _changed(counts: Mapping[tuple[Any, ...], int]) -> list[Row]:
    """Return the rows of counts that became others."""
    return [(*key, change) for key, change in counts.items() if change]


def _last(rows: Sequence[Row], key: Callable[[Row], Any]) -> list[Row]:
    """Return *rows* by key, of several with the same key the last: a statement sets a row once."""
    found = {key(row): row for row in rows}
    return [found[one] for one in sorted(found)]
