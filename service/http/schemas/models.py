"""The answers about models, boards, rebuilds, keys and limits; see `schemas.answers`."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from service.http.schemas.answers import Answer, CauseOut, Instant, StageId


class ModelOut(Answer):
    """A version of a model."""

    model: str
    version: int
    hash: str
    active: bool
    state: Literal["draft", "validated", "backtested", "active", "standby", "retired"]
    validated_at: Instant | None
    backtested_at: Instant | None
    created_at: Instant
    created_by: str


class Warned(Answer):
    """What the author of a model may want to mend."""

    path: str
    code: str
    message: str


class ModelPut(ModelOut):
    """A version just stored."""

    warnings: list[Warned]


class StandbyOut(Answer):
    """The version that a rollback leads back to at once, and until when."""

    version: int
    until: Instant


class ModelWhole(ModelOut):
    """A version with its document, and the text it was put as."""

    document: dict[str, Any]
    source: str
    newest_version: int | None = None
    standby: StandbyOut | None = None


class FindingOut(Warned):
    """What is wrong with a model document."""

    severity: Literal["error", "warning"]


class Validation(Answer):
    """What a model document would be refused for."""

    valid: bool
    model: str | None
    hash: str | None
    findings: list[FindingOut]


class BoardRow(Answer):
    """How many are in a stage."""

    stage: StageId
    count: int
    median_seconds_in_stage: float | None


class BoardOut(Answer):
    """How many are in each stage, in the model's order."""

    model: str
    model_version: int
    as_of: Instant
    stages: list[BoardRow]
    total: int


class RebuildOut(Answer):
    """How far a rebuild has come."""

    id: str
    model: str
    model_version: int
    status: Literal["building", "ready", "active", "standby", "retired", "failed", "removed"]
    mode: Literal["rebuild", "from_now"]
    since: Instant | None
    standby_until: Instant | None
    activate: bool
    done: int
    total: int
    buckets_done: int
    buckets_total: int
    events_per_second: float | None
    seconds_left: float | None
    started_at: Instant
    finished_at: Instant | None
    error: str | None


class RollbackOut(RebuildOut):
    """The version of before: active again at once, or on the way there."""

    at_once: bool


class Cell(Answer):
    """How many stand in one stage by the active version and in another by the candidate."""

    from_: Annotated[StageId | None, Field(alias="from")]
    to: StageId | None
    count: int


class Place(Answer):
    """Where a generation has a subject."""

    stage: StageId
    entered_at: Instant


class RestagedOut(Answer):
    """A subject that a rebuild puts elsewhere."""

    customer_id: str | None = None
    account_id: str | None = None
    old: Place | None
    new: Place | None


class DiffOut(Answer):
    """What a rebuild changes: how many stand where before and after, and who stands elsewhere."""

    rebuild: str
    replaces: str | None
    as_of: Instant
    subjects: int | None
    changed: int | None
    matrix_available: bool
    matrix: list[Cell]
    changes_available: bool
    data: list[RestagedOut]
    next_cursor: str | None
    has_more: bool


class News(Answer):
    """What is recent enough to be announced."""

    transitions: int
    alerts: int


class NewsOfBoth(Answer):
    """What would have been announced: by the active version, and by the candidate."""

    window_seconds: int
    old: News
    new: News


class BacktestResult(Answer):
    """What a backtest has found."""

    subjects: int
    changed: int
    changes_kept: int
    failed: int
    matrix: list[Cell]
    news: NewsOfBoth


class BacktestOut(Answer):
    """A candidate tried on history: how far that has come, and what it has found."""

    id: str
    model: str
    hash: str
    against_version: int | None
    as_of: Instant
    sample: float
    log_position: int
    status: Literal["running", "done", "failed", "cancelled"]
    done: int
    total: int
    events_per_second: float | None
    seconds_left: float | None
    started_at: Instant
    finished_at: Instant | None
    error: str | None
    result: BacktestResult | None


class PlaceInModel(Answer):
    """Where one model puts a subject, and why."""

    stage: StageId
    entered_at: Instant
    cause: CauseOut


class ChangeOut(Answer):
    """A subject that the candidate puts elsewhere."""

    customer_id: str | None = None
    account_id: str | None = None
    old: PlaceInModel | None
    new: PlaceInModel | None


class EventType(Answer):
    """An event type seen so far."""

    type: str
    count: int
    first_at: Instant
    last_at: Instant


class ApiKeyOut(Answer):
    """An API key without its secret."""

    id: str
    name: str
    scopes: list[str]
    source: str | None
    event_types: list[str]
    networks: list[str]
    origins: list[str]
    events_per_second: int | None
    requests_per_second: int | None
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None
    last_used_at: Instant | None
    overlap_until: Instant | None


class NewApiKeyOut(ApiKeyOut):
    """An API key with its secret, shown this once."""

    key: str


class EventSchemaOut(Answer):
    """What the properties of an event type look like in one schema version."""

    type: str
    version: int
    mode: Literal["strict", "warn", "off"]
    schema_: dict[str, Any] | bool = Field(alias="schema")
    created_at: Instant
    created_by: str


class AuditEntryOut(Answer):
    """One management call: who did what, when, from where, and what came of it."""

    number: int
    at: Instant
    actor: str
    action: str
    target: str
    outcome: str
    before: str | None
    after: str | None
    request_id: str | None
    address: str | None


class UsageOut(Answer):
    """What an API key was used for on a day, UTC."""

    day: date
    key_id: str
    requests: int
    accepted: int
    duplicate: int
    rejected: int


class TenantOut(Answer):
    """A tenant."""

    id: str
    name: str
    created_at: Instant | None


class NewTenantOut(TenantOut):
    """A tenant with its first admin key, whose secret is shown this once."""

    admin_key: NewApiKeyOut


class Limits(BaseModel):
    """Every limit in force, by what it bounds."""

    body: dict[str, float]
    stream: dict[str, float]
    event: dict[str, float]
    request: dict[str, float]
    page: dict[str, float]
    rate: dict[str, float]
