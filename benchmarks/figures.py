"""A figure as it is told: a ratio to a ceiling of the same run, what is owed, and both absolutes.

Whoever starts a benchmark reads a line for each figure. `python -m benchmarks` starts them all,
names a file in `BENCHMARK_FIGURES` and finds every figure there as a line of JSON.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FIGURES_FILE = "BENCHMARK_FIGURES"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        id: Number in the list of what is owed, such as `P5`.
        what: What was measured.
        value: A ratio, or where *unit* is given so many of it; None where it could not be measured.
        owed: The bound; None where nothing is owed.
        detail: The absolutes behind it, or why it was not measured and the cure.
        at_most: Whether the value must keep below the bound instead of above it.
        unit: Of the value and the bound.
    """

    id: str
    what: str
    value: float | None
    owed: float | None = None
    detail: str = ""
    at_most: bool = False
    unit: str = ""

    @property
    def is_reached(self) -> bool | None:
        """Whether the value keeps the bound; None where there is none of either."""
        if self.value is None or self.owed is None:
            return None
        return self.value <= self.owed if self.at_most else self.value >= self.owed

    @property
    def found(self) -> str:
        """The value for people."""
        return "NOT RUN" if self.value is None else self._shown(self.value)

    @property
    def bound(self) -> str:
        """What is owed for people."""
        if self.owed is None:
            return ""
        return f"{'≤' if self.at_most else '≥'} {self._shown(self.owed)}"

    def _shown(self, value: float) -> str:
        return f"{value:,.1f} {self.unit}" if self.unit else f"{value:.2f}"


def say(figure: Figure) -> None:
    """Print *figure*, and note it where all are gathered."""
    owed = f" (owed {figure.bound})" if figure.bound else ""
    print(f"{figure.id} {figure.what}: {figure.found}{owed}  {figure.detail}", flush=True)
    gathered = os.environ.get(FIGURES_FILE)
    if gathered:
        with Path(gathered).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(figure)) + "\n")


def said(file: Path) -> list[Figure]:
    """Return the figures noted in *file*."""
    return [Figure(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


def ratio(
    id_: str, what: str, rounds: Sequence[tuple[float, float]], owed: float, unit: str
) -> Figure:
    """Return the median ratio of (reached, ceiling), measured in turns, with its range."""
    ratios = sorted(got / ceiling for got, ceiling in rounds)
    got, ceiling = (statistics.median(column) for column in zip(*rounds, strict=True))
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f} in {len(rounds)} rounds"
    detail = f"{got:,.0f} of {ceiling:,.0f} {unit}; {spread}"
    return Figure(id_, what, statistics.median(ratios), owed, detail)
