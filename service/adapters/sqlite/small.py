"""Rows of the small tables as SQLite gives them: model versions."""

from __future__ import annotations

import sqlite3

from projections.models.catalogue import ModelVersion
from service.adapters.sql.small import version_of
from service.adapters.sqlite import views
from service.adapters.sqlite.statements import statement


def read_versions(connection: sqlite3.Connection) -> list[ModelVersion]:
    """Return every model version, by tenant, model and number."""
    return [version_of(row) for row in connection.execute(statement(views.all_versions))]
