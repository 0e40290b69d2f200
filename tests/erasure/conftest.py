"""A whole application over databases that are kept, in this process."""

from __future__ import annotations

from tests.contract.conftest import empty_database
from tests.webhooks.conftest import receiver

__all__ = ["empty_database", "receiver"]
