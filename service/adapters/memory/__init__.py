"""The store in memory: dictionaries and sorted lists, written to be read, not to be fast.

It is what the other adapters are compared with, and what tests and simulations run on. There is no
file, no thread and no transaction: nobody else looks while something is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from projections.asking import Whose
from projections.models.machines import Compile, compile_document
from service.adapters.embedded.rows import Readings
from service.adapters.embedded.store import EmbeddedStore
from service.adapters.memory.readings import MemoryReadings
from service.adapters.memory.rows import MemoryRows
from service.adapters.runners import DirectRunner
from service.ports import Runner


def memory_store(
    runner: Runner | None = None, *, compile_one: Compile = compile_document
) -> EmbeddedStore:
    """Return an empty store in memory."""
    rows = MemoryRows()

    @contextmanager
    def readings(_: Whose) -> Iterator[Readings]:
        yield MemoryReadings(rows)

    return EmbeddedStore(rows, readings, runner or DirectRunner(), compile_one=compile_one)
