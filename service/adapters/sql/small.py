"""Rows of the small tables: models, generations and keys, made into values and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from projections.models.catalogue import ApiKey, Generation, ModelVersion
from projections.rows.changes import Row
from service.adapters.sql.tables import api_keys, generations, model_versions

_GENERATION = tuple(generations.c.keys())
_VERSION = tuple(model_versions.c.keys())
_KEY = tuple(api_keys.c.keys())
_TERMS = ("event_types", "networks", "origins", "events_per_second", "requests_per_second")
"""What a key may be held to beside its scopes: seldom used, so one column has all of it."""


def generation_row(generation: Generation) -> Row:
    """Return the row of *generation*."""
    values = {name: getattr(generation, name) for name in _GENERATION}
    values["stage_map"] = json.dumps(dict(generation.stage_map)) if generation.stage_map else None
    return tuple(values.values())


def generation_of(row: Sequence[Any]) -> Generation:
    """Return the generation that *row* holds; older releases left hash and engine out."""
    values = dict(zip(_GENERATION, row, strict=True))
    values["stage_map"] = json.loads(values["stage_map"] or "{}")
    values["hash"] = values["hash"] or ""
    values["engine"] = values["engine"] or 0
    return Generation(**values)


def version_row(version: ModelVersion) -> Row:
    """Return the row of *version*."""
    return tuple(getattr(version, name) for name in _VERSION)


def version_of(row: Sequence[Any]) -> ModelVersion:
    """Return the model version that *row* holds."""
    return ModelVersion(**dict(zip(_VERSION, row, strict=True)))


def key_row(key: ApiKey) -> Row:
    """Return the row of *key*."""
    values = {name: getattr(key, name, None) for name in _KEY}
    values |= {"scopes": " ".join(key.scopes), "terms": _terms_text(key)}
    return tuple(values[name] for name in _KEY)


def _terms_text(key: ApiKey) -> str | None:
    """Return what else *key* is held to, as JSON; None for nothing."""
    terms = {name: getattr(key, name) for name in _TERMS}
    kept = {name: term for name, term in terms.items() if term not in (None, ())}
    return json.dumps(kept, sort_keys=True) if kept else None


def key_of(row: Sequence[Any]) -> ApiKey:
    """Return the key that *row* holds."""
    values = dict(zip(_KEY, row, strict=True))
    values["scopes"] = tuple(values["scopes"].split())
    terms = json.loads(values.pop("terms") or "{}")
    lists = {name: tuple(term) for name, term in terms.items() if isinstance(term, list)}
    return ApiKey(**{**values, **terms, **lists})
