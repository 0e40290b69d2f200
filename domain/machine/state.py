"""The state of one subject in one model, and the slots a model adds to it.

Slots, not a dictionary, because the fold touches them for every event. A state is made, copied and
changed by its machine only; from outside it is a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

NEVER = 1 << 62
"""An instant that does not come: later than any event and any deadline."""

FieldKind = Literal["value", "list", "dict"]


@dataclass(frozen=True, slots=True)
class Field:
    """One slot that a model adds: what it holds and what it holds at first."""

    name: str
    kind: FieldKind
    first: object = None

    @property
    def source(self) -> str:
        """Python source of the first value."""
        return {"value": repr(self.first), "list": "[]", "dict": "{}"}[self.kind]


class State:
    """Where a subject stands in a model.

    Attributes:
        stage: Order of the current stage; -1 before the first event.
        entered_at: When it was entered, microseconds since the epoch.
        cycle: How often the subject has come back to an earlier stage, from 1.
        sequence: Transitions recorded so far.
        previous: Order of the stage before; -1 where there is none.
        last_at, last_position: Key of the newest event folded; (-1, 0) before the first.
        at: Newest instant processed: that of an event, or of a deadline after it.
        barred: Stages entered by conditions or deadlines while an instant is being settled.
        due: No deadline falls before it; a lower bound, made exact when it is reached.
        coarse: Bit per signal whose window outgrew its bound.
        entries: Per stage, how often it was entered.
        traits: The subject's traits that the model reads.
    """

    __slots__ = (
        "at",
        "barred",
        "coarse",
        "cycle",
        "due",
        "entered_at",
        "entries",
        "last_at",
        "last_position",
        "previous",
        "sequence",
        "stage",
        "traits",
    )

    stage_ids: ClassVar[tuple[str, ...]] = ()

    stage: int
    entered_at: int
    cycle: int
    sequence: int
    previous: int
    last_at: int
    last_position: int
    at: int
    barred: int
    due: int
    coarse: int
    entries: list[int]
    traits: dict[str, Any]

    @property
    def stage_id(self) -> str | None:
        """The current stage; None before the first event."""
        return self.stage_ids[self.stage] if self.stage >= 0 else None

    @property
    def last_key(self) -> tuple[int, int]:
        """Where the newest event folded stands: (effective_at, position)."""
        return (self.last_at, self.last_position)


SCALARS = (
    "stage",
    "entered_at",
    "cycle",
    "sequence",
    "previous",
    "last_at",
    "last_position",
    "at",
    "coarse",
)
"""Fields of every state, in the order in which they are encoded."""
