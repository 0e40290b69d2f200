"""The recorded fact that a subject changed stage, or was kept from it, or raised an alert."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

RecordKind = Literal["transition", "suppressed", "alert"]
CauseKind = Literal["event", "deadline", "condition", "manual", "merge", "void", "model"]
TransitionDirection = Literal["forward", "backward", "none"]

INITIAL_RULE = "$initial"
MANUAL_RULE = "$manual"
ACTIVATION_RULE = "$activation"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why it happened.

    Attributes:
        kind: `event`, `deadline` (silence, date or hold), `condition` (level), `manual`, …
        rule: Id of the rule or alert; `$initial` for the first entry, `$manual` for a manual one,
            `$activation` for the entry by which a version that counts from now on begins.
        event_id: The event at whose arrival it happened, also where that made an old deadline fall
            due; None where time alone did it.
        evidence: Names that the rule read and their values (JSON; instants as RFC 3339 text).
    """

    kind: CauseKind
    rule: str
    event_id: str | None
    evidence: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Transition:
    """One record of a subject's history in one model.

    Attributes:
        kind: `transition`; `suppressed` where a forward-only model refused it; `alert`.
        sequence: Dense number of the transition per (subject, model), from 1; suppressed
            transitions and alerts carry that of the transition before them (0 before the first).
        from_stage: None for the first entry. For an alert: the stage it was raised in.
        to_stage: For an alert: the same stage.
        steps: Order of `to_stage` less order of `from_stage`; 0 for the first entry.
        effective_at: When it became true, microseconds since the epoch.
        time_in_previous: Microseconds spent in `from_stage`; None for the first entry.
        cycle: Cycle after the transition, from 1.
        position: Log position of the newest event it follows from.
    """

    kind: RecordKind
    sequence: int
    from_stage: str | None
    to_stage: str
    direction: TransitionDirection
    steps: int
    effective_at: int
    cause: Cause
    time_in_previous: int | None
    cycle: int
    position: int


def transition_id(transition: Transition, *, subject: str, model: str, version: int) -> str:
    """Return the record's id: `tr_` and 32 hexadecimal digits of a SHA-256.

    A pure function of what happened, so every replay gives the same id. Transitions are told apart
    by their sequence; alerts and suppressed transitions by rule, instant and event.
    """
    nth = transition.sequence if transition.kind == "transition" else transition.cause.event_id
    parts = (
        transition.kind,
        subject,
        model,
        str(version),
        str(nth or ""),
        str(transition.effective_at),
        transition.cause.rule,
    )
    return "tr_" + hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
