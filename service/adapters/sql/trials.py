"""The tables of backtests: registers, field by field those of `projections.backtesting.trials`."""

from __future__ import annotations

from sqlalchemy import PrimaryKeyConstraint, Table

from service.adapters.sql.columns import WIDE, metadata, number, words

backtests = Table(
    "backtests",
    metadata,
    words("tenant"),
    words("id"),
    words("model"),
    words("hash"),
    words("document"),
    number("accounts"),
    number("against", null=True),
    number("against_version", null=True),
    number("as_of"),
    number("news_since"),
    words("sample"),
    number("known_at"),
    number("end"),
    number("total"),
    number("started_at"),
    number("buckets_done"),
    number("done"),
    words("status"),
    number("finished_at", null=True),
    words("error", null=True),
    words("holder", null=True),
    number("lease_until", null=True),
    words("found"),
    PrimaryKeyConstraint("tenant", "id"),
    **WIDE,
)

backtest_changes = Table(
    "backtest_changes",
    metadata,
    words("tenant"),
    words("backtest"),
    number("number"),
    words("old", null=True),
    words("new", null=True),
    words("change"),
    PrimaryKeyConstraint("tenant", "backtest", "number"),
    **WIDE,
)
