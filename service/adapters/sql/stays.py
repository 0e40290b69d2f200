"""The table of stays that have ended, counted by day, so that boards of the past cost days.

A row counts the stays of one generation in one stage that began on one day and ended on another.
However many customers there are and however often they move on, there are only so many pairs of
days; who was where at an instant follows from them and from what happened on that very day.
"""

from __future__ import annotations

from sqlalchemy import PrimaryKeyConstraint, Table

from service.adapters.sql.columns import NARROW, metadata, number, words

stay_counts = Table(
    "stay_counts",
    metadata,
    number("generation"),
    number("left_day"),
    number("taken_over_at"),
    words("stage"),
    number("day"),
    number("count"),
    PrimaryKeyConstraint("generation", "left_day", "taken_over_at", "stage", "day"),
    **NARROW,
)
"""Stays by generation, day of the end, stage and day of entry.

Those that a version's activation ended stand apart, by its instant; for the others that is 0.
Everybody is taken over at once, so nobody may have to look at such a day row by row.
"""
