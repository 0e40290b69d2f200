"""One range of a rebuild: read, folded and copied beside everybody, then joined under the lock.

All of it is one transaction. Until the lock is taken it holds up nobody; what it takes under the
lock is a look at who has changed, one update of the profiles and the commit. The ledger is written
in it too, so a range is there as a whole, once, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    FromClause,
    Select,
    Text,
    any_,
    bindparam,
    case,
    literal_column,
    or_,
    select,
)
from sqlalchemy.util.concurrency import await_

from domain.machine.needs import Needs
from projections.appending.append import World
from projections.asking import Ref, run
from projections.models.catalogue import Generation
from projections.models.machines import Catalogue
from projections.models.ranges import BucketRange, Built
from projections.rebuilding.building import build_some
from projections.rebuilding.stretches import (
    ORIGIN_COLUMNS,
    RANGE_COLUMNS,
    SEEN_COLUMNS,
    Seen,
    Stretch,
    seen_in,
)
from projections.rows.changes import Row
from projections.rows.questions import HistoryOf
from projections.rows.records import RECORD_COLUMNS, Projection
from projections.subjects.residents import Residents
from service.adapters.postgres import asking, lookups, rebuilds, writes
from service.adapters.postgres.compiled import (
    WHOLE,
    columns,
    for_postgres,
    number,
    statement,
)
from service.adapters.postgres.connections import Database, Link
from service.adapters.postgres.lookups import REF
from service.adapters.postgres.rows import PostgresRows
from service.adapters.postgres.small import note_change, read_versions
from service.adapters.sql.tables import events, profiles, stages, transitions

_TURN_AMONG_BUILDERS = "SELECT pg_advisory_xact_lock('rebuilds'::regclass::oid::bigint)"
"""Of those who build, one at a time queues for the lock of appends, so none waits for several."""

EVENTS_AT_ONCE = 5_000
CLUSTERS_AT_ONCE = 500


class RangeBuilder:
    """Builds ranges, one after the other, over a connection of its own."""

    def __init__(self, database: Database) -> None:
        """Read and write *database*."""
        self._database = database
        self._rows = PostgresRows(database)
        self._catalogue = Catalogue()

    def build(self, generation: int, found: BucketRange, now: int) -> Built | None:
        """Return the range, now in the generation; None where that is no longer wanted.

        Raises:
            StoreUnavailable: Nothing of it was written, or the answer to COMMIT was lost.
        """
        with self._database.writing("BEGIN") as link:
            projection = self._projection(link, generation)
            if projection is None or projection.built & found.bits:
                return None
            stretch = Stretch(projection, self._catalogue.kept, now)
            _Reading(link, projection, found, stretch).read()
            _copy(link, stretch)
            link.execute(_TURN_AMONG_BUILDERS)
            with self._rows.turn_within(link):
                built = self._join(link, stretch, found, now)
                if built is not None:
                    self._rows.commit(link)
            if built is None:
                link.execute("ROLLBACK")
            return built

    def _projection(self, link: Link, generation: int) -> Projection | None:
        self._level(link, rebuilds.read_generations(link))
        found = self._catalogue.generations.get(generation)
        is_wanted = found is not None and found.status == "building"
        return self._catalogue.projection(generation) if is_wanted else None

    def _level(self, link: Link, generations: list[Generation]) -> None:
        """Renew the catalogue; documents are read only where there are new ones."""
        known = self._catalogue.versions
        is_known = all(
            len(known.get((one.tenant, one.model), ())) >= one.version for one in generations
        )
        versions = chain.from_iterable(known.values()) if is_known else read_versions(link)
        self._catalogue = self._catalogue.renewed(versions, generations)

    def _join(self, link: Link, stretch: Stretch, found: BucketRange, now: int) -> Built | None:
        """Let the range be part of its generation; None where it is not wanted any more."""
        projection, seen = stretch.projection, stretch.seen
        self._level(link, rebuilds.read_generations(link))
        generation = self._catalogue.generations[projection.generation]
        if generation.status != "building" or generation.built & found.bits:
            return None
        there = _versions(link, projection, found)
        other = {ref for ref, version in there.items() if _is_other(seen.get(ref), version)}
        other |= stretch.failed
        gone = seen.keys() - there.keys()
        self._forget(link, projection, (other | gone) & stretch.standings.keys())
        standings = [
            row for ref, row in stretch.standings.items() if ref not in other and ref not in gone
        ]
        link.listed(writes.text_of(writes.merge_standings), standings)
        link.listed(writes.text_of(writes.count_stages), stretch.counts(other | gone))
        link.listed(writes.text_of(writes.count_stays), stretch.stay_counts(other | gone))
        self._fold_again(link, projection.generation, found, other, now)
        built = Built(found, stretch.events)
        rebuilds.add_built(link, generation.generation, built)
        grown = generation.grown(built)
        rebuilds.save_generation(link, grown)
        if grown.status != generation.status:
            note_change(link)
        return built

    def _forget(self, link: Link, projection: Projection, refs: Iterable[Ref]) -> None:
        """Take back the rows of those who are others by now."""
        standings = [(bucket, projection.generation, subject) for bucket, subject in refs]
        link.listed(writes.text_of(writes.lose_records), standings)
        link.listed(writes.text_of(writes.lose_stages), standings)

    def _fold_again(
        self, link: Link, generation: int, found: BucketRange, refs: Iterable[Ref], now: int
    ) -> None:
        """Fold those who changed while the range was folded; there are few of them."""
        wanted = sorted(refs)
        projection = self._catalogue.projection(generation)
        if not wanted or projection is None:
            return
        world = World(Residents(), self._catalogue.projections, now)
        again = asking.profiles_of(link, wanted)
        run(build_some(world, projection, found, again), self._rows.answer)


def _is_other(seen: Seen | None, version: int) -> bool:
    return seen is None or seen.version != version


class _Reading:
    """Who lives in a range, and what has happened to them."""

    def __init__(
        self, link: Link, projection: Projection, found: BucketRange, stretch: Stretch
    ) -> None:
        self._link = link
        self._projection = projection
        self._range = found
        self._stretch = stretch
        self._projected = 0

    def read(self) -> None:
        """Fold everybody into the stretch.

        Profiles first, then how far they are projected: whoever is projected further in between has
        another version at the end.
        """
        seen = self._stretch.seen = {one.ref: one for one in self._seen()}
        head = asking.head_of(self._link.row(statement(lookups.head)) or (0, 0, 0))
        self._projected = head.projected
        if any(one.is_plain for one in seen.values()):
            self._stretch.take_in_order(chain.from_iterable(self._pages()), self._relieve)
        self._take_clusters(self._stretch.others)

    def _seen(self) -> Iterator[Seen]:
        one = self._projection
        bound = (self._range.first, self._range.end, one.tenant, int(one.is_account))
        for *row, version in self._link.rows(statement(_profiles_seen), *bound):
            yield seen_in(tuple(row), is_account=one.is_account, version=version)

    def _pages(self) -> Iterator[list[Row]]:
        """Yield the events of the range in fold order, some at a time."""
        sql, bound = asked_by(self._projection.lineage.needs, self._range, self._projected)
        cursor = await_(self._link.driver.cursor(sql, *bound))
        while True:
            page = await_(cursor.fetch(EVENTS_AT_ONCE))
            yield page
            if len(page) < EVENTS_AT_ONCE:
                return

    def _take_clusters(self, others: list[Seen]) -> None:
        for first in range(0, len(others), CLUSTERS_AT_ONCE):
            some = others[first : first + CLUSTERS_AT_ONCE]
            is_account = self._projection.is_account
            histories = asking.histories(
                self._link,
                [
                    HistoryOf(one.ref, one.members, is_account, known_at=self._projected)
                    for one in some
                ],
            )
            for one in some:
                self._stretch.take_history(one, histories.get(one.ref, []))
            self._relieve()

    def _relieve(self) -> None:
        """Write what has gathered: memory is bounded by a page."""
        if len(self._stretch.records) >= EVENTS_AT_ONCE:
            _copy(self._link, self._stretch)


def _copy(link: Link, stretch: Stretch) -> None:
    if stretch.records:
        link.copy(transitions.name, RECORD_COLUMNS, stretch.records)
        stretch.records = []
    if stretch.stages:
        link.copy(stages.name, tuple(stages.c.keys()), stretch.stages)
        stretch.stages = []


def _versions(link: Link, projection: Projection, found: BucketRange) -> dict[Ref, int]:
    """Return the versions of the profiles that are there now."""
    bound = (found.first, found.end, projection.tenant, int(projection.is_account))
    rows = link.rows(statement(_versions_now), *bound)
    return {(bucket, subject): version for bucket, subject, version in rows}


# ---------------------------------------------------------------- statements

_BOUND = ("first", "end", "tenant", "is_account")
_VERSION = literal_column("profiles.xmin::text::bigint", WHOLE)
"""The transaction that wrote the row: https://www.postgresql.org/docs/current/ddl-system-columns.html"""


def _profiles_seen() -> str:
    found = select(*columns(profiles, *SEEN_COLUMNS), _VERSION).where(*lookups.in_range())
    return for_postgres(found, *_BOUND)


def _versions_now() -> str:
    found = select(*columns(profiles, *REF), _VERSION).where(*lookups.in_range())
    return for_postgres(found, *_BOUND)


def events_in_order() -> str:
    """Return the statement for the events of a range, read from the index `events_fold` alone.

    Rows of the log lie where they were appended, those of one subject far apart: to visit each
    takes several times what the index does. Only contents that versions need are looked up.
    """
    sent = events.alias("sent")
    content = select(_content(sent)).where(sent.c.position == events.c.position)
    found = select(*columns(events, *RANGE_COLUMNS), case((_is_read(), content.scalar_subquery())))
    return for_postgres(_in_order(found), "types", "first", "end", "known_at")


def whole_events_in_order() -> str:
    """Return the statement for versions that look at the origin, or read properties of any type."""
    every = bindparam("every", type_=Boolean)
    needed = case((or_(every, _is_read()), _content(events)))
    found = select(*columns(events, *RANGE_COLUMNS), needed, *columns(events, *ORIGIN_COLUMNS))
    return for_postgres(_in_order(found), "every", "types", "first", "end", "known_at")


def _is_read() -> ColumnElement[bool]:
    return events.c.type == any_(bindparam("types", type_=ARRAY(Text)))


def _content(table: FromClause) -> ColumnElement[str]:
    """Return the format of an event and its payload, as `stretches` takes them apart."""
    return table.c.api_format + literal_column("' '", Text) + table.c.payload


def _in_order(found: Select[Any]) -> Select[Any]:
    return found.where(
        events.c.bucket >= number("first"),
        events.c.bucket < number("end"),
        events.c.position <= number("known_at"),
    ).order_by(*columns(events, *REF, "effective_at", "position"))


def asked_by(needs: Needs, found: BucketRange, known_at: int) -> tuple[str, tuple[object, ...]]:
    """Return the statement for the events of a range up to a position, and what is bound."""
    types = needs.properties_of
    bound = (sorted(types or ()), found.first, found.end, known_at)
    if types is not None and not needs.origin:
        return statement(events_in_order), bound
    return statement(whole_events_in_order), (types is None, *bound)
