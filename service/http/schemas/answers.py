"""The answers as models: what OpenAPI promises, and what tests hold every answer against.

Handlers write plain members (`service.http.answers`); nothing here runs when a request is answered.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel

Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Row = TypeVar("Row")
StageId = str


class Answer(BaseModel):
    """An answer without surprises: no member but those named."""

    model_config = ConfigDict(extra="forbid")


class PlaceOut(Answer):
    """One thing wrong in a request."""

    pointer: Annotated[str, Field(description="RFC 6901 pointer, parameter, or path in a model.")]
    code: str
    message: str


class ProblemOut(Answer):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    message: str
    request_id: str
    errors: list[PlaceOut] | None = None


class Change(Answer):
    """A stage that an event changed."""

    model: str
    from_: Annotated[StageId | None, Field(alias="from")]
    to: StageId
    sequence: int


class ItemError(Answer):
    """Why an event was rejected."""

    code: str
    message: str
    pointer: str


class Result(Answer):
    """What became of one event."""

    index: int
    id: str | None = None
    status: Literal["accepted", "duplicate", "rejected"]
    position: int | None = None
    applied: bool | None = None
    stages: list[Change] | None = None
    late: bool | None = None
    warning: str | None = None
    error: ItemError | None = None
    errors: list[ItemError] | None = None


class Counts(Answer):
    """What became of the events of a request."""

    accepted: int
    duplicate: int
    rejected: int
    retry: int
    position: Annotated[int | None, Field(description="The highest of the request.")]
    applied: Annotated[bool, Field(description="Whether projections have taken all of them in.")]


class Batch(Counts):
    """What became of the events of a request, and of each of them."""

    results: list[Result]


class Single(Counts):
    """What became of the one event of a request."""

    id: str
    status: Literal["accepted", "duplicate"]
    stages: list[Change] | None = None
    late: bool | None = None
    warning: str | None = None


class Taken(RootModel[Batch | Single]):
    """A batch with its results, or a single event that was there already."""


class CauseOut(Answer):
    """Why something happened."""

    kind: Literal["event", "deadline", "condition", "manual", "merge", "void", "model"]
    rule: str
    event_id: str | None
    evidence: dict[str, Any]


class Next(Answer):
    """What comes next if nothing happens."""

    stage: StageId
    at: Instant
    rule: str


class Timer(Answer):
    """The same, as a list of at most one."""

    to: StageId
    at: Instant
    rule: str


class Standing(Answer):
    """Where a subject stands in one model."""

    model: str
    model_version: int
    stage: StageId | None
    entered_at: Instant | None
    sequence: int
    cycle: int
    previous: StageId | None
    entries: dict[StageId, int]
    cause: CauseOut | None
    next: Next | None
    next_timers: list[Timer]
    signals: dict[str, Any]
    coarse_signals: list[str] | None = None
    personas: list[str]


class Customer(Answer):
    """A customer or an account."""

    id: str
    aliases: list[str]
    first_seen_at: Instant | None
    last_event_at: Instant | None
    events: int
    traits: dict[str, Any]
    stages: list[Standing]
    parked: str | None = None


class CustomerLine(BaseModel):
    """A customer in a list; `fields` may leave members out."""

    model_config = ConfigDict(extra="forbid")

    id: str | None = None
    aliases: list[str] | None = None
    first_seen_at: Instant | None = None
    last_event_at: Instant | None = None
    events: int | None = None
    traits: dict[str, Any] | None = None
    stages: list[Standing] | None = None
    parked: str | None = None


class TransitionOut(Answer):
    """A recorded transition, suppressed transition or alert."""

    id: str
    kind: Literal["transition", "suppressed", "alert"]
    customer_id: str | None = None
    account_id: str | None = None
    model: str
    model_version: int
    sequence: int
    from_: Annotated[StageId | None, Field(alias="from")]
    to: StageId
    direction: Literal["forward", "backward", "none"]
    steps: int
    effective_at: Instant
    recorded_at: Instant
    cause: CauseOut
    time_in_previous_seconds: float | None
    cycle: int
    position: int
    retracted_at: Instant | None
    retracted_cause: Literal["late", "void", "merge", "refold"] | None = None


class FeedRecordOut(TransitionOut):
    """A record of the global feed; `position` is its place in the feed."""

    type: Literal["asserted", "retracted"]
    log_position: int


class EventOut(BaseModel):
    """An event exactly as sent, with what the engine added."""

    model_config = ConfigDict(extra="allow")

    id: str | float
    type: str | float
    source: str | float
    position: int
    recorded_at: Instant
    effective_at: Instant
    late: bool
    historical: bool
    api_format: str
    key_id: str | None
    voided: bool


class TimelineEntry(Answer):
    """An event or a transition."""

    entry: Literal["event", "transition"]
    at: Instant
    event: EventOut | None = None
    transition: TransitionOut | None = None


class Clause(Answer):
    """One operand of a condition, with its value."""

    source: str
    value: Any
    error: str | None
    reads: dict[str, Any]


class RuleOut(Answer):
    """A rule of the stage: whether it is met, and why."""

    rule: str
    to: StageId | None
    kind: Literal["on", "after", "at", "when"]
    on: list[str]
    matched: bool
    clauses: list[Clause]
    due_at: Instant | None
    holds_since: Instant | None
    changes_at: Instant | None


class LastEvent(Answer):
    """The event that `on` rules were asked about."""

    id: str
    type: str


class Explanation(Standing):
    """A standing with every rule that leaves its stage."""

    as_of: Instant
    last_event: LastEvent | None
    rules: list[RuleOut]


class Explanations(BaseModel):
    """One explanation for each model; with `model`, its members stand here as well."""

    model_config = ConfigDict(extra="allow")

    data: list[Explanation]
    next_cursor: str | None
    has_more: bool


class ManualResult(Answer):
    """What became of a manual transition."""

    position: int
    event_id: str
    applied: bool
    transitions: list[Change]
    stage: Standing | None


class Listed(Answer, Generic[Row]):
    """A part of a list."""

    data: list[Row]
    next_cursor: str | None
    has_more: bool


class StreamToken(Answer):
    """What a web page opens a live stream with."""

    token: str
    expires_at: Instant


class Feed(Answer):
    """A part of the global feed."""

    data: list[FeedRecordOut]
    next_after: int
    has_more: bool
