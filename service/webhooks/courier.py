"""The courier: takes up what is due, attempts it, and writes down how it went.

One transaction does all bookkeeping of a moment: what has ended is settled, what takes long is kept
from others, and what is due is taken up, as much as each endpoint has room for. Between two of them
attempts run side by side. So one endpoint that hangs holds its own few places and nothing else, and
a process that dies leaves leases that run out.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from domain.instants import SECOND
from projections.asking import EVERYBODY, Script
from projections.registers.register import entries
from projections.webhooks.lanes import Claimed, Room, claim, is_due, release, renew, settle
from projections.webhooks.rows import CONDITIONS, ENDPOINTS, Condition, Endpoint, Lane
from service.leases import Leases
from service.ports import Clock, Randomness, Store
from service.webhooks.breaker import Breaker
from service.webhooks.figures import HookFigures
from service.webhooks.outcomes import Ended, conclusion
from service.webhooks.pace import Pace
from service.webhooks.posting import Post, Signers
from service.webhooks.sending import send
from service.webhooks.targets import host_of
from service.webhooks.terms import Terms, terms_of
from service.webhooks.transport import GuardedClient

LEASE_NAME = "webhooks"
LEASE_SECONDS = 15.0
RENEWED_BELOW = 0.6
"""A lease is renewed when less than this part of it is left."""

LOOK_AGAIN_SECONDS = 0.5
KNOWN_SECONDS = 1.0
IN_FLIGHT_MAX = 200
HOST_IN_FLIGHT_MAX = 50
CLOSING_SECONDS = 5.0

_log = structlog.get_logger("stagefold.webhooks")


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint as the courier needs it."""

    endpoint: Endpoint
    terms: Terms
    host: str

    @classmethod
    def of(cls, endpoint: Endpoint) -> Target:
        """Return *endpoint* with its terms read."""
        terms = terms_of(endpoint.terms)
        return cls(endpoint, terms, host_of(terms.url))


class Courier:
    """Delivers for all endpoints; whoever runs it decides when."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        randomness: Randomness,
        client: GuardedClient,
        leases: Leases,
        *,
        figures: HookFigures | None = None,
        lease_seconds: float = LEASE_SECONDS,
        in_flight_max: int = IN_FLIGHT_MAX,
        host_in_flight_max: int = HOST_IN_FLIGHT_MAX,
    ) -> None:
        """Take from *store*, send by *client*; nothing is begun yet."""
        self._store = store
        self._clock = clock
        self._randomness = randomness
        self._client = client
        self._leases = leases
        self._figures = figures or HookFigures(store, clock)
        self._lease = round(lease_seconds * SECOND)
        self._in_flight_max = in_flight_max
        self._host_in_flight_max = host_in_flight_max
        self._targets: dict[str, Target] = {}
        self._breakers: dict[str, Breaker] = {}
        self._conditions: dict[str, Condition] = {}
        self._paces: dict[str, Pace] = {}
        self._flying: dict[Lane, asyncio.Task[None]] = {}
        self._current: dict[tuple[str, str], Lane] = {}
        self._ended: list[Ended] = []
        self._wake = asyncio.Event()
        self._known_at = -KNOWN_SECONDS
        self._held_at = -KNOWN_SECONDS
        self._is_ours = False
        self._signers = Signers(store, clock)

    def wake(self) -> None:
        """Say that something may be due, or that endpoints have changed; inside the loop."""
        self._known_at = -KNOWN_SECONDS
        self._wake.set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way and everything that has ended is written down."""
        return not self._current and not self._ended

    def may_send(self, endpoint_id: str) -> bool:
        """Return whether the endpoint is not left alone at present."""
        breaker = self._breakers.get(endpoint_id, Breaker())
        return breaker.condition(self._clock.now()) != "open"

    async def round(self) -> bool:
        """Do the bookkeeping of the moment, begin what was taken up, and wait for more to do.

        Raises:
            StoreUnavailable: The database cannot write now; what has ended is kept for later.
        """
        self._wake.clear()
        if not await self._is_held():
            await self._woken()
            return True
        await self._know()
        claimed = await self._keep_books()
        for one in claimed:
            self._begin(one)
        if not claimed and not self._ended:
            await self._woken()
        return True

    async def close(self) -> None:
        """Let what is under way end, for a few seconds; give back the rest.

        Raises:
            StoreUnavailable: The database cannot write now; the leases will run out.
        """
        if self._flying:
            await asyncio.wait(list(self._flying.values()), timeout=CLOSING_SECONDS)
        abandoned = list(self._flying)
        for task in self._flying.values():
            task.cancel()
        await asyncio.gather(*self._flying.values(), return_exceptions=True)
        self._flying.clear()
        now = self._clock.now()
        if self._ended:
            ended = tuple(self._ended)
            await self._settle_and_claim(ended, self._judge(ended), ([], {}), now)
        if abandoned:
            lanes = [self._current[lane.endpoint, lane.lane] for lane in abandoned]
            await self._store.carry(release(lanes, now))
        await self._client.close()

    # ------------------------------------------------------------ what is known

    async def _is_held(self) -> bool:
        """Tell whether this process delivers; asked of the database about once a second."""
        now = asyncio.get_running_loop().time()
        if now - self._held_at >= KNOWN_SECONDS:
            was = self._is_ours
            self._is_ours = await self._leases.hold(LEASE_NAME)
            self._held_at = now
            if self._is_ours and not was:  # another one may have written meanwhile
                self._conditions.clear()
                self._breakers.clear()
        return self._is_ours

    async def _know(self) -> None:
        """Learn which endpoints there are, about once a second."""
        now = asyncio.get_running_loop().time()
        if now - self._known_at < KNOWN_SECONDS:
            return
        self._known_at = now
        found = await self._store.look(entries(ENDPOINTS), of=EVERYBODY)
        self._targets = {one.id: Target.of(one) for one in found if one.state == "enabled"}
        for condition in await self._store.look(entries(CONDITIONS), of=EVERYBODY):
            if condition.endpoint not in self._conditions:
                self._remember(condition)
        await self._signers.renew()

    def _remember(self, condition: Condition) -> None:
        self._conditions[condition.endpoint] = condition
        self._breakers[condition.endpoint] = Breaker(
            condition.failures, condition.failing_since, condition.rests, condition.until
        )

    # ------------------------------------------------------------ bookkeeping

    async def _keep_books(self) -> Sequence[Claimed]:
        if not (self._targets or self._current or self._ended):
            return []
        now = self._clock.now()
        ended = tuple(self._ended)
        conditions = self._judge(ended)
        flying = self._flying_to(ended)
        rooms = self._rooms(flying, now)
        old = [
            lane
            for lane in self._current.values()
            if lane.next_at - now < self._lease * RENEWED_BELOW
        ]
        if not ended and not old and not await self._store.look(is_due(rooms, now), of=EVERYBODY):
            return []
        if old:
            for lane in await self._store.carry(renew(old, now + self._lease)):
                self._current[lane.endpoint, lane.lane] = lane
        hosts = self._hosts(flying)
        return await self._settle_and_claim(ended, conditions, (rooms, hosts), now)

    async def _settle_and_claim(
        self,
        ended: Sequence[Ended],
        conditions: Mapping[str, Condition],
        places: tuple[Sequence[Room], Mapping[str, int]],
        now: int,
    ) -> Sequence[Claimed]:
        lease = 1 + int.from_bytes(self._randomness.token(7), "big")
        results = [one.settled for one in ended]
        disabled = [one for one in ended if one.is_disabling]
        most = self._in_flight_max - len(self._current) + len(ended)

        def work() -> Script[list[Claimed]]:
            counted = yield from settle(results, list(conditions.values()), now)
            yield from conclusion(counted, disabled, self._hopeless(conditions, now), now)
            until = now + self._lease
            rooms, hosts = places
            taking = claim(rooms, now=now, lease=lease, until=until, most=most, hosts=hosts)
            return (yield from taking)

        claimed = await self._store.carry(work())
        del self._ended[: len(ended)]
        for one in ended:
            lane = one.settled.claimed.lane
            self._current.pop((lane.endpoint, lane.lane), None)
        self._conditions |= conditions
        if disabled or any(self._breakers[each].is_hopeless(now) for each in conditions):
            self._known_at = -KNOWN_SECONDS
        return claimed

    def _hopeless(self, conditions: Mapping[str, Condition], now: int) -> list[str]:
        return [each for each in conditions if self._breakers[each].is_hopeless(now)]

    def _judge(self, ended: Sequence[Ended]) -> dict[str, Condition]:
        """Return how the endpoints fare after what has ended, their breakers among it."""
        found: dict[str, Condition] = {}
        for one in ended:
            endpoint = one.settled.delivery.endpoint
            condition = found.get(endpoint) or self._conditions.get(endpoint, Condition(endpoint))
            if not one.is_judged:
                breaker = self._breakers.get(endpoint, Breaker())
                rests, breaker = breaker.rests, one.judge(breaker)
                self._breakers[endpoint] = breaker
                if breaker.rests > rests:
                    self._figures.opened()
                one.is_judged = True
            breaker = self._breakers[endpoint]
            taken = one.outcome.verdict == "delivered"
            found[endpoint] = replace(
                condition,
                failures=breaker.failures,
                failing_since=breaker.failing_since,
                rests=breaker.rests,
                until=breaker.until,
                delivered=condition.delivered + taken,
                failed=condition.failed + (not taken),
                delivered_at=one.ended_at if taken else condition.delivered_at,
                failed_at=condition.failed_at if taken else one.ended_at,
            )
        return found

    def _flying_to(self, ended: Sequence[Ended]) -> Counter[str]:
        """Return how many are under way to each endpoint; what has ended makes room."""
        flying = Counter(endpoint for endpoint, _ in self._current)
        flying.subtract(one.settled.delivery.endpoint for one in ended)
        return flying

    def _rooms(self, flying: Counter[str], now: int) -> list[Room]:
        """Return how many each endpoint may be given now."""
        rooms = (
            Room(
                name,
                self._room(target, flying[name], now),
                is_latest=target.terms.on_backlog == "latest",
                host=target.host,
            )
            for name, target in self._targets.items()
        )
        return [room for room in rooms if room.count > 0]

    def _hosts(self, flying: Counter[str]) -> dict[str, int]:
        """Return how many more each host may be given."""
        hosts = {target.host: self._host_in_flight_max for target in self._targets.values()}
        for name, target in self._targets.items():
            hosts[target.host] -= flying[name]
        return hosts

    def _room(self, target: Target, flying: int, now: int) -> int:
        condition = self._breakers.get(target.endpoint.id, Breaker()).condition(now)
        if condition == "open":
            return 0
        if condition == "half_open":
            return 0 if flying else 1
        free = max(0, target.terms.max_in_flight - flying)
        if not target.terms.per_second:
            return free
        pace = self._paces.setdefault(target.endpoint.id, Pace(now))
        return min(free, pace.room(target.terms.per_second, now))

    # ------------------------------------------------------------ attempts

    def _begin(self, claimed: Claimed) -> None:
        lane = claimed.lane
        self._current[lane.endpoint, lane.lane] = lane
        target = self._targets[lane.endpoint]
        if target.terms.per_second:
            self._paces.setdefault(lane.endpoint, Pace(claimed.lane.next_at)).take()
        task = asyncio.create_task(self._attempt(claimed, target))
        self._flying[lane] = task
        task.add_done_callback(lambda done: self._landed(lane, done))

    def _landed(self, lane: Lane, task: asyncio.Task[None]) -> None:
        """Note that an attempt is over; one that broke off is made again when its lease ends."""
        self._flying.pop(lane, None)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._current.pop((lane.endpoint, lane.lane), None)
            _log.error("webhook_attempt_broke_off", endpoint=lane.endpoint, exc_info=error)

    async def _attempt(self, claimed: Claimed, target: Target) -> None:
        begun = self._clock.now()
        post = Post(claimed.message, target.terms)
        signers = self._signers.of(target.endpoint, target.terms, begun)
        message = post.message(signers, claimed.delivery.attempts + 1, begun)
        outcome = await send(
            self._client, message, timeout_seconds=target.terms.timeout_seconds, now=begun
        )
        self._figures.attempted(outcome.failure)
        chance = int.from_bytes(self._randomness.token(4), "big") / 2**32
        self._ended.append(Ended.of(claimed, outcome, begun, self._clock.now(), chance=chance))
        self._wake.set()

    async def _woken(self) -> None:
        try:
            async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return
