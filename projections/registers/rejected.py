"""Events that the door refused: kept for a while, to be seen, and to be sent through it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from projections.asking import Script, ask
from projections.reading.answers import Page
from projections.registers.register import AskEntries, Register, WriteEntries, entry, paged, put


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """One text that was refused; the same text again is counted, not kept twice.

    Attributes:
        number: Place in the tenant's list: about the microsecond at which it came.
        digest: Of the text and of how it came.
        received_at: When it came first.
        last_at: When it came last, or was tried last.
        times: How often it came.
        route: Path that it came to.
        api_format: Of the text.
        inherited: What the request said for all of its events; JSON, empty for nothing.
        source: Of the key, or of whoever names none.
        is_forced: 1 where the key speaks for that source only.
        event_id: The producer's id, if it can be told.
        code: Why it was refused, as pointer and message say in full.
        faults: JSON array of everything wrong with it.
        text: Exactly as sent, or as much of it as is kept.
        is_whole: 1 unless the text was cut off.
        attempts: How often it was tried again.
        is_settled: 1 once the log has it.
        outcome: Then: `accepted` or `duplicate`.
        position: Then: where.
        record: Of which record it was the value; JSON, or None where it was none.
    """

    tenant: str
    number: int
    digest: str
    received_at: int
    last_at: int
    times: int
    route: str
    api_format: str
    inherited: str
    source: str
    is_forced: int
    code: str
    pointer: str
    message: str
    faults: str
    text: bytes
    is_whole: int = 1
    attempts: int = 0
    is_settled: int = 0
    outcome: str = ""
    key_id: str | None = None
    event_id: str | None = None
    position: int | None = None
    record: str | None = None


REJECTED = Register("rejected_events", RejectedEvent, key=2, dated="received_at")
FILTERS = ("code", "route", "api_format", "source", "key_id", "event_id")


@dataclass(frozen=True, slots=True)
class RejectedQuery:
    """Which of a tenant's rejected events are asked for.

    Attributes:
        equal: Fields of `FILTERS` and what they are.
        is_settled: Only those that the log has by now, or only the others; None for both.
        since: Only what came then or later.
        until: Only what came before.
        after: Only what stands behind that number, in the order asked for.
    """

    tenant: str
    equal: tuple[tuple[str, object], ...] = ()
    is_settled: bool | None = False
    since: int | None = None
    until: int | None = None
    after: int | None = None
    limit: int = 50
    newest_first: bool = True


def keep(offered: Sequence[RejectedEvent]) -> Script[None]:
    """Write *offered* to the ends of their tenants' lists; what is there already is counted."""
    newest: dict[str, int] = {}
    for one in offered:
        known = yield from _same(one)
        if known is not None:
            again = replace(one, number=known.number, received_at=known.received_at)
            yield from put(REJECTED, replace(again, times=known.times + 1, attempts=known.attempts))
            continue
        if one.tenant not in newest:
            newest[one.tenant] = yield from _newest(one.tenant)
        newest[one.tenant] = max(newest[one.tenant] + 1, one.received_at)
        yield from put(REJECTED, replace(one, number=newest[one.tenant]))


def _same(one: RejectedEvent) -> Script[RejectedEvent | None]:
    asked = AskEntries(REJECTED, (one.tenant,), limit=1, equal=(("digest", one.digest),))
    rows = yield from ask(asked)
    return REJECTED.value(rows[0]) if rows else None


def _newest(tenant: str) -> Script[int]:
    rows = yield from ask(AskEntries(REJECTED, (tenant,), limit=1, newest_first=True))
    return REJECTED.value(rows[0]).number if rows else 0


def listed(query: RejectedQuery) -> Script[Page[RejectedEvent]]:
    """Return what meets *query*."""
    settled = () if query.is_settled is None else (("is_settled", int(query.is_settled)),)
    asked = AskEntries(
        REJECTED,
        (query.tenant,),
        after=() if query.after is None else (query.after,),
        limit=query.limit,
        newest_first=query.newest_first,
        equal=(*query.equal, *settled),
        since=query.since,
        until=query.until,
    )
    return (yield from paged(REJECTED, asked))


def numbered(tenant: str, numbers: Sequence[int]) -> Script[list[RejectedEvent]]:
    """Return the tenant's rejected events with those *numbers*, as far as they exist."""
    found = []
    for number in numbers:
        one = yield from entry(REJECTED, tenant, number)
        if one is not None:
            found.append(one)
    return found


def rewrite(tried: Sequence[RejectedEvent]) -> Script[None]:
    """Write what became of *tried*; what was forgotten meanwhile stays so."""
    for one in tried:
        known = yield from entry(REJECTED, one.tenant, one.number)
        if known is not None:
            yield from put(REJECTED, replace(one, times=known.times))


def forget(until: int, limit: int) -> Script[int]:
    """Remove at most *limit* that came before *until*; return how many."""
    rows = yield from ask(AskEntries(REJECTED, until=until, limit=limit))
    keys = [row[: REJECTED.key] for row in rows]
    yield from ask(WriteEntries(REJECTED, removed=keys))
    return len(keys)
