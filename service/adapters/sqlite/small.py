"""Rows of the small tables: models, generations and keys, made into values and back."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from projections.catalogue import ApiKey, Generation, ModelVersion
from projections.changes import Row
from service.adapters.sql.tables import api_keys, generations, model_versions
from service.adapters.sqlite import views
from service.adapters.sqlite.statements import statement

_GENERATION = tuple(generations.c.keys())
_VERSION = tuple(model_versions.c.keys())
_KEY = tuple(api_keys.c.keys())


def generation_row(generation: Generation) -> Row:
    """Return the row of *generation*."""
    return tuple(getattr(generation, name) for name in _GENERATION)


def version_row(version: ModelVersion) -> Row:
    """Return the row of *version*."""
    return tuple(getattr(version, name) for name in _VERSION)


def key_row(key: ApiKey) -> Row:
    """Return the row of *key*."""
    values = {name: getattr(key, name) for name in _KEY} | {"scopes": " ".join(key.scopes)}
    return tuple(values[name] for name in _KEY)


def key_of(row: Sequence[Any]) -> ApiKey:
    """Return the key that *row* holds."""
    values = dict(zip(_KEY, row, strict=True))
    values["scopes"] = tuple(values["scopes"].split())
    return ApiKey(**values)


def read_generations(connection: sqlite3.Connection) -> list[Generation]:
    """Return every generation, oldest first."""
    rows = connection.execute(statement(views.all_generations))
    return [Generation(**dict(zip(_GENERATION, row, strict=True))) for row in rows]


def read_versions(connection: sqlite3.Connection) -> list[ModelVersion]:
    """Return every model version, by tenant, model and number."""
    rows = connection.execute(statement(views.all_versions))
    return [ModelVersion(**dict(zip(_VERSION, row, strict=True))) for row in rows]
