"""A whole application over databases that are kept, in this process."""

from __future__ import annotations

from tests.webhooks.conftest import receiver

__all__ = ["receiver"]
