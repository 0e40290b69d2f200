"""A command opens what a server opens, and leaves alone what only a server should do."""

from __future__ import annotations

import asyncio
from pathlib import Path

from service.cli.session import use
from service.services import Services
from service.settings import Settings


def test_a_command_runs_no_sweeper(tmp_path: Path) -> None:
    """Swept to the present between two batches of the past, silences would be retracted again."""

    async def look(services: Services) -> set[str]:
        await services.store.positions()
        return {task.get_name() for task in asyncio.all_tasks()}

    running = use(look, settings=Settings(data_dir=tmp_path, models=("none",)))

    assert "sweeper" not in running
