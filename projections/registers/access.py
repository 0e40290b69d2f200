"""Who may do what, and what was done: tenants, the audit log, answers kept for repeats, usage.

Nothing here is folded. Each value stands in a register; the scripts say what one transaction does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from projections.asking import Script, ask
from projections.registers.register import AskEntries, Register, WriteEntries, entry, put, remove

# ---------------------------------------------------------------- tenants


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whose data it is; no answer ever crosses tenants.

    Attributes:
        id: As keys and rows name it.
        name: What people call it.
    """

    id: str
    name: str
    created_at: int


TENANTS = Register("tenants", Tenant, key=1)


def add_tenant(tenant: Tenant) -> Script[bool]:
    """Write *tenant* unless its id is taken; return whether it was written."""
    if (yield from entry(TENANTS, tenant.id)) is not None:
        return False
    yield from put(TENANTS, tenant)
    return True


# ---------------------------------------------------------------- the audit log


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One management call: who did what, when, from where.

    Attributes:
        number: From 1, dense per tenant.
        actor: Id of the API key, or `cli:` and the user of the system.
        action: Method and path of the route, or the command.
        target: The path as it was called.
        outcome: `done`, or the code of the refusal.
        before: SHA-256 of the value before the call; None where there was none or nobody looked.
        after: The same of the value that came of it.
        address: Where the call came from; None for a command.
    """

    tenant: str
    number: int
    at: int
    actor: str
    action: str
    target: str
    outcome: str
    before: str | None = None
    after: str | None = None
    request_id: str | None = None
    address: str | None = None


AUDIT_LOG = Register("audit_log", AuditEntry, key=2, dated="at", only_grows=True)


def write_down(audit_entry: AuditEntry) -> Script[AuditEntry]:
    """Add *audit_entry* to the end of its tenant's log and return it with its number."""
    newest = AskEntries(AUDIT_LOG, (audit_entry.tenant,), limit=1, newest_first=True)
    rows = yield from ask(newest)
    number = AUDIT_LOG.value(rows[0]).number + 1 if rows else 1
    numbered = replace(audit_entry, number=number)
    yield from put(AUDIT_LOG, numbered)
    return numbered


# ---------------------------------------------------------------- answers kept for repeats


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was answered to a request with an `Idempotency-Key`, or that one is under way.

    Attributes:
        operation: Method and path.
        fingerprint: Of the whole request; another one under the same key is a mistake.
        status: None while the request is under way.
        headers: JSON object.
        body: Sealed by the caller's API key, because an answer may hold a secret.
    """

    tenant: str
    key_id: str
    operation: str
    idempotency_key: str
    fingerprint: str
    begun_at: int
    status: int | None = None
    headers: str | None = None
    body: bytes | None = None


KEPT_ANSWERS = Register("kept_answers", KeptAnswer, key=4, dated="begun_at")
Claim = Literal["fresh", "running", "other", "kept"]


def claim(
    wanted: KeptAnswer, *, running_since: int, kept_since: int
) -> Script[tuple[Claim, KeptAnswer]]:
    """Note that *wanted* is under way, unless the same key was used before.

    Returns:
        `fresh` where it may be run; `running` where it is being run since *running_since* or later;
        `other` where another request has the key; `kept` with the answer where it was run.
    """
    key = AskEntries(KEPT_ANSWERS, KEPT_ANSWERS.row(wanted)[: KEPT_ANSWERS.key], limit=1)
    rows = yield from ask(key)
    if rows:
        known = KEPT_ANSWERS.value(rows[0])
        is_old = known.begun_at < (running_since if known.status is None else kept_since)
        if not is_old:
            if known.fingerprint != wanted.fingerprint:
                return "other", known
            return ("running" if known.status is None else "kept"), known
    yield from put(KEPT_ANSWERS, wanted)
    return "fresh", wanted


def release(claimed: KeptAnswer) -> Script[None]:
    """Forget that *claimed* is under way, so that it may be tried again."""
    yield from remove(KEPT_ANSWERS, claimed)


def forget_answers(until: int, limit: int) -> Script[int]:
    """Remove at most *limit* answers begun before *until*; return how many."""
    rows = yield from ask(AskEntries(KEPT_ANSWERS, until=until, limit=limit))
    keys = [row[: KEPT_ANSWERS.key] for row in rows]
    yield from ask(WriteEntries(KEPT_ANSWERS, removed=keys))
    return len(keys)


# ---------------------------------------------------------------- usage


@dataclass(frozen=True, slots=True)
class Usage:
    """What a key was used for on a day.

    Attributes:
        day: Days since the epoch, UTC.
        requests: Requests with that key.
        events: Events stored for it.
        rejected: Events that were refused.
        duplicate: Events that were there already.
    """

    tenant: str
    day: int
    key_id: str
    requests: int = 0
    events: int = 0
    rejected: int = 0
    duplicate: int = 0


USAGE = Register("usage", Usage, key=3, dated="day")


def add_usage(further: tuple[Usage, ...]) -> Script[None]:
    """Add *further* use to what was counted before."""
    for one in further:
        known = yield from entry(USAGE, one.tenant, one.day, one.key_id)
        if known is not None:
            one = replace(  # noqa: PLW2901 -- the same use, counted on
                one,
                requests=one.requests + known.requests,
                events=one.events + known.events,
                rejected=one.rejected + known.rejected,
                duplicate=one.duplicate + known.duplicate,
            )
        yield from put(USAGE, one)
