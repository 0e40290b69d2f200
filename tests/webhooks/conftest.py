"""An application whose webhooks go to receivers in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.http.conftest import api, make_api
from tests.webhooks.hooking import Hooked
from tests.webhooks.receiving import Receiver, receiving

__all__ = ["api", "make_api"]


@pytest.fixture
async def receiver(anyio_backend: str) -> AsyncIterator[Receiver]:
    """Lend a receiver."""
    del anyio_backend
    async with receiving() as lent:
        yield lent


@pytest.fixture
async def hooked(make_api: object) -> Hooked:
    """Return an application that may send to this machine."""
    return Hooked(await make_api(STAGEFOLD_WEBHOOK_ALLOW_CIDRS="127.0.0.0/8"))  # type: ignore[operator]  # a fixture
