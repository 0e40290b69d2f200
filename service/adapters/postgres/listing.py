"""Lists of customers from PostgreSQL: filters, order and keyset put together for one query.

A trait is compared as the text that its column holds. Texts with U+0000 in them cannot be looked
into by PostgreSQL; rows that hold one are let through, and Python decides.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Select,
    case,
    func,
    literal_column,
    select,
    true,
    tuple_,
)

from projections.asking import Ref
from projections.reading.answers import CustomerQuery
from projections.subjects.profiles import DAY
from service.adapters.postgres.compiled import TEXT, number, rows_of, text_and_names, words
from service.adapters.sql.tables import profiles, stages

_SORTED_BY: dict[str, ColumnElement[Any]] = {
    "id": profiles.c.name,
    "entered_at": stages.c.entered_at,
    "last_event_at": profiles.c.last_at,
}


def listing(
    query: CustomerQuery, generation: int | None, without: Sequence[Ref], limit: int
) -> tuple[str, list[object]]:
    """Return the statement for a page, and what to bind.

    Its rows are bucket, number, name, kind, what they are sorted by, and traits.
    """
    builder = _Listing(query)
    if generation is not None:
        builder.stand(generation)
    if without:
        builder.leave_out(without)
    text, names = text_and_names(builder.ordered().limit(builder.bind("limit", limit)))
    return text, [builder.bound[name] for name in names]


class _Listing:
    def __init__(self, query: CustomerQuery) -> None:
        self.bound: dict[str, object] = {}
        self._query = query
        self._sources: list[Any] = [profiles]
        self._conditions: list[ColumnElement[bool]] = [
            profiles.c.tenant == self.bind("tenant", query.tenant),
            _is_listed(query),
        ]
        for place, (name, text) in enumerate(query.traits.items()):
            self._conditions.append(self._has_trait(place, name, text))

    def bind(self, name: str, value: object) -> ColumnElement[Any]:
        self.bound[name] = value
        return number(name) if isinstance(value, int) else words(name)

    def _has_trait(self, place: int, name: str, text: str) -> ColumnElement[bool]:
        """Return the condition that a trait has a text: bare where it is one, else as JSON."""
        column = profiles.c.traits
        is_opaque = func.strpos(column, literal_column(r"'\u0000'", TEXT)) > literal_column("0")
        if "\0" in name or "\0" in text:
            return is_opaque
        texts = [json.dumps(text, ensure_ascii=False)]
        if not text.startswith('"'):
            texts.append(text)
        found = column.cast(JSON).op("->", return_type=JSON())(self.bind(f"trait{place}", name))
        wanted = [self.bind(f"value{place}_{n}", one) for n, one in enumerate(texts)]
        return case((is_opaque, true()), else_=found.cast(TEXT).in_(wanted))

    def stand(self, generation: int) -> None:
        query = self._query
        self._sources.append(stages)
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

    def leave_out(self, without: Sequence[Ref]) -> None:
        self.bound["bucket"] = [bucket for bucket, _ in without]
        self.bound["subject_id"] = [subject_id for _, subject_id in without]
        rows = rows_of(profiles, "bucket", "subject_id")
        ref = tuple_(profiles.c.bucket, profiles.c.subject_id)
        self._conditions.append(ref.not_in(select(rows.c.bucket, rows.c.subject_id)))

    def ordered(self) -> Select[Any]:
        """Return the selection behind the query's `after`, in its order."""
        query = self._query
        value = _SORTED_BY[query.sort]
        order: list[ColumnElement[Any]] = [value, profiles.c.name, profiles.c.kind]
        found = select(
            profiles.c.bucket,
            profiles.c.subject_id,
            profiles.c.name,
            profiles.c.kind,
            value,
            profiles.c.traits,
        ).select_from(*self._sources)
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


def _is_listed(query: CustomerQuery) -> ColumnElement[bool]:
    account = literal_column("'account'", TEXT)
    return profiles.c.kind == account if query.accounts else profiles.c.kind != account
