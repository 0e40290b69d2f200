"""What two generations say of the same subjects, side by side; for SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Text,
    bindparam,
    case,
    func,
    literal_column,
    select,
    tuple_,
)

from projections.events.log import SubjectKey
from projections.rebuilding.diffs import Restaged
from projections.rows.changes import Row
from service.adapters.sql.compiled import limited
from service.adapters.sql.tables import profiles, stages

MATRIX_BOUND = ("old", "new", "tenant", "is_account")
CHANGES_BOUND = (*MATRIX_BOUND, "after_bucket", "after_subject", "limit")
_OLD, _NEW = stages.alias("old_stages"), stages.alias("new_stages")


def matrix() -> Select[Any]:
    """Return the selection of stages before and after, and how many subjects have both."""
    is_in_one = _OLD.c.stage.is_not(None) | _NEW.c.stage.is_not(None)
    found = select(_OLD.c.stage, _NEW.c.stage, func.count()).select_from(_side_by_side())
    return found.where(*_of_kind(), is_in_one).group_by(_OLD.c.stage, _NEW.c.stage)


def changes() -> Select[Any]:
    """Return the selection of the subjects that stand elsewhere, behind one of them."""
    key = tuple_(profiles.c.bucket, profiles.c.subject_id)
    after = tuple_(
        bindparam("after_bucket", type_=BigInteger), bindparam("after_subject", type_=BigInteger)
    )
    stays = (_OLD.c.stage, _OLD.c.entered_at, _NEW.c.stage, _NEW.c.entered_at)
    found = select(
        profiles.c.bucket, profiles.c.subject_id, profiles.c.kind, profiles.c.name, *stays
    )
    found = found.select_from(_side_by_side()).where(
        *_of_kind(), key > after, _OLD.c.stage.is_distinct_from(_NEW.c.stage)
    )
    found = found.order_by(profiles.c.bucket, profiles.c.subject_id)
    return limited(found, bindparam("limit", type_=BigInteger))


def restaged(row: Sequence[Any]) -> tuple[Row, Restaged]:
    """Return the place and the value of a row of `changes`."""
    bucket, subject_id, kind, name, old, old_at, new, new_at = row
    before = None if old is None else (old, old_at)
    after = None if new is None else (new, new_at)
    return (bucket, subject_id), Restaged(SubjectKey(kind, name), before, after)


def _side_by_side() -> FromClause:
    joined: FromClause = profiles
    for name, side in (("old", _OLD), ("new", _NEW)):
        joined = joined.outerjoin(
            side,
            (side.c.bucket == profiles.c.bucket)
            & (side.c.generation == bindparam(name, type_=BigInteger))
            & (side.c.subject_id == profiles.c.subject_id),
        )
    return joined


def _of_kind() -> list[ColumnElement[bool]]:
    is_account = case(
        (profiles.c.kind == literal_column("'account'", Text), literal_column("1", BigInteger)),
        else_=literal_column("0", BigInteger),
    )
    return [
        profiles.c.tenant == bindparam("tenant", type_=Text),
        is_account == bindparam("is_account", type_=BigInteger),
    ]
