"""Endpoints: made, changed, paused, asked for a new secret, tried out, and removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from projections.asking import Script, ask
from projections.registers.register import AskEntries, entries, entry, put, remove
from projections.webhooks.lanes import close, put_lanes
from projections.webhooks.rows import (
    CONDITIONS,
    COUNTERS,
    ENDPOINTS,
    LANES,
    WAITING,
    Condition,
    Counter,
    Endpoint,
    Waiting,
)
from service.errors import Place, Problem
from service.ports import Clock, Randomness, Store
from service.webhooks.checking import invalid, places_in
from service.webhooks.fan_out import feed_of
from service.webhooks.handshake import refusal_of_receiver
from service.webhooks.news import Told
from service.webhooks.posting import Post, Secret, Signers, secrets_of, secrets_text
from service.webhooks.published import PublishedKeys
from service.webhooks.samples import sample_of
from service.webhooks.sending import Outcome, send
from service.webhooks.signing import SecretError, SharedSecret
from service.webhooks.targets import Guard, Resolve, TargetError, check_target, resolve
from service.webhooks.terms import Terms, terms_of
from service.webhooks.transport import GuardedClient

ENDPOINTS_MAX = 1_000
SECRETS_MAX = 5
AT_ONCE = 1_000
_SECRET_OCTETS = 32
Resume = Literal["all", "latest", "none"]


@dataclass(frozen=True, slots=True)
class Standing:
    """An endpoint with how it fares."""

    endpoint: Endpoint
    terms: Terms
    condition: Condition


class Endpoints:
    """Keeps endpoints; everything is the tenant's own."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        randomness: Randomness,
        client: GuardedClient,
        *,
        guard: Guard,
        look_up: Resolve = resolve,
        origin: str = "stagefold",
    ) -> None:
        """Keep in *store*; try out by *client*, after the check of *guard*, as *origin*."""
        self._store = store
        self._clock = clock
        self._randomness = randomness
        self._client = client
        self._guard = guard
        self._look_up = look_up
        self._origin = origin
        self.published = PublishedKeys(store, clock, randomness)
        self.changed: Callable[[], None] = lambda: None

    async def create(self, tenant: str, terms: Terms, secret: str | None) -> tuple[Endpoint, str]:
        """Return a new endpoint and its secret, which is shown this once and on demand.

        Raises:
            Problem: `validation_failed` with every place; `endpoint_limit`.
        """
        await self._check(terms)
        text = self._secret(secret)
        now = self._clock.now()
        made = Endpoint(
            tenant=tenant,
            id=f"we_{self._randomness.token(12).hex()}",
            terms=terms.text,
            secrets=secrets_text([Secret(text)]),
            state="enabled",
            reason="",
            version=1,
            created_at=now,
            updated_at=now,
        )
        if "v1a" in terms.signing:
            await self.published.ensure()
        feed = (await self._store.positions()).feed

        def write() -> Script[bool]:
            others = yield from entries(ENDPOINTS, tenant)
            if len(others) >= ENDPOINTS_MAX:
                return False
            if not others:  # nobody has been told of anything; the past is news to nobody
                yield from put(COUNTERS, Counter(feed_of(tenant), feed))
            yield from put(ENDPOINTS, made)
            return True

        if not await self._store.carry(write()):
            message = f"expected at most {ENDPOINTS_MAX} endpoints, found as many"
            raise Problem("endpoint_limit", message)
        self.changed()
        return made, text

    async def all(self, tenant: str) -> list[Endpoint]:
        """Return the tenant's endpoints."""
        return await self._store.look(entries(ENDPOINTS, tenant), of=tenant)

    async def find(self, tenant: str, endpoint_id: str) -> Standing:
        """Return an endpoint and how it fares.

        Raises:
            Problem: `endpoint_not_found`.
        """

        def look() -> Script[tuple[Endpoint | None, Condition | None]]:
            found = yield from entry(ENDPOINTS, tenant, endpoint_id)
            return found, (yield from entry(CONDITIONS, endpoint_id))

        found, fares = await self._store.look(look(), of=tenant)
        if found is None:
            raise Problem("endpoint_not_found", f"there is no endpoint {endpoint_id[:60]!a}")
        return Standing(found, terms_of(found.terms), fares or Condition(endpoint_id))

    async def change(
        self, tenant: str, endpoint_id: str, make: Callable[[Terms], Terms], expected: int
    ) -> Endpoint:
        """Return the endpoint under other terms.

        Raises:
            Problem: `endpoint_not_found`, `precondition_failed`, `validation_failed`.
        """
        standing = await self.find(tenant, endpoint_id)
        terms = make(standing.terms)
        await self._check(terms)
        if "v1a" in terms.signing:
            await self.published.ensure()
        return await self._rewrite(
            tenant, endpoint_id, lambda one: replace(one, terms=terms.text), expected=expected
        )

    async def remove(self, tenant: str, endpoint_id: str) -> Endpoint:
        """Remove an endpoint; what waits for it is canceled.

        Raises:
            Problem: `endpoint_not_found`.
        """
        found = (await self.find(tenant, endpoint_id)).endpoint
        await self._store.carry(remove(ENDPOINTS, found))
        self.changed()
        await self._cancel(endpoint_id)
        while await self._store.carry(_drop_lanes(endpoint_id)):
            pass
        await self._store.carry(remove(CONDITIONS, Condition(endpoint_id)))
        return found

    async def pause(self, tenant: str, endpoint_id: str) -> Endpoint:
        """Return the endpoint paused: what is for it is held.

        Raises:
            Problem: `endpoint_not_found`.
        """

        def paused(one: Endpoint) -> Endpoint:
            if one.state == "disabled":
                return one
            return replace(one, state="paused", reason="somebody paused it")

        return await self._rewrite(tenant, endpoint_id, paused)

    async def enable(self, tenant: str, endpoint_id: str, resume: Resume) -> Endpoint:
        """Return the endpoint enabled.

        Args:
            tenant: Whose.
            endpoint_id: Which.
            resume: What becomes of what was held: `all` is delivered; of `latest`, only the newest
                change of each customer and model; `none` is canceled.

        Raises:
            Problem: `endpoint_not_found`.
        """
        standing = await self.find(tenant, endpoint_id)
        if standing.endpoint.state != "enabled":
            if resume == "none":
                await self._cancel(endpoint_id)
            elif resume == "latest":
                await self._keep_latest(endpoint_id)
            fresh = Condition(
                endpoint_id,
                delivered=standing.condition.delivered,
                failed=standing.condition.failed,
                delivered_at=standing.condition.delivered_at,
                failed_at=standing.condition.failed_at,
            )
            await self._store.carry(put(CONDITIONS, fresh))
        return await self._rewrite(
            tenant, endpoint_id, lambda one: replace(one, state="enabled", reason="")
        )

    async def rotate(
        self, tenant: str, endpoint_id: str, secret: str | None, overlap: int
    ) -> tuple[Endpoint, str]:
        """Return the endpoint and its new secret; the one before signs as well for *overlap*.

        Raises:
            Problem: `endpoint_not_found`; `validation_failed` for what is no secret.
        """
        text, now = self._secret(secret), self._clock.now()

        def rotated(one: Endpoint) -> Endpoint:
            newest, *older = secrets_of(one.secrets)
            former = [Secret(newest.text, now + overlap), *older] if overlap else []
            live = [each for each in former if each.until is not None and each.until > now]
            return replace(one, secrets=secrets_text([Secret(text), *live][:SECRETS_MAX]))

        return await self._rewrite(tenant, endpoint_id, rotated), text

    async def test(self, tenant: str, endpoint_id: str, message_type: str) -> tuple[Told, Outcome]:
        """Send a sample now, whatever the state of the endpoint, and return how it went.

        Raises:
            Problem: `endpoint_not_found`; `validation_failed` where it must not be sent to.
        """
        standing = await self.find(tenant, endpoint_id)
        await self._check_url(standing.terms.url)
        now = self._clock.now()
        told = sample_of(message_type, tenant, now, self._randomness.token(12).hex())
        signers = Signers(self._store, self._clock)
        await signers.renew()
        post = Post(told.message(now), standing.terms)
        message = post.message(signers.of(standing.endpoint, standing.terms, now), 1, now)
        seconds = standing.terms.timeout_seconds
        return told, await send(self._client, message, timeout_seconds=seconds, now=now)

    # ------------------------------------------------------------ checks

    async def _check(self, terms: Terms) -> None:
        places = places_in(terms)
        if places:
            raise invalid(places)
        await self._check_url(terms.url)
        if terms.handshake:
            refusal = await refusal_of_receiver(self._client, terms, self._origin)
            if refusal is not None:
                raise invalid([Place("/url", "handshake_refused", refusal)])

    async def _check_url(self, url: str) -> None:
        try:
            await check_target(url, self._guard, self._look_up)
        except TargetError as error:
            raise invalid([Place("/url", error.code, str(error))]) from None
        except OSError as error:
            message = f"expected a host that can be looked up: {error}"
            raise invalid([Place("/url", "dns_error", message)]) from None

    def _secret(self, given: str | None) -> str:
        if given is None:
            return SharedSecret(self._randomness.token(_SECRET_OCTETS)).text
        try:
            return SharedSecret.parse(given).text
        except SecretError as error:
            raise invalid([Place("/secret", "bad_secret", str(error))]) from None

    # ------------------------------------------------------------ writes

    async def _rewrite(
        self,
        tenant: str,
        endpoint_id: str,
        make: Callable[[Endpoint], Endpoint],
        *,
        expected: int | None = None,
    ) -> Endpoint:
        now = self._clock.now()

        def write() -> Script[Endpoint]:
            found = yield from entry(ENDPOINTS, tenant, endpoint_id)
            if found is None:
                raise Problem("endpoint_not_found", f"there is no endpoint {endpoint_id[:60]!a}")
            if expected is not None and found.version != expected:
                message = f"endpoint {endpoint_id}: expected version {expected}"
                raise Problem("precondition_failed", f"{message}, found {found.version}")
            made = replace(make(found), version=found.version + 1, updated_at=now)
            yield from put(ENDPOINTS, made)
            return made

        made = await self._store.carry(write())
        self.changed()
        return made

    async def _cancel(self, endpoint_id: str) -> None:
        now = self._clock.now()

        def page() -> Script[bool]:
            rows = yield from ask(AskEntries(WAITING, (endpoint_id,), limit=AT_ONCE))
            yield from close([WAITING.value(row) for row in rows], "canceled", now)
            return len(rows) == AT_ONCE

        while await self._store.carry(page()):
            pass

    async def _keep_latest(self, endpoint_id: str) -> None:
        """Supersede every change that a newer one of the same customer and model follows."""
        now, after = self._clock.now(), ("", 0)
        newest: dict[tuple[str, str], Waiting] = {}

        def page() -> Script[Sequence[Waiting]]:
            asked = AskEntries(WAITING, (endpoint_id,), after=after, limit=AT_ONCE)
            rows = yield from ask(asked)
            found = [WAITING.value(row) for row in rows]
            older: list[Waiting] = []
            for one in found:
                before = newest.get((one.lane, one.group)) if one.group else None
                older += [] if before is None else [before]
                newest[one.lane, one.group] = one
            yield from close(older, "superseded", now)
            return found

        while found := await self._store.carry(page()):
            after = (found[-1].lane, found[-1].number)
            last = found[-1].lane
            newest = {key: one for key, one in newest.items() if key[0] == last}


def _drop_lanes(endpoint_id: str) -> Script[bool]:
    rows = yield from ask(AskEntries(LANES, (endpoint_id,), limit=AT_ONCE))
    yield from put_lanes([LANES.value(row) for row in rows], ())
    return len(rows) == AT_ONCE
