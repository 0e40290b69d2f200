"""Lists of customers from SQLite: filters, order and keyset put together for one query."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, Text, bindparam, func, select

from projections.reading.answers import CustomerQuery
from service.adapters.sql.compiled import CrossJoin, limited, text_and_names
from service.adapters.sql.listing import Listing
from service.adapters.sql.tables import profiles, stages
from service.adapters.sqlite.lookups import item, listed


def listing(query: CustomerQuery, generation: int | None, without: str) -> tuple[str, list[object]]:
    """Return the statement for a page, and what to bind.

    Its rows are bucket, number, name, kind and what they are sorted by. *without* is a JSON array
    of subjects to leave out.
    """
    builder = _Listing(query, generation)
    builder.leave_out(without)
    statement = limited(builder.ordered(), builder.bind("limit", query.limit + 1))
    text, names = text_and_names(statement)
    return text, [builder.bound[name] for name in names]


class _Listing(Listing):
    def _whole(self, name: str) -> ColumnElement[int]:
        return bindparam(name, type_=Integer)

    def _text(self, name: str) -> ColumnElement[str]:
        return bindparam(name, type_=Text)

    def _has_trait(self, place: int, name: str, text: str) -> ColumnElement[bool]:
        wanted = (self.bind(f"trait{place}", name), self.bind(f"value{place}", text))
        return func.trait_is(profiles.c.traits, *wanted)

    def leave_out(self, without: str) -> None:
        """Leave the subjects that *without* names out of the list."""
        if without != "[]":
            self.bound["rows"] = without
            rows = listed()
            self._leave_out(select(item(rows, 0), item(rows, 1)).select_from(rows))

    def _read_from(self, found: Select[Any]) -> Select[Any]:
        if not self._has_stages:
            return found.select_from(profiles)
        starts_at_stages = self._query.sort == "entered_at" or self._query.stages
        order = (stages, profiles) if starts_at_stages else (profiles, stages)
        return found.select_from(CrossJoin(*order))
