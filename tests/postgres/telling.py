"""Names of what tests of PostgreSQL share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import asyncpg

from service.adapters.postgres.store import PostgresStore

OpenStore: TypeAlias = Callable[[], Awaitable[PostgresStore]]
Operator: TypeAlias = "asyncpg.Connection[Any]"
