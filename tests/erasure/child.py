"""A process that erases somebody and dies, as by kill -9, at the question of that number.

Run as `python -m tests.erasure.child DATABASE MODE NUMBER`; it prints how many it was asked.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from projections.events.log import SubjectKey
from projections.registers.erasure import Order, mode_of
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.adapters.sqlite.rows import SqliteRows
from tests.contract.saying import LATER, TENANT


async def erase(path: Path, mode: str, number: int) -> int:
    """Return how many questions were asked, if the process lives as long."""
    asked = 0
    answer = SqliteRows.answer

    def counting(rows: SqliteRows, question: Any) -> Any:  # noqa: ANN401 -- as `answer` has it
        nonlocal asked
        asked += 1
        if asked == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer(rows, question)

    setattr(SqliteRows, "answer", counting)  # noqa: B010 -- it dies where a real one would
    store = sqlite_store(path, DirectRunner())
    order = Order(TENANT, SubjectKey("customer", "ann"), mode_of(mode), bytes(32))
    await store.erase(order, LATER)
    await store.close()
    return asked


if __name__ == "__main__":
    print(asyncio.run(erase(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))  # noqa: T201 -- its answer
