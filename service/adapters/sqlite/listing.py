"""Lists of customers from SQLite: filters, order and keyset put together for one query."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
)

from projections.reading.answers import CustomerQuery
from projections.subjects.profiles import DAY
from service.adapters.sql.compiled import CrossJoin, limited, text_and_names
from service.adapters.sql.tables import profiles, stages
from service.adapters.sqlite.lookups import item, listed

Bound = dict[str, object]


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


class _Listing:
    def __init__(self, query: CustomerQuery, generation: int | None) -> None:
        self.bound: Bound = {}
        self._query = query
        self._conditions: list[ColumnElement[bool]] = [
            profiles.c.tenant == self.bind("tenant", query.tenant),
            _is_listed(query),
        ]
        self._has_stages = generation is not None
        if generation is not None:
            self._stand(generation)
        for number, (name, text) in enumerate(query.traits.items()):
            wanted = (self.bind(f"trait{number}", name), self.bind(f"value{number}", text))
            self._conditions.append(func.trait_is(profiles.c.traits, *wanted))

    def bind(self, name: str, value: object) -> ColumnElement[Any]:
        self.bound[name] = value
        kind = Integer if isinstance(value, int) else Text
        return bindparam(name, type_=kind)

    def _stand(self, generation: int) -> None:
        query = self._query
        self._conditions += [
            stages.c.generation == self.bind("generation", generation),
            stages.c.bucket == profiles.c.bucket,
            stages.c.subject_id == profiles.c.subject_id,
        ]
        if query.stages:
            named = [self.bind(f"stage{n}", stage) for n, stage in enumerate(query.stages)]
            self._conditions.append(stages.c.stage.in_(named))
        if query.entered_before is not None:
            before = self.bind("entered_before", query.entered_before)
            self._conditions.append(stages.c.entered_at < before)
        if query.entered_after is not None:
            after = self.bind("entered_after", query.entered_after)
            self._conditions.append(stages.c.entered_at >= after)

    def leave_out(self, without: str) -> None:
        if without != "[]":
            self.bound["rows"] = without
            rows = listed()
            out = select(item(rows, 0), item(rows, 1)).select_from(rows)
            ref = tuple_(profiles.c.bucket, profiles.c.subject_id)
            self._conditions.append(ref.not_in(out))

    def ordered(self) -> Select[Any]:
        """Return the selection behind the query's `after`, in its order."""
        query = self._query
        value = {
            "id": profiles.c.name,
            "entered_at": stages.c.entered_at,
            "last_event_at": profiles.c.last_at,
        }[query.sort]
        order: list[ColumnElement[Any]] = [value, profiles.c.name, profiles.c.kind]
        found = select(
            profiles.c.bucket, profiles.c.subject_id, profiles.c.name, profiles.c.kind, value
        ).select_from(self._source())
        if query.after is not None:
            after = [self.bind(f"after{n}", part) for n, part in enumerate(query.after)]
            key = tuple_(*order)
            behind = key < tuple_(*after) if query.descending else key > tuple_(*after)
            self._conditions.append(behind)
            self._narrow(query.after[0])
        if query.sort == "last_event_at":
            order.insert(0, profiles.c.last_day)
        directed = [one.desc() for one in order] if query.descending else order
        return found.where(*self._conditions).order_by(*directed)

    def _narrow(self, value: int | str) -> None:
        """Say the same once more of the column that an index begins with."""
        query = self._query
        if query.sort == "last_event_at":
            mark = self.bind("after_day", int(value) // DAY)
            column: ColumnElement[Any] = profiles.c.last_day
        elif query.sort == "id":
            mark = self.bind("after_name", value)
            column = profiles.c.name
        else:
            return
        self._conditions.append(column <= mark if query.descending else column >= mark)

    def _source(self) -> Any:  # noqa: ANN401 -- a table or a join
        if not self._has_stages:
            return profiles
        starts_at_stages = self._query.sort == "entered_at" or self._query.stages
        order = (stages, profiles) if starts_at_stages else (profiles, stages)
        return CrossJoin(*order)


def _is_listed(query: CustomerQuery) -> ColumnElement[bool]:
    account = literal_column("'account'", Text)
    return profiles.c.kind == account if query.accounts else profiles.c.kind != account
