"""One call for every runner: fold all subjects of a stretch of the log, one after the other.

Local processes, a rebuild and a distributed engine's workers all call `fold_partition` with rows
sorted by subject and fold order. It needs nothing but this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from domain.events import Event
    from domain.machine import Machine, State
    from domain.transitions import Transition


@dataclass(frozen=True, slots=True)
class Folded:
    """What became of one subject: its state at the instant asked, and its whole history."""

    subject: str
    state: State
    transitions: tuple[Transition, ...]


def fold_partition(
    machine: Machine, rows: Iterable[tuple[str, Event]], as_of: int | None = None
) -> Iterator[Folded]:
    """Yield every subject of *rows* folded, in the order in which they come.

    Memory is bounded by one subject's transitions. Rows are (subject, event), all of a subject
    together and in fold order, repeats and voided events left out (`canonical_history`). With
    *as_of* (microseconds since the epoch) later events are passed over and time runs to it.
    """
    for subject, group in groupby(rows, key=itemgetter(0)):
        state, transitions = machine.fold(
            event for _, event in group if as_of is None or event.effective_at <= as_of
        )
        if as_of is not None:
            state, later = machine.advance(state, as_of)
            transitions += later
        yield Folded(subject, state, tuple(transitions))
