"""What the store says of its own condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from projections.reading.answers import Positions


@dataclass(frozen=True, slots=True)
class Swept:
    """What one page of the sweeper did.

    Attributes:
        subjects: Rows that were advanced.
        transitions: Records that were written.
        more: Whether further rows are due at the same instant.
    """

    subjects: int
    transitions: int
    more: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that an inspection found to be wrong: what, where, and how bad."""

    code: str
    message: str
    severity: Literal["warning", "error"] = "error"


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """Figures for `doctor`, readiness and metrics.

    Attributes:
        kind: `memory`, `sqlite` or `postgresql`.
        place: Path or address, without a password.
        revision: Migration that the schema is at; empty for memory.
        size_bytes: Size on disk; 0 for memory.
        positions: How far everything has come.
        waiting_since: When the oldest event that is not folded yet was stored; None where none is.
        parked: Subjects that are not being folded.
        due: Rows whose deadline fell due and that were not swept yet (counted up to 10,000).
        oldest_due_at: The earliest such deadline; None when nothing is due.
        retired_rows: Whether rows of retired generations are still to be removed.
        standby_over: Whether a generation has stood by for long enough.
        details: Further name and value pairs, for people.
    """

    kind: Literal["memory", "sqlite", "postgresql"]
    place: str
    revision: str
    size_bytes: int
    positions: Positions
    waiting_since: int | None
    parked: int
    due: int
    oldest_due_at: int | None
    retired_rows: bool
    standby_over: bool = False
    details: Mapping[str, str] = field(default_factory=dict)
