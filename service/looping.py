"""The event loop that processes of the service run on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes a loop: uvloop, where the system has it."""
    try:
        import uvloop  # noqa: PLC0415 -- not there on every system
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
