"""What a store inside this process needs of its rows, whatever holds them.

`Rows` writes and answers scripts; `Readings` answers people. Both block, so the store calls them
where its runner says. Shapes of rows are those of `projections`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, Protocol

from projections.asking import Question, Ref
from projections.events.history import LoggedEvent
from projections.events.log import SubjectKey
from projections.models.catalogue import ApiKey, Generation, ModelVersion
from projections.models.ranges import BucketRange, Built
from projections.reading.answers import CustomerQuery, EventTypeCount
from projections.reading.boards import Moment, Span
from projections.reading.health import Finding
from projections.reading.lists import Listed
from projections.rebuilding.diffs import Matrix, Restaged
from projections.registers.register import AskEntries, AskFirsts
from projections.rows.changes import Row
from projections.rows.questions import AskBucketLoads, AskProfilesIn, Head, HistoryOf
from projections.rows.records import Latest, RecordRow
from projections.safekeeping.seals import Seal
from projections.subjects.profiles import Identity, Profile, ProfileRow

if TYPE_CHECKING:
    from projections.rebuilding.diffs import Sides

NEWEST_LOOKED_AT = 5_000
"""So many events back an import of the past shows that it is under way: more than a batch of it."""


class Rows(Protocol):
    """The one writer's rows."""

    def transaction(self) -> AbstractContextManager[None]:
        """Begin; commit at the end, or roll back when an exception passes.

        Raises:
            StoreUnavailable: It cannot be begun or committed now; nothing was written.
        """
        ...

    def is_alone(self) -> bool:
        """Tell whether nobody else has written since the last call; asked inside a transaction."""
        ...

    def answer(self, question: Question[Any]) -> Any:  # noqa: ANN401 -- typed by the question
        """Answer a script's question."""
        ...

    def generations(self) -> list[Generation]:
        """Return every generation, oldest first."""
        ...

    def versions(self) -> list[ModelVersion]:
        """Return every model version, by tenant, model and version."""
        ...

    def save_generation(self, generation: Generation) -> None:
        """Insert or replace it."""
        ...

    def add_built(self, generation: int, built: Built) -> None:
        """Note that a range of its buckets is built."""
        ...

    def forget_ranges(self, generation: int) -> None:
        """Remove the notes about its ranges."""
        ...

    def put_version(self, version: ModelVersion) -> None:
        """Insert or replace it."""
        ...

    def remove_rows(self, generation: int, limit: int, found: BucketRange) -> int:
        """Remove about *limit* rows of that generation, all but what the feed has carried.

        Only of subjects in *found*; return how many.
        """
        ...

    def save_key(self, key: ApiKey) -> None:
        """Insert or replace it."""
        ...

    def add_salts(self, salts: Sequence[Row]) -> None:
        """Insert the salts of subjects that have none: bucket, number, salt."""
        ...

    def add_seal(self, seal: Seal) -> None:
        """Insert it."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


class Readings(Protocol):
    """Rows as they are at one moment; nothing is written."""

    kind: Literal["memory", "sqlite", "postgresql"]

    def head(self) -> Head: ...

    def position_at(self, instant: int) -> int: ...

    def generations(self) -> list[Generation]: ...

    def versions(self) -> list[ModelVersion]: ...

    def keys(self) -> list[ApiKey]: ...

    def key(self, key_id: str) -> ApiKey | None: ...

    def entries(self, asked: AskEntries) -> list[Row]: ...
    def firsts(self, asked: AskFirsts) -> list[Row]: ...

    def identity(self, tenant: str, key: SubjectKey) -> Identity | None: ...

    def identities(self, refs: Sequence[Ref]) -> list[Identity]: ...

    def former_root(self, ref: Ref) -> Ref | None:
        """Return whom a subject belongs to in the projections, where the log says otherwise."""
        ...

    def profiles(self, refs: Sequence[Ref]) -> list[Profile]: ...

    def profile_row(self, tenant: str, key: SubjectKey) -> ProfileRow | None:
        """Return the row of whom that name belongs to by the log: `PROFILE_COLUMNS`."""
        ...

    def histories(self, requests: Sequence[HistoryOf]) -> Mapping[Ref, list[LoggedEvent]]: ...

    def bucket_loads(self, asked: AskBucketLoads) -> list[tuple[int, int]]: ...

    def profiles_in(self, asked: AskProfilesIn) -> list[Profile]: ...

    def latest(self, generation: int, ref: Ref) -> Latest | None:
        """Return what is told of the newest transition that holds."""
        ...

    def stay(self, generation: int, ref: Ref, as_of: int) -> tuple[str, int] | None:
        """Return the stage at *as_of* by the records that hold, and when it was entered."""
        ...

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
        """Return records behind *after*: a pair of what they are ordered by.

        That is (sequence, number), or (effective_at, number) from the newest on.
        """
        ...

    def events_of(
        self,
        request: HistoryOf,
        *,
        after: tuple[int, int] | None,
        limit: int,
        newest_first: bool,
    ) -> list[Row]:
        """Return stored events of a subject: event columns, kind and id of whom it was sent for."""
        ...

    def log(self, tenant: str, *, after: int, limit: int, event_type: str | None) -> list[Row]: ...

    def event(self, position: int) -> Row | None: ...

    def events_with_id(self, tenant: str, event_id: str) -> list[Row]: ...

    def feed(self, tenant: str, *, after: int, limit: int) -> list[tuple[Row, Row]]:
        """Return feed rows, each with its record and retraction columns."""
        ...

    def event_types(self, tenant: str) -> list[EventTypeCount]: ...

    def parked(self, tenant: str, limit: int) -> list[Row]:
        """Return bucket, generation, subject_id, position, error, attempts, next_try_at."""
        ...

    def parked_count(self) -> int: ...

    def due(self, tenant: str | None, instant: int, limit: int | None) -> list[Profile]:
        """Return profiles with a deadline at or before *instant*, earliest first."""
        ...

    def waiting_since(self) -> int | None:
        """Return when the oldest event that is not folded yet was stored."""
        ...

    def has_history_since(self, instant: int) -> bool:
        """Tell whether any of the newest events recorded since then is of an import of the past."""
        ...

    def due_count(self, instant: int, limit: int) -> tuple[int, int | None]:
        """Return how many such profiles there are, up to *limit*, and the earliest deadline."""
        ...

    def touched_since(self, tenant: str, position: int) -> list[Ref]:
        """Return the canonical subjects of events behind *position*."""
        ...

    # -------------------------------------------------------- seals

    def seals_behind(self, position: int, limit: int) -> list[Seal]:
        """Return seals that end behind *position*, in order."""
        ...

    def seals_before(self, position: int, limit: int) -> list[Seal]:
        """Return seals that end before *position*, the newest first."""
        ...

    def sealable(self, after: int, end: int, limit: int) -> list[Row]:
        """Return `SEALABLE_COLUMNS` of events behind *after*, up to *end*, in order."""
        ...

    def held_records(
        self, generations: Sequence[int], refs: Sequence[Ref]
    ) -> Mapping[tuple[int, Ref], list[RecordRow]]:
        """Return the records of these subjects that hold, by number."""
        ...

    def places(
        self, generations: Sequence[int], refs: Sequence[Ref]
    ) -> Mapping[tuple[int, Ref], tuple[str, int]]:
        """Return where lists and boards show these subjects: stage, and when it was entered."""
        ...

    # -------------------------------------------------------- boards and lists

    def open_days(self, moment: Moment) -> Iterable[tuple[str, int, int]]:
        """Return how many stays were open: stage, day of entry, count; several rows add up."""
        ...

    def entered(self, moment: Moment, spans: Sequence[Span]) -> Iterable[tuple[str, Sequence[int]]]:
        """Return by stage when the stays began that were open and began within *spans*."""
        ...

    def customers(
        self, query: CustomerQuery, generation: int | None, without: Sequence[Ref]
    ) -> list[Listed]:
        """Return one line more than the limit, if there are, *without* some subjects."""
        ...

    def stage_matrix(self, sides: Sides) -> Matrix:
        """Return how many stand where by two generations; by neither is left out."""
        ...

    def stage_changes(self, sides: Sides, after: Ref, limit: int) -> list[tuple[Ref, Restaged]]:
        """Return those behind *after* who stand elsewhere by the new one, in order of storage."""
        ...

    # -------------------------------------------------------- condition

    def place(self) -> str: ...

    def revision(self) -> str: ...

    def size_bytes(self) -> int: ...

    def details(self) -> Mapping[str, str]: ...

    def inspect(self, *, thorough: bool) -> list[Finding]: ...
