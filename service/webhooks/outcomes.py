"""What follows from an attempt: for the delivery, for the endpoint, and for those who are told."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from domain.instants import SECOND, format_instant
from projections.asking import Script
from projections.registers.register import entries, put
from projections.webhooks.lanes import Claimed, Parcel, Settled, enqueue
from projections.webhooks.rows import ENDPOINTS, Attempt, Endpoint
from service.webhooks import terms
from service.webhooks.breaker import Breaker
from service.webhooks.news import Told
from service.webhooks.schedule import next_attempt_at
from service.webhooks.sending import Outcome
from service.webhooks.terms import terms_of

REST_MIN = SECOND
"""How long an endpoint is left alone that says it has too much to do, and not for how long."""

_GIVEN_UP = {"abort": "failed", "delivered": "delivered"}


@dataclass(slots=True)
class Ended:
    """An attempt that has ended.

    Attributes:
        is_judged: Whether the breaker has heard of it.
    """

    settled: Settled
    outcome: Outcome
    begun_at: int
    ended_at: int
    is_judged: bool = False

    @classmethod
    def of(
        cls, claimed: Claimed, outcome: Outcome, begun: int, ended: int, *, chance: float
    ) -> Ended:
        """Return what became of *claimed*; *chance* between 0 and 1 shakes the next attempt."""
        before = claimed.delivery
        attempts = before.attempts + 1
        status, next_at = _GIVEN_UP.get(outcome.verdict, "pending"), None
        if outcome.verdict in {"retry", "disable"}:
            next_at = next_attempt_at(
                attempts, now=ended, chance=chance, retry_after=outcome.retry_after
            )
            status = "exhausted" if next_at is None else "pending"
        after = replace(
            before,
            attempts=attempts,
            status=status,
            next_at=next_at,
            last_at=ended,
            failure=outcome.failure or "",
            http_status=outcome.status,
        )
        attempt = attempt_of(claimed, outcome, begun)
        return cls(Settled(claimed, after, attempt), outcome, begun, ended)

    @property
    def is_disabling(self) -> bool:
        """Whether the receiver wants no message any more."""
        return self.outcome.verdict == "disable"

    def judge(self, breaker: Breaker) -> Breaker:
        """Return *breaker* after this attempt."""
        if self.outcome.verdict in {"delivered", "abort"}:
            return breaker.succeeded()
        rest = max(self.outcome.retry_after or 0, REST_MIN) if self.outcome.slows else None
        return breaker.failed(self.ended_at, rest=rest, begun=self.begun_at)


def attempt_of(claimed: Claimed, outcome: Outcome, begun: int) -> Attempt:
    """Return the row of an attempt."""
    return Attempt(
        tenant=claimed.delivery.tenant,
        delivery=claimed.delivery.number,
        nth=claimed.delivery.attempts + 1,
        endpoint=claimed.delivery.endpoint,
        at=begun,
        milliseconds=round(outcome.seconds * 1_000),
        status=outcome.status,
        failure=outcome.failure or "",
        reason=outcome.reason,
        address=outcome.address,
        headers=msgspec.json.encode(dict(outcome.headers)).decode(),
        answer=outcome.answer,
    )


def conclusion(
    settled: Sequence[Settled], disabling: Sequence[Ended], hopeless: Sequence[str], now: int
) -> Script[None]:
    """Disable whom it is time to, and tell the other endpoints of that and of what is given up."""
    gone = {one.settled.delivery.endpoint for one in disabling}
    exhausted = [one for one in settled if one.delivery.status == "exhausted"]
    if not gone and not hopeless and not exhausted:
        return
    endpoints = yield from entries(ENDPOINTS)
    told: list[tuple[str, Told]] = []
    for endpoint in endpoints:
        if endpoint.state == "enabled" and (endpoint.id in gone or endpoint.id in hopeless):
            reason = "gone" if endpoint.id in gone else "hopeless"
            yield from put(ENDPOINTS, _disabled(endpoint, reason, now))
            told.append((endpoint.id, _disabled_told(endpoint, reason, now)))
    by_id = {endpoint.id: endpoint for endpoint in endpoints}
    told += [
        (one.delivery.endpoint, _exhausted_told(one, by_id[one.delivery.endpoint], now))
        for one in exhausted
        if one.delivery.type != terms.DELIVERY_EXHAUSTED and one.delivery.endpoint in by_id
    ]
    yield from enqueue(_to_others(told, endpoints, now), now)


def _to_others(
    told: Sequence[tuple[str, Told]], endpoints: Sequence[Endpoint], now: int
) -> list[Parcel]:
    return [
        Parcel(endpoint.id, one.message(now))
        for about, one in told
        for endpoint in endpoints
        if endpoint.id != about
        and endpoint.tenant == one.tenant
        and terms_of(endpoint.terms).want(one.type, one.data)
    ]


REASONS = {
    "gone": "the receiver said that it is gone (410, or `webhook-delivery: disable`)",
    "hopeless": "every attempt of the last five days failed",
}


def _disabled(endpoint: Endpoint, reason: str, now: int) -> Endpoint:
    return replace(
        endpoint,
        state="disabled",
        reason=REASONS[reason],
        version=endpoint.version + 1,
        updated_at=now,
    )


def _disabled_told(endpoint: Endpoint, reason: str, now: int) -> Told:
    return Told(
        tenant=endpoint.tenant,
        id=f"ed_{_digest(endpoint.id, str(now))}",
        type=terms.ENDPOINT_DISABLED,
        at=now,
        known_at=now,
        data={
            "endpoint_id": endpoint.id,
            "url": terms_of(endpoint.terms).url,
            "reason": reason,
            "disabled_at": format_instant(now),
        },
    )


def _exhausted_told(one: Settled, endpoint: Endpoint, now: int) -> Told:
    delivery = one.delivery
    return Told(
        tenant=delivery.tenant,
        id=f"dx_{_digest(delivery.endpoint, str(delivery.number), str(delivery.attempts))}",
        type=terms.DELIVERY_EXHAUSTED,
        at=now,
        known_at=now,
        data={
            "delivery_id": f"dl_{delivery.number}",
            "endpoint_id": delivery.endpoint,
            "url": terms_of(endpoint.terms).url,
            "message_id": delivery.message_id,
            "type": delivery.type,
            "attempts": delivery.attempts,
            "failure": delivery.failure,
        },
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256(chr(31).join(parts).encode()).hexdigest()[:32]
