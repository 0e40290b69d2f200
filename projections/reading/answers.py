"""What projections answer: subjects, their stages and transitions, lists and boards.

Rows that still need the hour (`StageRow`) carry the machine that can advance them: a reader always
brings a state forward to its own instant in memory, so an answer never waits for the sweeper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from domain.transitions import Cause, RecordKind, TransitionDirection
from projections.events.log import SubjectKey

if TYPE_CHECKING:
    from domain.lineage import Lineage
    from domain.machine import Machine

Row = TypeVar("Row")
CustomerSort = Literal["id", "entered_at", "last_event_at"]
FeedKind = Literal["asserted", "retracted"]
RetractionCause = Literal["late", "void", "merge", "refold", "erase"]


@dataclass(frozen=True, slots=True)
class Positions:
    """How far the log and what follows it have come, read in one glance.

    Attributes:
        head: Position of the newest event; 0 for an empty log.
        applied: Position up to which the projections have taken everything in.
        feed: Position of the newest record of the feed; 0 for an empty one.
        recorded_at: When the newest event was stored; 0 for an empty log.
        erased: Position of the newest erasure; 0 for none.
    """

    head: int
    applied: int
    feed: int
    recorded_at: int
    erased: int = 0


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """A part of a list that is stable under writes.

    Attributes:
        rows: The part, at most as long as was asked for.
        next_after: What to pass as `after` for the next part; None at the end.
    """

    rows: tuple[Row, ...]
    next_after: tuple[int | str, ...] | None


@dataclass(frozen=True, slots=True)
class Subject:
    """A customer or account as the store knows it, aliases resolved.

    Attributes:
        subject_id: Internal number of the canonical subject; stable while no merge changes it.
        key: The canonical name: of a cluster with a customer in it always a customer's.
        aliases: The other names of the same subject, sorted by kind and id.
        first_seen_at: Earliest effective_at of its events; None before the first.
        last_event_at: Latest effective_at of its events; None before the first.
        events: How many events count for it.
        traits: What `$identify` said, the newest value per name; nulls removed.
        parked: Why it is not being folded at present; None as a rule.
    """

    subject_id: int
    key: SubjectKey
    aliases: tuple[SubjectKey, ...]
    first_seen_at: int | None
    last_event_at: int | None
    events: int
    traits: Mapping[str, object]
    parked: str | None = None


@dataclass(frozen=True, slots=True)
class TransitionRecord:
    """One recorded transition, suppressed transition or alert of a subject in a model.

    Attributes:
        id: Deterministic id (`tr_…`), the same in every replay.
        number: Dense number of the record per (subject, generation), in order of recording; the
            paging key. Retracted records keep theirs.
        subject: The canonical subject at the time it was recorded.
        effective_at: When it became true.
        recorded_at: When we came to believe it.
        asserted_position: Head of the log when we came to believe it.
        retracted_position: Head of the log when we ceased to; None while it holds.
        retracted_at: When we ceased to believe it; None while it holds.
        retracted_cause: `late`, `void`, `merge`, `refold` or `erase`; None while it holds.
        time_in_previous: Microseconds spent in `from_stage`; None for the first entry.
        announced: Whether the feed carries it; what a rebuild found is not news.
    """

    id: str
    tenant: str
    subject: SubjectKey
    model: str
    version: int
    generation: int
    number: int
    kind: RecordKind
    sequence: int
    from_stage: str | None
    to_stage: str
    direction: TransitionDirection
    steps: int
    effective_at: int
    recorded_at: int
    cause: Cause
    time_in_previous: int | None
    cycle: int
    asserted_position: int
    retracted_position: int | None = None
    retracted_at: int | None = None
    retracted_cause: RetractionCause | None = None
    announced: bool = True


@dataclass(frozen=True, slots=True)
class StageRow:
    """Where a subject stood in one model when its newest event or deadline had been folded.

    Attributes:
        model: Key of the model.
        version: Version of the model document.
        generation: The projection it belongs to.
        lineage: What tells of the subject's history, at any instant.
        machine: What folds it: `machine.advance(machine.decode(row.state), now)`.
        state: Encoded state; deadlines due after the last write are not in it.
        stage: Stage at that time.
        entered_at: When it was entered.
        due_at: Earliest instant at which time alone may change anything; None for never.
        sequence: Number of the newest transition.
        cycle: Cycle, from 1.
        last_effective_at: Fold key of the newest event folded, first half.
        last_position: Second half of it.
        cause: Why the newest transition that holds took place.
    """

    model: str
    version: int
    generation: int
    lineage: Lineage
    machine: Machine
    state: bytes
    stage: str
    entered_at: int
    due_at: int | None
    sequence: int
    cycle: int
    last_effective_at: int
    last_position: int
    cause: Cause


@dataclass(frozen=True, slots=True)
class SubjectSnapshot:
    """A subject, all its stages and the position they are of, read at one moment."""

    subject: Subject
    stages: tuple[StageRow, ...]
    positions: Positions


@dataclass(frozen=True, slots=True)
class FeedRecord:
    """One record of the global feed.

    Attributes:
        position: Place in the feed, from 1, dense, in order of commit.
        kind: `asserted`: the transition happened. `retracted`: it is withdrawn.
        transition: The record itself, as it stands now.
        quiet: Whether nobody is to be notified: it came with an import of the past.
    """

    position: int
    kind: FeedKind
    transition: TransitionRecord
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class CustomerQuery:
    """Which customers to list; every filter narrows.

    Attributes:
        tenant: Whose customers.
        model: Key of the model that *stages*, the instants and sort by `entered_at` speak of. Of a
            model of accounts, accounts are listed.
        stages: Stage ids, any of them; empty for all.
        entered_before: In the stage since before this instant.
        entered_after: In the stage since this instant or later.
        traits: Trait name -> text of the value it must have (`true`, `3`, `pro`).
        sort: `id`, `entered_at` (needs *model*) or `last_event_at`; ties by id.
        descending: Newest or last first.
        after: `Page.next_after` of the part before.
        limit: Most rows to return, 1 to 500.
        now: Rows whose deadline fell due by then are advanced before they are filtered.
        accounts: List accounts, not customers; a store sets it as *model* asks for it.
    """

    tenant: str
    now: int
    model: str | None = None
    stages: tuple[str, ...] = ()
    entered_before: int | None = None
    entered_after: int | None = None
    traits: Mapping[str, str] = field(default_factory=dict)
    sort: CustomerSort = "id"
    descending: bool = False
    after: tuple[int | str, ...] | None = None
    limit: int = 50
    accounts: bool = False


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One line of a list of customers: the subject and its stage row per active model."""

    subject: Subject
    stages: tuple[StageRow, ...]


@dataclass(frozen=True, slots=True)
class BoardQuery:
    """Which board to draw.

    Attributes:
        tenant: Whose customers.
        model: Key of the model; its active version counts, or the one that tells of *as_of*.
        as_of: The instant at which to count; deadlines due by then have fired, swept or not.
        known_at: Log position whose knowledge counts; None for all that is known.
    """

    tenant: str
    model: str
    as_of: int
    known_at: int | None = None


@dataclass(frozen=True, slots=True)
class BoardStage:
    """How many subjects are in a stage, and their median time in it (None when empty)."""

    stage: str
    count: int
    median_seconds_in_stage: float | None


@dataclass(frozen=True, slots=True)
class Board:
    """Counts by stage in the model's order; stages without anybody are there with 0."""

    model: str
    version: int
    as_of: int
    stages: Sequence[BoardStage]
    total: int


@dataclass(frozen=True, slots=True)
class EventTypeCount:
    """An event type that has been seen, how often, and its first and last effective instant."""

    type: str
    count: int
    first_at: int
    last_at: int


@dataclass(frozen=True, slots=True)
class ParkedSubject:
    """A subject whose fold failed: its events are stored, not folded, until a refold succeeds.

    Attributes:
        position: The event at which it failed.
        error: What the fold said.
        attempts: Failed refolds so far, from 1.
        next_try_at: When the sweeper tries again.
    """

    tenant: str
    subject: SubjectKey
    model: str
    generation: int
    position: int
    error: str
    attempts: int
    next_try_at: int
