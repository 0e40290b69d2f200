"""Where a version takes subjects over that counts from its activation on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Start:
    """Where a subject stood when a model version became active for what comes (`from_now`).

    Attributes:
        at: The instant of activation; what happened at it or later is told by the new version.
        stage: The stage to start in: that of the version before, or what it was mapped to; the
            initial one where this version has no such stage.
        entered_at: Since when the subject has been in it.
        source: What the version before called the stage; None where there was none.
        sequence: The transitions that the version before had recorded.
        cycle: The cycle in which it left the subject.
    """

    at: int
    stage: str
    entered_at: int
    source: str | None = None
    sequence: int = 0
    cycle: int = 1
