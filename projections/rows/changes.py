"""What a script found out, as rows to write: a constant number of statements whatever the batch.

Each list holds tuples in the order of its table's columns, so that an adapter hands them to its
driver as they are.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from projections.asking import Ref
from projections.rows.records import Content, StayKey, stay_key
from projections.subjects.profiles import DAY, Identity

Row: TypeAlias = tuple[Any, ...]

EVENT_COLUMNS = (
    "position",
    "bucket",
    "subject_id",
    "tenant",
    "type",
    "event_id",
    "source",
    "account_id",
    "occurred_at",
    "recorded_at",
    "effective_at",
    "late",
    "historical",
    "api_format",
    "key_id",
    "traceparent",
    "payload",
)


class LogRows:
    """Rows of the log itself, written before anything is folded.

    Attributes:
        events: Columns of `events`.
        keys: bucket, event_id, subject_id, source, position, content.
        links: Of events that named an account: bucket and number of the account, effective_at,
            position, bucket of the event.
        names: New subjects.
        rejoined: Subjects whose cluster changed, new ones among them.
        types: (tenant, type) -> [count, first_at, last_at].
        former: Subjects that were known before, and whom they belonged to when the batch began.
        note: What the batch was, where it is to be folded later: first position, last position,
            recorded_at, note.
    """

    __slots__ = ("events", "former", "keys", "links", "names", "note", "rejoined", "types")

    def __init__(self) -> None:
        self.events: list[Row] = []
        self.keys: list[Row] = []
        self.links: list[Row] = []
        self.names: list[Identity] = []
        self.rejoined: dict[Ref, Identity] = {}
        self.types: dict[tuple[str, str], list[int]] = {}
        self.former: dict[Ref, Ref] = {}
        self.note: Row | None = None

    def name_rows(self) -> list[Row]:
        """Return rows to insert, of `NAME_COLUMNS`."""
        return [identity.row for identity in self.names]

    def rejoined_rows(self) -> list[Row]:
        """Return rows to update: parent bucket and number, root bucket and number, then the key."""
        new = {identity.ref for identity in self.names}
        return [
            (*identity.row[5:], *ref) for ref, identity in self.rejoined.items() if ref not in new
        ]

    def note_rows(self) -> list[Row]:
        """Return the row of the backlog, if the batch is to be folded later."""
        return [] if self.note is None else [self.note]

    def former_rows(self) -> list[Row]:
        """Return whom subjects belong to as long as the batch waits: bucket and number of both."""
        if self.note is None:
            return []
        new = {identity.ref for identity in self.names}
        return [(*ref, *root) for ref, root in self.former.items() if ref not in new]

    def count_type(self, tenant: str, event_type: str, instant: int) -> None:
        """Note that an event of that type was seen."""
        seen = self.types.get((tenant, event_type))
        if seen is None:
            self.types[tenant, event_type] = [1, instant, instant]
            return
        seen[0] += 1
        if instant < seen[1]:
            seen[1] = instant
        elif instant > seen[2]:
            seen[2] = instant


class ErasedRows:
    """Rows of the log and of records to be changed while somebody is erased.

    Attributes:
        events: event_id, account_id, traceparent, payload, position.
        keys: event_id, content, then the key as it was: bucket, event_id, subject_id, source.
        links: Events taken away from accounts: bucket, subject_id, effective_at, position.
        names: name, bucket, subject_id; their salts go as well.
        texts: event_id, evidence, then the key of a record.
    """

    __slots__ = ("events", "keys", "links", "names", "texts")

    def __init__(self) -> None:
        self.events: list[Row] = []
        self.keys: list[Row] = []
        self.links: list[Row] = []
        self.names: list[Row] = []
        self.texts: list[Row] = []


class Changes:
    """Rows of the projections.

    Attributes:
        profiles: Whole rows to insert or replace.
        touched: Rows of which little changed: `TOUCHED_COLUMNS`, bucket, subject_id.
        dated: Rows whose day has changed as well: `DATED_COLUMNS`, bucket, subject_id.
        lost_profiles: Subjects that have become part of another.
        stages: bucket, generation, subject_id, stage, entered_at, sequence, cycle.
        lost_stages: bucket, generation, subject_id.
        records: Columns of `transitions`.
        retractions: retracted position, instant and cause, bucket, generation, subject_id, number.
        feed: position, tenant, bucket, generation, subject_id, number, kind, quiet.
        snapshots: bucket, subject_id, slot, effective_at, position, events, states.
        lost_snapshots: Snapshots from a fold key on: bucket, subject_id, effective_at, position.
        counts: (generation, stage, day of entry) -> change.
        stays: (generation, day of the end, instant of an activation that ended it or 0, stage, day
            of entry) -> change in stays that have ended.
        parked: bucket, generation, subject_id, position, error, attempts, next_try_at.
        unparked: bucket, generation, subject_id.
        feed_position: Position of the newest feed record, these included.
        projected: Position up to which batches that waited have been folded by now.
        roots: Whom subjects belong to there: bucket and number of both. Empty where nothing waits
            any more.
    """

    __slots__ = (
        "counts",
        "dated",
        "feed",
        "feed_position",
        "lost_profiles",
        "lost_snapshots",
        "lost_stages",
        "parked",
        "profiles",
        "projected",
        "records",
        "retractions",
        "roots",
        "snapshots",
        "stages",
        "stays",
        "touched",
        "unparked",
    )

    def __init__(self, feed_position: int) -> None:
        self.profiles: list[Row] = []
        self.touched: list[Row] = []
        self.dated: list[Row] = []
        self.lost_profiles: list[Ref] = []
        self.stages: list[Row] = []
        self.lost_stages: list[Row] = []
        self.records: list[Row] = []
        self.retractions: list[Row] = []
        self.feed: list[Row] = []
        self.snapshots: list[Row] = []
        self.lost_snapshots: list[Row] = []
        self.counts: dict[tuple[int, str, int], int] = {}
        self.stays: dict[StayKey, int] = {}
        self.parked: list[Row] = []
        self.unparked: list[Row] = []
        self.feed_position = feed_position
        self.projected: int | None = None
        self.roots: list[Row] = []

    def announce(self, tenant: str, record: Row, *, kind: str, quiet: bool) -> None:
        """Append a record, named by its first four columns, to the feed."""
        self.feed_position += 1
        self.feed.append((self.feed_position, tenant, *record[:4], kind, int(quiet)))

    def count(self, generation: int, stage: str, entered_at: int, change: int) -> None:
        """Note that a subject came to (1) or left (-1) the place where it was counted."""
        key = (generation, stage, entered_at // DAY)
        self.counts[key] = self.counts.get(key, 0) + change

    def count_stay(self, generation: int, content: Content, change: int) -> None:
        """Note that a record of *content* came to hold (1), or holds no more (-1)."""
        key = stay_key(generation, content)
        if key is not None:
            self.stays[key] = self.stays.get(key, 0) + change
