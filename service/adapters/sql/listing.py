"""What lists of customers ask of both databases: filters, order and keyset, put together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, literal_column, select, tuple_

from projections.reading.answers import CustomerQuery
from projections.subjects.profiles import DAY
from service.adapters.sql.tables import profiles, stages

_SORTED_BY: dict[str, ColumnElement[Any]] = {
    "id": profiles.c.name,
    "entered_at": stages.c.entered_at,
    "last_event_at": profiles.c.last_at,
}


class Listing(ABC):
    """One query while it is being written; *generation* narrows it to those in a stage there.

    Attributes:
        bound: What is bound, by name.
    """

    columns: tuple[ColumnElement[Any], ...] = ()
    """What rows hold besides bucket, number, name, kind and what they are sorted by."""

    def __init__(self, query: CustomerQuery, generation: int | None) -> None:
        self.bound: dict[str, object] = {}
        self._query = query
        self._has_stages = generation is not None
        self._conditions: list[ColumnElement[bool]] = [
            profiles.c.tenant == self.bind("tenant", query.tenant),
            _is_listed(query),
        ]
        if generation is not None:
            self._stand(generation)
        for place, (name, text) in enumerate(query.traits.items()):
            self._conditions.append(self._has_trait(place, name, text))

    def bind(self, name: str, value: object) -> ColumnElement[Any]:
        """Return the parameter *name*, which holds *value*."""
        self.bound[name] = value
        return self._whole(name) if isinstance(value, int) else self._text(name)

    @abstractmethod
    def _whole(self, name: str) -> ColumnElement[int]:
        """Return a parameter that is a whole number."""

    @abstractmethod
    def _text(self, name: str) -> ColumnElement[str]:
        """Return a parameter that is a text."""

    @abstractmethod
    def _has_trait(self, place: int, name: str, text: str) -> ColumnElement[bool]:
        """Return the condition that a trait has a text: bare where it is one, else as JSON."""

    @abstractmethod
    def _read_from(self, found: Select[Any]) -> Select[Any]:
        """Return *found* with what it reads from."""

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

    def _leave_out(self, refs: Select[Any]) -> None:
        ref = tuple_(profiles.c.bucket, profiles.c.subject_id)
        self._conditions.append(ref.not_in(refs))

    def ordered(self) -> Select[Any]:
        """Return the selection behind the query's `after`, in its order."""
        query = self._query
        value = _SORTED_BY[query.sort]
        order: list[ColumnElement[Any]] = [value, profiles.c.name, profiles.c.kind]
        found = self._read_from(
            select(
                profiles.c.bucket,
                profiles.c.subject_id,
                profiles.c.name,
                profiles.c.kind,
                value,
                *self.columns,
            )
        )
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
    account = literal_column("'account'", Text)
    return profiles.c.kind == account if query.accounts else profiles.c.kind != account
