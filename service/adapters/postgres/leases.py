"""Leases in PostgreSQL, timed by the database's clock: the only one that all processes share."""

from __future__ import annotations

from sqlalchemy import BigInteger, delete, extract, func, literal_column, or_
from sqlalchemy.dialects.postgresql import insert

from service.adapters.postgres.compiled import WHOLE, for_postgres, number, statement, words
from service.adapters.postgres.connections import Database
from service.adapters.postgres.runner import GreenletRunner
from service.adapters.postgres.tables import leases
from service.leases import LEASE_SECONDS

_MICROSECONDS = 1_000_000


class PostgresLeases:
    """The leases of one process."""

    def __init__(self, database: Database, runner: GreenletRunner, holder: str) -> None:
        """Hold none yet; *holder* names this process and no other."""
        self._database = database
        self._runner = runner
        self._holder = holder

    async def hold(self, name: str) -> bool:
        def take() -> bool:
            with self._database.noting() as link:
                bound = (name, self._holder, LEASE_SECONDS * _MICROSECONDS)
                return bool(link.rows(statement(_take), *bound))

        return await self._runner.read(take)

    async def release(self) -> None:
        def give_back() -> None:
            with self._database.noting() as link:
                link.rows(statement(_release), self._holder)

        await self._runner.read(give_back)


def _take() -> str:
    """Return the statement that takes a lease which is free, over or the holder's already."""
    now = func.trunc(
        extract("epoch", func.clock_timestamp()) * literal_column(str(_MICROSECONDS), WHOLE)
    ).cast(BigInteger)
    taking = insert(leases).values(
        name=words("name"), holder=words("holder"), until=now + number("lasting")
    )
    taking = taking.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": taking.excluded.holder, "until": taking.excluded.until},
        where=or_(leases.c.holder == taking.excluded.holder, leases.c.until < now),
    )
    return for_postgres(taking.returning(leases.c.name), "name", "holder", "lasting")


def _release() -> str:
    return for_postgres(delete(leases).where(leases.c.holder == words("holder")), "holder")
