"""Transitions as rows: what is compared when a history is folded again, and what is written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import msgspec

from domain.transitions import ACTIVATION_RULE, Cause, Transition, transition_id
from projections.events.log import SubjectKey
from projections.reading.answers import TransitionRecord
from projections.subjects.profiles import DAY

if TYPE_CHECKING:
    from domain.lineage import Lineage
    from domain.machine import Machine
    from domain.transitions import CauseKind, RecordKind, TransitionDirection
    from projections.reading.answers import RetractionCause

Content: TypeAlias = tuple[Any, ...]
"""What a record says, the columns `kind` to `position`: equal for equal transitions."""

_encode = msgspec.json.Encoder(order="deterministic").encode

RECORD_COLUMNS = (
    "bucket",
    "generation",
    "subject_id",
    "number",
    "kind",
    "sequence",
    "from_stage",
    "to_stage",
    "direction",
    "steps",
    "effective_at",
    "cause_kind",
    "rule",
    "event_id",
    "evidence",
    "time_in_previous",
    "cycle",
    "position",
    "recorded_at",
    "asserted_position",
    "announced",
)
RETRACTION_COLUMNS = ("retracted_position", "retracted_at", "retracted_cause")
_CONTENT_FROM, _CONTENT_TO = RECORD_COLUMNS.index("kind"), RECORD_COLUMNS.index("recorded_at")

EFFECTIVE_AT = RECORD_COLUMNS.index("effective_at") - _CONTENT_FROM
"""Where a content says when its record became true."""

_KIND, _FROM_STAGE = 0, RECORD_COLUMNS.index("from_stage") - _CONTENT_FROM
_RULE = RECORD_COLUMNS.index("rule") - _CONTENT_FROM
_TIME_IN_PREVIOUS = RECORD_COLUMNS.index("time_in_previous") - _CONTENT_FROM

StayKey: TypeAlias = tuple[int, int, int, str, int]
"""What stays that have ended are counted by: the key of `stay_counts`."""

LATEST_COLUMNS = (
    "to_stage",
    "effective_at",
    "sequence",
    "cycle",
    "time_in_previous",
    "cause_kind",
    "rule",
    "event_id",
    "evidence",
)
"""What tells of a newest transition: the fields of `Latest`."""

STAY_COLUMNS = ("to_stage", "effective_at", "rule", "time_in_previous")
"""What tells where a transition leads, and since when the subject counts as being there."""


def begun_row(
    key: tuple[int, int, int, int], content: Content, position: int, recorded_at: int
) -> tuple[Any, ...]:
    """Return the row of `RECORD_COLUMNS` of a record that a rebuild makes, told to nobody.

    *position* and *recorded_at* are those from which it could be known.
    """
    return (*key, *content, max(recorded_at, content[EFFECTIVE_AT]), position, 0)


class RecordRow(NamedTuple):
    """A record that holds: its number and what it says."""

    number: int
    content: Content


@dataclass(frozen=True, slots=True)
class Projection:
    """A generation that is being kept level with the log.

    Attributes:
        lineage: What tells of whole histories: the version and those before it, if any.
        machine: That of the version: all states kept are its own.
        built: The set of buckets whose subjects are in the projection.
        is_active: Whether readers and the feed follow it.
    """

    generation: int
    tenant: str
    model: str
    version: int
    lineage: Lineage
    machine: Machine
    is_account: bool
    is_active: bool
    built: int

    @property
    def since(self) -> int:
        """Since when its version tells; states at it and later are the machine's own."""
        return self.lineage.since


def content_of(transition: Transition) -> Content:
    """Return what *transition* says as columns."""
    cause = transition.cause
    return (
        transition.kind,
        transition.sequence,
        transition.from_stage,
        transition.to_stage,
        transition.direction,
        transition.steps,
        transition.effective_at,
        cause.kind,
        cause.rule,
        cause.event_id,
        _encode(cause.evidence).decode() if cause.evidence else "{}",
        transition.time_in_previous,
        transition.cycle,
        transition.position,
    )


def transition_of(content: Content) -> Transition:
    """Return the transition that *content* says."""
    (kind, sequence, source, target, direction, steps, at, cause, rule, event, evidence, *rest) = (
        content
    )
    time_in_previous, cycle, position = rest
    return Transition(
        kind=cast("RecordKind", kind),
        sequence=sequence,
        from_stage=source,
        to_stage=target,
        direction=cast("TransitionDirection", direction),
        steps=steps,
        effective_at=at,
        cause=Cause(cast("CauseKind", cause), rule, event, evidence_in(evidence)),
        time_in_previous=time_in_previous,
        cycle=cycle,
        position=position,
    )


def record_of(
    row: Sequence[Any], *, tenant: str, subject: SubjectKey, model: str, version: int
) -> TransitionRecord:
    """Return the record that *row* holds: `RECORD_COLUMNS`, then `RETRACTION_COLUMNS`."""
    transition = transition_of(tuple(row[_CONTENT_FROM:_CONTENT_TO]))
    recorded_at, asserted_position, announced = row[_CONTENT_TO : _CONTENT_TO + 3]
    retracted_position, retracted_at, retracted_cause = row[_CONTENT_TO + 3 : _CONTENT_TO + 6]
    return TransitionRecord(
        id=transition_id(transition, subject=subject.text, model=model, version=version),
        tenant=tenant,
        subject=subject,
        model=model,
        version=version,
        generation=row[1],
        number=row[3],
        kind=transition.kind,
        sequence=transition.sequence,
        from_stage=transition.from_stage,
        to_stage=transition.to_stage,
        direction=transition.direction,
        steps=transition.steps,
        effective_at=transition.effective_at,
        recorded_at=recorded_at,
        cause=transition.cause,
        time_in_previous=transition.time_in_previous,
        cycle=transition.cycle,
        asserted_position=asserted_position,
        retracted_position=retracted_position,
        retracted_at=retracted_at,
        retracted_cause=cast("RetractionCause | None", retracted_cause),
        announced=bool(announced),
    )


class Latest(NamedTuple):
    """What a reader is told of a subject's newest transition that holds."""

    to_stage: str
    effective_at: int
    sequence: int
    cycle: int
    time_in_previous: int | None
    cause_kind: CauseKind
    rule: str
    event_id: str | None
    evidence: str

    @property
    def cause(self) -> Cause:
        """Why it happened."""
        return Cause(self.cause_kind, self.rule, self.event_id, evidence_in(self.evidence))

    @property
    def entered_at(self) -> int:
        """Since when the subject counts as being in its stage."""
        return entered_by(self.effective_at, self.rule, self.time_in_previous)


def evidence_in(text: str) -> Mapping[str, object]:
    """Return the evidence that a column holds."""
    return {} if text == "{}" else json.loads(text)


def stay_of(row: Sequence[Any]) -> tuple[str, int]:
    """Return the stage that a transition leads to and when it was entered: `STAY_COLUMNS`.

    By an activation nobody enters a stage anew: what they had been in is carried over.
    """
    stage, at, rule, time_in_previous = row
    return stage, entered_by(at, rule, time_in_previous)


def entered_by(effective_at: int, rule: str, time_in_previous: int | None) -> int:
    """Return since when a subject counts as being in the stage that a transition leads to."""
    carried = time_in_previous if rule == ACTIVATION_RULE else None
    return effective_at - (carried or 0)


def stay_key(generation: int, content: Content) -> StayKey | None:
    """Return where the stay is counted that the transition of *content* ended; None for none."""
    spent = content[_TIME_IN_PREVIOUS]
    if spent is None or content[_KIND] != "transition":
        return None
    left_at = content[EFFECTIVE_AT]
    taken_over_at = left_at if content[_RULE] == ACTIVATION_RULE else 0
    return generation, left_at // DAY, taken_over_at, content[_FROM_STAGE], (left_at - spent) // DAY


def stays_before(rows: Sequence[RecordRow], contents: Sequence[Content]) -> int:
    """Return how many records at the beginning of *rows* say what *contents* says."""
    same = 0
    for row, content in zip(rows, contents, strict=False):
        if row.content != content:
            break
        same += 1
    return same
