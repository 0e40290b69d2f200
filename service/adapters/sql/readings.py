"""What people ask of a database in the same words, whichever it is.

An adapter says how a statement is asked, and has its own for the rest; these bind the same things
in the same order in both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar, Literal, Protocol

from domain.buckets import bucket_of
from projections.asking import Ref
from projections.events.log import SubjectKey
from projections.models.catalogue import ApiKey
from projections.reading.answers import EventTypeCount
from projections.rebuilding.diffs import Matrix, Restaged, Sides
from projections.rows.changes import Row
from projections.rows.questions import Head
from projections.rows.records import Latest, stay_of
from projections.subjects.profiles import Identity, identity_of
from service.adapters.sql.diffs import restaged
from service.adapters.sql.small import key_of
from service.adapters.sql.tables import feed

FAR = 1 << 62
"""Behind any position, number or instant."""

_FEED_WIDTH = len(feed.c)


class Views(Protocol):
    """The texts of one database's statements, each of one row or of a page of them."""

    def recorded_at(self) -> str: ...
    def all_keys(self) -> str: ...
    def one_key(self) -> str: ...
    def identity(self) -> str: ...
    def latest(self) -> str: ...
    def stay(self) -> str: ...
    def records(self, *, newest_first: bool, include_retracted: bool) -> str: ...
    def log(self, *, of_type: bool) -> str: ...
    def event(self) -> str: ...
    def events_with_id(self) -> str: ...
    def feed_page(self) -> str: ...
    def types_seen(self) -> str: ...
    def parked_of(self) -> str: ...
    def parked_count(self) -> str: ...
    def due_count(self) -> str: ...
    def roots_since(self) -> str: ...
    def accounts_since(self) -> str: ...
    def stage_matrix(self) -> str: ...
    def stage_changes(self) -> str: ...


class Lookups(Protocol):
    """The texts of statements that a list drives."""

    def identities(self) -> str: ...
    def places(self) -> str: ...


class SqlReadings(ABC):
    """Reads inside one transaction.

    Attributes:
        views, lookups: The statements.
        every_bucket: All buckets, as the database takes a list.
    """

    views: ClassVar[Views]
    lookups: ClassVar[Lookups]
    every_bucket: ClassVar[object]

    @abstractmethod
    def head(self) -> Head:
        """Return where everything ends."""

    @abstractmethod
    def _asked(self, sql: str, *bound: object) -> list[Row]:
        """Return the rows of a statement."""

    @abstractmethod
    def _rows(self, write: Callable[[], str], *bound: object) -> list[Row]:
        """Return the rows of the statement that *write* makes."""

    @abstractmethod
    def _listed(self, write: Callable[[], str], rows: Iterable[Sequence[object]]) -> list[Row]:
        """Return the rows of a lookup that *rows* drive."""

    def _row(self, write: Callable[[], str], *bound: object) -> Row | None:
        """Return the first row of the statement that *write* makes."""
        found = self._rows(write, *bound)
        return found[0] if found else None

    def position_at(self, instant: int) -> int:
        low, high = 0, self.head().position
        while low < high:  # recorded_at never runs backwards, so the place is found by halving
            middle = (low + high + 1) // 2
            row = self._row(self.views.recorded_at, middle)
            if row is not None and row[0] <= instant:
                low = middle
            else:
                high = middle - 1
        return low

    def keys(self) -> list[ApiKey]:
        return [key_of(row) for row in self._rows(self.views.all_keys)]

    def key(self, key_id: str) -> ApiKey | None:
        row = self._row(self.views.one_key, key_id)
        return None if row is None else key_of(row)

    def identity(self, tenant: str, key: SubjectKey) -> Identity | None:
        bucket = bucket_of(tenant, key.id)
        row = self._row(self.views.identity, bucket, tenant, key.kind, key.id)
        return None if row is None else identity_of(row)

    # ------------------------------------------------------------ records

    def latest(self, generation: int, ref: Ref) -> Latest | None:
        row = self._row(self.views.latest, ref[0], generation, ref[1])
        return None if row is None else Latest(*row)

    def stay(self, generation: int, ref: Ref, as_of: int) -> tuple[str, int] | None:
        row = self._row(self.views.stay, ref[0], generation, ref[1], as_of)
        return None if row is None else stay_of(row)

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
        sql = self.views.records(newest_first=is_newest, include_retracted=include_retracted)
        behind = after or before_all(newest_first=is_newest)
        return self._asked(sql, ref[0], generation, ref[1], *behind, limit)

    def places(
        self, generations: Sequence[int], refs: Sequence[Ref]
    ) -> Mapping[tuple[int, Ref], tuple[str, int]]:
        wanted = [(bucket, each, number) for bucket, number in refs for each in generations]
        rows = self._listed(self.lookups.places, wanted)
        return {(row[1], (row[0], row[2])): (row[3], row[4]) for row in rows}

    # ------------------------------------------------------------ the log and the feed

    def log(self, tenant: str, *, after: int, limit: int, event_type: str | None) -> list[Row]:
        of_type = () if event_type is None else (event_type,)
        sql = self.views.log(of_type=event_type is not None)
        return self._asked(sql, after, tenant, *of_type, limit)

    def event(self, position: int) -> Row | None:
        return self._row(self.views.event, position)

    def events_with_id(self, tenant: str, event_id: str) -> list[Row]:
        return self._rows(self.views.events_with_id, self.every_bucket, event_id, tenant)

    def feed(self, tenant: str, *, after: int, limit: int) -> list[tuple[Row, Row]]:
        rows = self._rows(self.views.feed_page, after, tenant, limit)
        return [(row[:_FEED_WIDTH], row[_FEED_WIDTH:]) for row in rows]

    def event_types(self, tenant: str) -> list[EventTypeCount]:
        return [EventTypeCount(*row) for row in self._rows(self.views.types_seen, tenant)]

    # ------------------------------------------------------------ what waits

    def parked(self, tenant: str, limit: int) -> list[Row]:
        return self._rows(self.views.parked_of, tenant, limit)

    def parked_count(self) -> int:
        row = self._row(self.views.parked_count)
        return row[0] if row else 0

    def due_count(self, instant: int, limit: int) -> tuple[int, int | None]:
        row = self._row(self.views.due_count, instant, limit)
        return (row[0], row[1]) if row else (0, None)

    def touched_since(self, tenant: str, position: int) -> list[Ref]:
        roots = {(row[0], row[1]) for row in self._rows(self.views.roots_since, position, tenant)}
        names = [row[0] for row in self._rows(self.views.accounts_since, position, tenant)]
        keys = [(bucket_of(tenant, name), tenant, "account", name) for name in names]
        accounts = self._listed(self.lookups.identities, keys)
        return sorted(roots | {(row[0], row[1]) for row in accounts})

    # ------------------------------------------------------------ two generations beside each other

    def stage_matrix(self, sides: Sides) -> Matrix:
        bound = (sides.old, sides.new, sides.tenant, int(sides.is_account))
        rows = self._rows(self.views.stage_matrix, *bound)
        return [(old, new, count) for old, new, count in rows]

    def stage_changes(self, sides: Sides, after: Ref, limit: int) -> list[tuple[Ref, Restaged]]:
        bound = (sides.old, sides.new, sides.tenant, int(sides.is_account), *after, limit)
        return [restaged(row) for row in self._rows(self.views.stage_changes, *bound)]


def before_all(*, newest_first: bool) -> tuple[int, int]:
    """Return the key before that of any row of a page, in either order."""
    return (FAR, FAR) if newest_first else (-1, -1)
