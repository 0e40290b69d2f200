"""Reads of one subject by many callers at once, answered by few statements for all of them.

While one batch is being read whoever asks waits for the next; alone, nobody waits. A transaction
and six round trips are then paid once per batch and not once per caller.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from domain.buckets import bucket_of
from projections.asking import Ref
from projections.events.log import SubjectKey
from projections.reading.answers import SubjectSnapshot
from projections.rows.questions import Head
from projections.rows.records import Latest
from projections.subjects.profiles import Identity, Profile, ProfileRow, identity_of
from projections.subjects.standings import generations_in
from service.adapters.postgres import asking, lookups, views, waiting
from service.adapters.postgres.compiled import statement
from service.adapters.postgres.connections import Link, is_storable
from service.adapters.postgres.readings import PostgresReadings

BATCH_MAX = 256
AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom one caller asks for, and in which model; None for all."""

    tenant: str
    key: SubjectKey
    model: str | None


class ReadingsOfMany(PostgresReadings):
    """Readings that have looked up everything about some subjects beforehand."""

    def __init__(self, link: Link, place: str, head: Head, wanted: Sequence[Wanted]) -> None:
        """Look up whatever may be asked about *wanted*, records only once one is asked for."""
        super().__init__(link, place, head)
        self._latest: dict[tuple[int, Ref], Latest] | None = None
        names = {(one.tenant, one.key.kind, one.key.id) for one in wanted}
        self._rows_by_name = asking.rows_by_name(link, names) if head.is_level else {}
        self._profiles = {} if head.is_level else self._behind(names)

    def _behind(self, names: Collection[asking.Name]) -> dict[Ref, Profile]:
        """Look up whom *names* belonged to when what has been folded was stored."""
        link = self.link
        keys = [(bucket_of(name[0], name[2]), *name) for name in names if is_storable(name[2])]
        named = [identity_of(row) for row in link.listed(statement(lookups.identities), keys)]
        self._named = {(one.tenant, one.kind, one.name): one for one in named}
        self._former = waiting.former_roots_of(link, [one.ref for one in named])
        roots = list({self._former.get(one.ref, one.root) for one in named})
        return {one.ref: one for one in asking.profiles_of(link, roots)}

    def profile_row(self, tenant: str, key: SubjectKey) -> ProfileRow | None:
        return self._rows_by_name.get((tenant, key.kind, key.id))

    def identity(self, tenant: str, key: SubjectKey) -> Identity | None:
        return self._named.get((tenant, key.kind, key.id))

    def former_root(self, ref: Ref) -> Ref | None:
        return self._former.get(ref)

    def profiles(self, refs: Sequence[Ref]) -> list[Profile]:
        return [self._profiles[ref] for ref in refs if ref in self._profiles]

    def latest(self, generation: int, ref: Ref) -> Latest | None:
        if self._latest is None:
            rows = self.link.listed(statement(views.latest_of), self._standings())
            self._latest = {(row[1], (row[0], row[2])): Latest(*row[3:]) for row in rows}
        return self._latest.get((generation, ref))

    def _standings(self) -> list[tuple[int, int, int]]:
        """Return every standing of those looked up: bucket, generation, number."""
        if not self._rows_by_name:
            found = [(one.ref, list(one.standings)) for one in self._profiles.values()]
        else:
            rows = {(row[0], row[1]): row[-1] for row in self._rows_by_name.values()}
            found = [(ref, generations_in(states)) for ref, states in rows.items()]
        return [(ref[0], each, ref[1]) for ref, generations in found for each in generations]


Answers = list[SubjectSnapshot | None]
Read = Callable[[Sequence[Wanted]], Awaitable[Answers]]
_Caller: TypeAlias = tuple[Wanted, "asyncio.Future[SubjectSnapshot | None]"]


class Together:
    """Gathers callers into batches."""

    def __init__(self, read: Read, *, is_apart: bool = False) -> None:
        """Answer each batch by *read*, where it *is_apart* one tenant's callers at a time."""
        self._read = read
        self._is_apart = is_apart
        self._waiting: dict[str, deque[_Caller]] = {}
        self._reading: set[asyncio.Task[None]] = set()

    async def ask(self, wanted: Wanted) -> SubjectSnapshot | None:
        """Return the answer to *wanted*.

        Raises:
            StoreUnavailable: The database cannot be read now.
        """
        answer = asyncio.get_running_loop().create_future()
        key = wanted.tenant if self._is_apart else ""
        self._waiting.setdefault(key, deque()).append((wanted, answer))
        if len(self._reading) < AT_ONCE:
            self._reading.add(asyncio.create_task(self._answer_all()))
        found: SubjectSnapshot | None = await answer
        return found

    def _batch(self) -> list[_Caller]:
        """Take those who wait and can be answered together; what is left of them comes last."""
        key = next(iter(self._waiting))
        waiting = self._waiting.pop(key)
        batch = [waiting.popleft() for _ in range(min(len(waiting), BATCH_MAX))]
        if waiting:
            self._waiting[key] = waiting
        return batch

    async def _answer_all(self) -> None:
        try:
            await self._answer_waiting()
        finally:  # at once: whoever was answered may ask again before this task counts as done
            self._reading.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _answer_waiting(self) -> None:
        while self._waiting:
            batch = self._batch()
            read = self._read([wanted for wanted, _ in batch])
            [found] = await asyncio.gather(read, return_exceptions=True)
            if isinstance(found, BaseException):
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(found)
                continue
            for (_, answer), one in zip(batch, found, strict=True):
                if not answer.done():
                    answer.set_result(one)
