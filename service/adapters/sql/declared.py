"""Every table there is: the metadata, once each module that declares tables has been imported."""

from __future__ import annotations

from service.adapters.sql import (
    access,
    consumed,
    erased,
    hooked,
    imports,
    published,
    rebuilds,
    refused,
    sealed,
    stays,
    tables,
    trials,
    waiting,
)
from service.adapters.sql.columns import metadata

__all__ = [
    "access",
    "consumed",
    "erased",
    "hooked",
    "imports",
    "metadata",
    "published",
    "rebuilds",
    "refused",
    "sealed",
    "stays",
    "tables",
    "trials",
    "waiting",
]
