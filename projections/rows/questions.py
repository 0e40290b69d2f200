"""The questions that scripts ask: every kind of row that append, sweep and rebuild may need.

Answers leave out what does not exist. Lists in questions are without repeats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from projections.asking import Question, Ref
from projections.events.history import LoggedEvent
from projections.rows.changes import Changes, ErasedRows, LogRows, Row
from projections.rows.records import RecordRow
from projections.subjects.profiles import Identity, Profile, Snapshot

IdentityKey: TypeAlias = tuple[int, str, str, str]
"""Bucket, tenant, kind and id of a subject as sent."""

EventKey: TypeAlias = tuple[int, str, int, str]
"""Bucket, event id, subject number and source: what makes a repeat recognisable."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log and the feed end.

    Attributes:
        position: Of the newest event; 0 for none.
        recorded_at: Of the newest event; 0 for none.
        feed: Position of the newest feed record; 0 for none.
        projected: Position up to which events have been folded.
        erased: Position of the newest erasure; 0 for none.
    """

    position: int
    recorded_at: int
    feed: int
    projected: int
    erased: int = 0

    @property
    def is_level(self) -> bool:
        """Whether every event has been folded."""
        return self.projected == self.position


@dataclass(frozen=True, slots=True)
class AskHead(Question[Head]):
    """Where do the log and the feed end?"""


@dataclass(frozen=True, slots=True)
class AskIdentities(Question[list[Identity]]):
    """Which of these names are known?"""

    keys: Sequence[IdentityKey]


@dataclass(frozen=True, slots=True)
class AskIdentitiesOf(Question[list[Identity]]):
    """Who are these subjects?"""

    refs: Sequence[Ref]


@dataclass(frozen=True, slots=True)
class AskProfiles(Question[list[Profile]]):
    """What is known of these canonical subjects?"""

    refs: Sequence[Ref]


@dataclass(frozen=True, slots=True)
class AskJoined(Question[list[tuple[int, int, int, int]]]):
    """Which other subjects belong to these: bucket and number of them, then of the canonical?"""

    refs: Sequence[Ref]


@dataclass(frozen=True, slots=True)
class AskNewest(Question[dict[Ref, int]]):
    """What is the greatest effective_at among the events of these subjects?"""

    refs: Sequence[Ref]
    is_account: bool


@dataclass(frozen=True, slots=True)
class AskBacklog(Question[list[tuple[int, int, int, bytes]]]):
    """Which batches wait to be folded, the oldest of them, together of *limit* events at most?

    First position, last position, recorded_at and note of each; one at least if any waits.
    """

    limit: int


@dataclass(frozen=True, slots=True)
class AskEvents(Question[list[LoggedEvent]]):
    """What is in the log from position *first* to *last*?"""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class AskKeys(Question[dict[EventKey, tuple[int, int]]]):
    """Which of these keys are taken: by which position, with which content hash?"""

    keys: Sequence[EventKey]


@dataclass(frozen=True, slots=True)
class AskPayloads(Question[dict[int, str]]):
    """What was sent at these positions?"""

    positions: Sequence[int]


@dataclass(frozen=True, slots=True)
class WriteLog(Question[None]):
    """Write these events, so that histories contain them."""

    rows: LogRows


@dataclass(frozen=True, slots=True)
class HistoryOf:
    """Whose history to read: of a customer all members', of an account its own.

    Attributes:
        after: Only events whose fold key is greater; None for all.
        known_at: Only events up to this position; None for all.
    """

    ref: Ref
    members: Sequence[Ref]
    is_account: bool
    after: tuple[int, int] | None = None
    known_at: int | None = None


@dataclass(frozen=True, slots=True)
class AskHistories(Question[Mapping[Ref, list[LoggedEvent]]]):
    """What is in the log of these subjects, in any order, repeats and control events included?"""

    requests: Sequence[HistoryOf]


@dataclass(frozen=True, slots=True)
class AskRecords(Question[Mapping[tuple[int, Ref], list[RecordRow]]]):
    """Which records of these subjects hold, by number?"""

    generations: Sequence[int]
    refs: Sequence[Ref]


@dataclass(frozen=True, slots=True)
class AskNumbers(Question[Mapping[tuple[int, Ref], int]]):
    """What is the greatest record number of these subjects, retracted records included?"""

    generations: Sequence[int]
    refs: Sequence[Ref]


@dataclass(frozen=True, slots=True)
class AskSnapshots(Question[Mapping[Ref, list[Snapshot]]]):
    """Which snapshots are there of these subjects?"""

    refs: Sequence[Ref]


@dataclass(frozen=True, slots=True)
class AskDue(Question[list[Profile]]):
    """Which subjects are due at or before an instant, the earliest first?"""

    now: int
    limit: int


@dataclass(frozen=True, slots=True)
class AskParked(Question[list[tuple[Ref, int, int]]]):
    """Which parked folds are to be tried by an instant: subject, generation, failed attempts?"""

    now: int
    limit: int


@dataclass(frozen=True, slots=True)
class AskBucketLoads(Question[list[tuple[int, int]]]):
    """How many events do the subjects of a kind have, per bucket from *first* on, in order?

    Attributes:
        limit: Stop after the bucket in which the sum reaches it.
    """

    tenant: str
    is_account: bool
    first: int
    limit: int


@dataclass(frozen=True, slots=True)
class AskProfilesIn(Question[list[Profile]]):
    """Which canonical subjects of a kind live in buckets from *first* to *end* - 1?"""

    tenant: str
    is_account: bool
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class WriteChanges(Question[None]):
    """Write what a script found out."""

    changes: Changes


@dataclass(frozen=True, slots=True)
class AskSealable(Question[list[Row]]):
    """What is in the log of events sent for these subjects: `SEALABLE_COLUMNS`, in any order?"""

    refs: Sequence[Ref]


@dataclass(frozen=True, slots=True)
class AskTexts(Question[list[Row]]):
    """What do the records of these subjects say of events, those retracted included?

    bucket, generation, subject_id, number, position, event_id, evidence, retracted_position.
    """

    generations: Sequence[int]
    refs: Sequence[Ref]


@dataclass(frozen=True, slots=True)
class WriteErased(Question[None]):
    """Write what an erasure leaves of these rows; the log lets it while somebody is erased."""

    rows: ErasedRows
