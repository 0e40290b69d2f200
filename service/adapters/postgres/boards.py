"""Statements for boards: counts by stage and day of entry, and what corrects them."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, or_, select

from domain.transitions import ACTIVATION_RULE
from projections.subjects import DAY
from service.adapters.postgres.compiled import (
    TEXT,
    WHOLE,
    for_postgres,
    number,
    rows_of,
    same,
    words,
)
from service.adapters.postgres.views import held
from service.adapters.sql.tables import stage_counts, stages, transitions

_DAY: ColumnElement[int] = literal_column(str(DAY), WHOLE)
_ENTERED = transitions.c.effective_at - transitions.c.time_in_previous


def days() -> str:
    """Return the statement for counts by stage and day of entry."""
    found = select(stage_counts.c.stage, stage_counts.c.day, stage_counts.c.count)
    found = found.where(stage_counts.c.generation == number("generation"))
    return for_postgres(found, "generation")


def days_entered_after() -> str:
    """Return the statement for counts by day of those who entered some stages later."""
    rows = rows_of(stages, "stage")
    day = stages.c.entered_at // _DAY
    found = select(stages.c.stage, day, func.count()).select_from(rows, stages)
    found = found.where(
        stages.c.generation == number("generation"),
        *same(stages, rows, "stage"),
        stages.c.entered_at > number("instant"),
    )
    return for_postgres(found.group_by(stages.c.stage, day), "stage", "generation", "instant")


@cache
def days_left_after(*, until: bool = False) -> str:
    """Return the statement for counts by day of stays that were open at an instant."""
    day = _ENTERED // _DAY
    found = select(transitions.c.from_stage, day, func.count()).where(*_open(until=until))
    names = ("generation", "instant", *_ends(until=until))
    return for_postgres(found.group_by(transitions.c.from_stage, day), *names)


def _open(*, until: bool) -> list[ColumnElement[Any]]:
    found = [
        transitions.c.generation == number("generation"),
        transitions.c.effective_at > number("instant"),
        number("instant") >= _ENTERED,
        *held(),
    ]
    if until:  # the rule is not in the index, so it is looked at only where it must be
        at, end = transitions.c.effective_at, number("until")
        takes_over = transitions.c.rule == literal_column(f"'{ACTIVATION_RULE}'", TEXT)
        found += [at <= end, or_(at < end, takes_over)]
    return found


def _ends(*, until: bool) -> tuple[str, ...]:
    return ("until",) if until else ()


def entered() -> str:
    """Return the statement for instants of entry into a stage."""
    found = select(stages.c.entered_at).where(
        stages.c.generation == number("generation"),
        stages.c.stage == words("stage"),
        stages.c.entered_at >= number("first"),
        stages.c.entered_at <= number("last"),
    )
    return for_postgres(found, "generation", "stage", "first", "last")


@cache
def entered_and_left(*, until: bool = False) -> str:
    """Return the statement for instants of entry of stays that were open at an instant."""
    found = select(_ENTERED).where(
        *_open(until=until),
        transitions.c.from_stage == words("stage"),
        number("first") <= _ENTERED,
        number("last") >= _ENTERED,
    )
    names = ("generation", "instant", *_ends(until=until), "stage", "first", "last")
    return for_postgres(found, *names)
