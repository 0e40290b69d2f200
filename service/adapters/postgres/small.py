"""Rows of the small tables: models and keys, and the count of their changes."""

from __future__ import annotations

from sqlalchemy import literal_column, select, update

from projections.models.catalogue import ModelVersion
from service.adapters.postgres.compiled import WHOLE, for_postgres, statement
from service.adapters.postgres.connections import Link
from service.adapters.postgres.tables import catalogue_changes
from service.adapters.sql.small import version_of
from service.adapters.sql.tables import model_versions


def read_versions(link: Link) -> list[ModelVersion]:
    """Return every model version, by tenant, model and number."""
    return [version_of(row) for row in link.rows(statement(_all_versions))]


def note_change(link: Link) -> None:
    """Let other processes know, from the commit on, that models or generations are others."""
    link.rows(statement(_note_change))


def _all_versions() -> str:
    key = (model_versions.c.tenant, model_versions.c.model, model_versions.c.version)
    return for_postgres(select(model_versions).order_by(*key))


def _note_change() -> str:
    count = catalogue_changes.c.count
    return for_postgres(update(catalogue_changes).values({count: count + _ONE}))


_ONE = literal_column("1", WHOLE)
