"""The answers about models, boards, rebuilds, keys and limits; see `service.http.schemas`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from service.http.schemas import Answer, Instant, StageId


class ModelOut(Answer):
    """A version of a model."""

    model: str
    version: int
    hash: str
    active: bool
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


class ModelWhole(ModelOut):
    """A version with its document, and the text it was put as."""

    document: dict[str, Any]
    source: str
    newest_version: int | None = None


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
    status: Literal["building", "ready", "active", "retired", "failed", "removed"]
    done: int
    total: int
    events_per_second: float | None
    seconds_left: float | None
    started_at: Instant
    finished_at: Instant | None
    error: str | None


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
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None
    last_used_at: Instant | None


class NewApiKeyOut(ApiKeyOut):
    """An API key with its secret, shown this once."""

    key: str


class Limits(BaseModel):
    """Every limit in force, by what it bounds."""

    body: dict[str, float]
    stream: dict[str, float]
    event: dict[str, float]
    request: dict[str, float]
    page: dict[str, float]
