"""Models, their versions and generations: which document is folded, and how far that has come.

A *version* is a document, numbered per model from 1 and never edited. A *generation* is one
projection of one version; every rebuild makes a new one, and readers follow the active one. The one
that was active before may stand by for a while, kept level like the active one, so that going back
is the change of one row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from projections.models.ranges import EVERY_BUCKET, Built

GenerationStatus = Literal["building", "ready", "active", "standby", "retired", "failed", "removed"]


VersionState = Literal["draft", "validated", "backtested", "active", "standby", "retired"]


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
        validated_at: When it passed the check; None for a draft with errors.
        backtested_at: When a backtest of it was last done; None before the first.
        active_generation: The generation of this version that readers see; None if it has none.
        state: How far it has come in its life; told by the store, not stored.
    """

    tenant: str
    model: str
    version: int
    document: str
    source: str
    hash: str
    created_at: int
    created_by: str
    validated_at: int | None = None
    backtested_at: int | None = None
    active_generation: int | None = None
    state: VersionState = "draft"


@dataclass(frozen=True, slots=True)
class Generation:
    """One projection of one version, and the progress of making it.

    Attributes:
        generation: Its number, from 1 over the whole database; also the id of the rebuild.
        status: `building` → `ready` → `active` → `standby` → `retired` → `removed`; or `failed`. A
            rollback lets the active one and the one that stands by change places.
        done: Events folded so far.
        total: Events to fold.
        buckets_done: How many buckets are in the projection and kept level.
        started_at: When the rebuild began.
        finished_at: When it was activated or failed; None before.
        error: Why it failed; None otherwise.
        base: The generation whose version tells of the time before *since* (`from_now`); None
            where this version tells of all history.
        since: From when on this version tells; None as above.
        stage_map: Where subjects start that stood in a stage of the version before.
        hash: Of the document, as it was when the generation was begun.
        engine: Which way of folding it is made by, see `domain.machine.ENGINE`.
        standby_until: Until when it stands by; None for one that does not.
        activates: Whether it takes its place as soon as it is ready, or waits for somebody's word.
        replaces: The generation that readers saw when it became ready; None for none.
        report: What it changed by then: JSON of `projections.rebuilding.diffs`; None before.
        built: While it is being built, the set of buckets that are in it.
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
    base: int | None = None
    since: int | None = None
    stage_map: Mapping[str, str] = field(default_factory=dict)
    hash: str = ""
    engine: int = 0
    standby_until: int | None = None
    activates: bool = True
    replaces: int | None = None
    report: str | None = None
    built: int = 0

    def grown(self, found: Built) -> Generation:
        """Return the generation with a range more; with every range it is ready."""
        built, done = self.built | found.range.bits, self.done + found.events
        grown = replace(self, built=built, buckets_done=built.bit_count(), done=done)
        return replace(grown, status="ready", total=done) if built == EVERY_BUCKET else grown

    @property
    def tells(self) -> tuple[object, ...]:
        """What its projection depends on beside the log: equal for generations that agree."""
        return (self.version, self.base, self.since, self.stage_map, self.hash, self.engine)

    @property
    def is_under_way(self) -> bool:
        """Whether anything is still to happen to it by itself."""
        return self.status == "building" or (self.status == "ready" and self.activates)

    @property
    def has_rows_to_remove(self) -> bool:
        """Whether nobody reads it any more, and rows of it are still there."""
        given_up = self.status == "failed" and self.buckets_done > 0
        return self.status == "retired" or given_up

    def has_stood_by(self, now: int) -> bool:
        """Tell whether it has stood by for long enough."""
        until = self.standby_until
        return self.status == "standby" and until is not None and until <= now


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a generation begins; without any, its version tells of all history.

    Attributes:
        base: Leave the past to this generation, and start where it has everybody at the instant of
            beginning (`from_now`).
        stage_map: Where those start who stand in a stage of the base, by its id.
        like: Tell of history as this generation does, which is of the same version: a rebuild.
        activates: Let it take its place as soon as it is ready, or wait for somebody's word.
        once: Begin nothing where a generation of the version is active or under way; return that.
    """

    base: int | None = None
    stage_map: Mapping[str, str] = field(default_factory=dict)
    like: int | None = None
    activates: bool = True
    once: bool = False


ANEW = Terms()


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
