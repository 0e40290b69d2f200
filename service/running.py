"""What every long-lived process of the service sets up: its event loop, and when garbage goes."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

_GARBAGE_THRESHOLDS = (100_000, 20, 100)
"""New objects before a collection; collections of the young before one of the older."""


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes a loop: uvloop, where the system has it."""
    try:
        import uvloop  # noqa: PLC0415 -- not there on every system
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def hold_garbage() -> None:
    """Collect nothing until `settle_garbage`: a start makes hardly anything that is not kept.

    Looking for it took a sixth of the time that the start of a server takes.
    """
    gc.disable()


def settle_garbage() -> None:
    """Leave what a start has made out of every later garbage collection, and collect less often.

    Requests and folds make few cycles but many objects; with the thresholds of a script a quarter
    of a server's time under load went into looking through modules, models and resident subjects.
    """
    if gc.isenabled():
        gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE_THRESHOLDS)
    gc.enable()
