"""Every table there is: the metadata, once each module that declares tables has been imported."""

from __future__ import annotations

from service.adapters.sql import access, rebuilds, sealed, tables, waiting
from service.adapters.sql.columns import metadata

__all__ = ["access", "metadata", "rebuilds", "sealed", "tables", "waiting"]
