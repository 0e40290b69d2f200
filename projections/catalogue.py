"""Models, their versions and generations: which document is folded, and how far that has come.

A *version* is a document, numbered per model from 1 and never edited. A *generation* is one
projection of one version; every rebuild makes a new one, and readers follow the active one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GenerationStatus = Literal["building", "ready", "active", "retired", "failed", "removed"]


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of a model document.

    Attributes:
        model: Key of the model, unique per tenant.
        version: Number per model, from 1.
        document: Canonical JSON text of the document.
        source: The text as it was put (YAML or JSON), shown again to its author.
        hash: SHA-256 of the canonical form, 64 hexadecimal digits.
        created_at: When it was put.
        created_by: Id of the API key, or `ready-made`.
        active_generation: The generation of this version that readers see; None if it has none.
    """

    tenant: str
    model: str
    version: int
    document: str
    source: str
    hash: str
    created_at: int
    created_by: str
    active_generation: int | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """One projection of one version, and the progress of making it.

    Attributes:
        generation: Its number, from 1 over the whole database; also the id of the rebuild.
        status: `building` → `ready` → `active` → `retired` → `removed`; or `failed`.
        done: Events folded so far.
        total: Events to fold.
        buckets_done: Subjects in buckets below it are in the projection and kept level.
        started_at: When the rebuild began.
        finished_at: When it was activated or failed; None before.
        error: Why it failed; None otherwise.
    """

    generation: int
    tenant: str
    model: str
    version: int
    status: GenerationStatus
    done: int
    total: int
    started_at: int
    buckets_done: int = 0
    finished_at: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored; the secret itself is known to its owner only.

    Attributes:
        id: The eight characters after `sfk_`.
        secret_hash: SHA-256 of the whole key.
        name: What its owner calls it.
        scopes: What it may do.
        source: Event source that it speaks for; None to let each event say.
        created_at: When it was made.
        expires_at: From then on it opens nothing; None for never.
        revoked_at: Since when it opens nothing; None while it does.
        last_used_at: Newest use that was noted (notes are coarse); None before the first.
        event_types: Patterns of the event types that it may send; none for all.
        networks: CIDR networks that it may be used from; none for all.
        origins: Web origins whose pages may use it, if it only writes; none for all.
        events_per_second: Instead of the setting; 0 for no limit, None for the setting.
        requests_per_second: The same of requests.
        former_hash: SHA-256 of the secret before the last rotation, while that is still good.
        former_until: Until when it is.
    """

    id: str
    tenant: str
    name: str
    secret_hash: bytes
    scopes: tuple[str, ...]
    created_at: int
    source: str | None = None
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None
    event_types: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    events_per_second: int | None = None
    requests_per_second: int | None = None
    former_hash: bytes | None = None
    former_until: int | None = None
