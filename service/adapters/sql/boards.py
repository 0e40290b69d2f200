"""What boards ask of both databases: who was where at an instant, from days and one day's rows.

Stays that began by the end of the day and were open at it are counted by day already. Only what
happened in the rest of that day has to be looked at row by row: what began in it is taken away,
what ended in it is added. So a board costs as much as there are days, and one day's traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Integer,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from domain.transitions import ACTIVATION_RULE
from projections.reading.boards import Moment
from projections.subjects.profiles import DAY
from service.adapters.sql.stays import stay_counts
from service.adapters.sql.tables import stage_counts, stages, transitions

_day: ColumnElement[int] = literal_column(str(DAY), Integer)
_ended = transitions.c
_at = _ended.effective_at + literal_column("0", Integer)
"""When a stay ended, where its beginning is to be looked for by index and not its end."""

_began = _ended.effective_at - _ended.time_in_previous
_nothing: ColumnElement[int] = literal_column("NULL", Integer)
_NEVER = 1 << 62
_ACTIVATION: ColumnElement[str] = literal_column(f"'{ACTIVATION_RULE}'", Text)


class Asked(NamedTuple):
    """The text of a statement, and the names of what is bound, in order."""

    text: str
    names: Sequence[str]

    def values_of(self, values: Mapping[str, object]) -> list[object]:
        """Return *values* as they are bound."""
        return [values[name] for name in self.names]


@dataclass(frozen=True, slots=True)
class Listed:
    """Rows that are bound as a list and drive a statement.

    Attributes:
        rows: The list itself.
        join: Joins it with a table, in that order.
        stage, first, last: What each row holds: a stage, and a span of instants of entry.
    """

    rows: FromClause
    join: Callable[[FromClause, Table], FromClause]
    stage: ColumnElement[str]
    first: ColumnElement[int] = _nothing
    last: ColumnElement[int] = _nothing


def open_days(listed: Listed, *, is_over: bool) -> CompoundSelect[Any]:
    """Return how many stays were open at an instant: stage, day of entry, count; several of each.

    *is_over* where another version has taken over since: then nobody is in a stage of it now.
    """
    still = [] if is_over else [_still_there(), _come_since(listed)]
    on_parts_of_days = (_ended_between("as_of", "soon"), _ended_between("end_day_at", "until"))
    return union_all(
        *still, _ended_later(), _begun_since(listed, is_over=is_over), *on_parts_of_days
    )


def entered(listed: Listed, *, is_over: bool) -> CompoundSelect[Any]:
    """Return stage and instant of entry of the stays open at an instant that began in a span."""
    ended = (
        select(_ended.from_stage.label("stage"), _began.label("entered_at"))
        .select_from(listed.join(listed.rows, transitions))
        .where(
            *_stays_of(listed),
            _began >= listed.first,
            _began <= listed.last,
            _at > _number("as_of"),
            _some_ended_later(),
            *([_is_before_the_end()] if is_over else []),
        )
    )
    if is_over:
        return union_all(ended)
    still = (
        select(stages.c.stage, stages.c.entered_at)
        .select_from(listed.join(listed.rows, stages))
        .where(
            stages.c.generation == _number("generation"),
            stages.c.stage == listed.stage,
            stages.c.entered_at >= listed.first,
            stages.c.entered_at <= listed.last,
        )
    )
    return union_all(still, ended)


def bound(moment: Moment) -> dict[str, object]:
    """Return what is bound of *moment*, by name.

    `soon` ends the first part of a day that is read by rows, `end_day_at` is the last instant
    before the second: before the day of the activation, but not before the day after the instant.
    """
    day, until = moment.as_of // DAY, _NEVER if moment.until is None else moment.until
    next_day_at, end_day = (day + 1) * DAY, until // DAY
    return {
        "generation": moment.generation,
        "as_of": moment.as_of,
        "day": day,
        "next_day_at": next_day_at,
        "soon": min(next_day_at, until),
        "until": until,
        "end_day": end_day,
        "end_day_at": max(next_day_at, end_day * DAY) - 1,
    }


# ---------------------------------------------------------------- parts


def _still_there() -> Select[Any]:
    """Those who are in a stage now and came by the end of the day."""
    found = select(stage_counts.c.stage, stage_counts.c.day, stage_counts.c.count)
    return found.where(
        stage_counts.c.generation == _number("generation"), stage_counts.c.day <= _number("day")
    )


def _come_since(listed: Listed) -> Select[Any]:
    """Less those of them who came in the rest of it."""
    found = select(stages.c.stage, _number("day"), -func.count())
    found = found.select_from(listed.join(listed.rows, stages))
    found = found.where(
        stages.c.generation == _number("generation"),
        stages.c.stage == listed.stage,
        stages.c.entered_at > _number("as_of"),
        stages.c.entered_at < _number("next_day_at"),
    )
    return found.group_by(stages.c.stage)


def _ended_later() -> Select[Any]:
    """Stays begun by the end of the day and ended on whole days after it, or by the activation."""
    counted, end = stay_counts.c, _number("end_day")
    found = select(counted.stage, counted.day, cast(func.sum(counted.count), BigInteger))
    found = found.where(
        counted.generation == _number("generation"),
        counted.left_day >= _number("day"),
        counted.left_day <= end,
        counted.day <= _number("day"),
        or_(
            and_(counted.left_day > _number("day"), counted.left_day < end),
            counted.taken_over_at == _number("until"),
        ),
    )
    return found.group_by(counted.stage, counted.day)


def _begun_since(listed: Listed, *, is_over: bool) -> Select[Any]:
    """Less those of them that began in the rest of the day."""
    on_whole_days = and_(_at >= _number("next_day_at"), _at <= _number("end_day_at"))
    taken_over = and_(_at == _number("until"), _ended.rule == _ACTIVATION)
    found = select(_ended.from_stage, _number("day"), -func.count())
    found = found.select_from(listed.join(listed.rows, transitions))
    found = found.where(
        *_stays_of(listed),
        _began > _number("as_of"),
        _began < _number("next_day_at"),
        or_(on_whole_days, taken_over) if is_over else on_whole_days,
    )
    return found.group_by(_ended.from_stage)


def _ended_between(after: str, end: str) -> Select[Any]:
    """Stays begun by the instant and ended between two others, both left out."""
    found = select(_ended.from_stage, _began // _day, func.count()).where(
        _ended.generation == _number("generation"),
        _ended.effective_at > _number(after),
        _ended.effective_at < _number(end),
        _began <= _number("as_of"),
        *_held(),
    )
    return found.group_by(_ended.from_stage, _began // _day)


def _some_ended_later() -> ColumnElement[bool]:
    """Return the condition that any stay has ended since, looked at once and before all others.

    Of the present none has, and the stays that began on a day need not be looked through.
    """
    later = transitions.alias("later")
    found = select(literal_column("1", Integer)).where(
        later.c.generation == _number("generation"),
        later.c.effective_at > _number("as_of"),
        later.c.retracted_position.is_(None),
        later.c.kind == literal_column("'transition'", Text),
    )
    return exists(found)


def _stays_of(listed: Listed) -> list[ColumnElement[bool]]:
    return [
        _ended.generation == _number("generation"),
        _ended.from_stage == listed.stage,
        *_held(),
    ]


def _held() -> list[ColumnElement[bool]]:
    """Return the condition of the indexes of `transitions`, word for word."""
    return [
        _ended.retracted_position.is_(None),
        _ended.kind == literal_column("'transition'", Text),
    ]


def _is_before_the_end() -> ColumnElement[bool]:
    end = _number("until")
    return or_(_at < end, and_(_at == end, _ended.rule == _ACTIVATION))


def _number(name: str) -> ColumnElement[int]:
    return bindparam(name, type_=BigInteger)
