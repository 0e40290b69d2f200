"""How far a long command has come: a bar at a terminal, otherwise a plain line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

import typer

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from service.imports.running import Progress

_SECONDS_BETWEEN_LINES = 5.0


class Pace(NamedTuple):
    """How far something has come: the share that is done, and how fast it is."""

    share: float
    events_per_second: float
    seconds: float

    @property
    def seconds_left(self) -> float:
        """How long the rest will take at that pace."""
        return self.seconds * (1 - self.share) / self.share if self.share else 0.0


class Meter:
    """Shows progress on standard error, so that results can be piped."""

    def __init__(self) -> None:
        self._bar = _bar() if sys.stderr.isatty() else None
        self._told_at = 0.0
        self._task = None if self._bar is None else self._bar.add_task("", total=1.0, rate="")

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, progress: Progress) -> None:
        """Show *progress*, if it is time to."""
        pace = Pace(progress.share, progress.events_per_second, progress.seconds)
        self._show(pace, lambda: _line(progress))

    def show_sent(self, pace: Pace) -> None:
        """Show how much of a file has been sent; *pace* counts MiB, if it is time to."""
        rate = f"{pace.events_per_second:,.1f} MiB/s"
        line = f"{pace.share:.0%} sent; {rate}, about {pace.seconds_left:.0f} s left"
        self._show(pace, lambda: line, rate)

    def show_job(self, name: str, pace: Pace) -> None:
        """Show how far the job *name* has come, if it is time to."""
        self._show(pace, lambda: _job_line(name, pace))

    def _show(self, pace: Pace, line: Callable[[], str], rate: str = "") -> None:
        if self._bar is not None and self._task is not None:
            rate = rate or f"{pace.events_per_second:,.0f} events/s"
            self._bar.update(self._task, completed=pace.share, rate=rate)
        elif pace.seconds - self._told_at >= _SECONDS_BETWEEN_LINES:
            self._told_at = pace.seconds
            typer.echo(line(), err=True)


@contextmanager
def parts_shown() -> Iterator[Callable[[str, float, int], None]]:
    """Lend what shows how far the parts of a job have come: name, share done, events done."""
    began = time.monotonic()

    def tell(part: str, share: float, events: int) -> None:
        seconds = time.monotonic() - began
        meter.show_job(part, Pace(min(share, 1.0), events / seconds if seconds else 0.0, seconds))

    with Meter() as meter:
        yield tell


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _line(progress: Progress) -> str:
    found = progress.bookmark
    left = Pace(progress.share, progress.events_per_second, progress.seconds).seconds_left
    return (
        f"{progress.share:.0%}: line {found.place.line:,}, {found.accepted:,} accepted,"
        f" {found.duplicate:,} duplicate, {found.rejected:,} rejected;"
        f" {progress.events_per_second:,.0f} events/s, about {left:.0f} s left"
    )


def _job_line(name: str, pace: Pace) -> str:
    return (
        f"{pace.share:.0%}: {name}; {pace.events_per_second:,.0f} events/s,"
        f" about {pace.seconds_left:.0f} s left"
    )
