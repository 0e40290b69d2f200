"""Lanes: what waits for an endpoint, in order per customer, taken up and settled under a lease.

Every function here is a script over registers, run by `Store.carry`: one transaction, and of all
processes one at a time. So what it reads is what it changes. An attempt is made between two of
them, without one; the lease that `claim` gives and `settle` asks for keeps a process that was
taken for dead from writing over what others have done since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, zip_longest
from types import MappingProxyType

from projections.asking import Script
from projections.registers.register import entry, firsts, put, remove
from projections.webhooks.counting import count_on
from projections.webhooks.rows import (
    ATTEMPTS,
    CONDITIONS,
    DELIVERIES,
    DUE,
    LANES,
    MESSAGE_IDS,
    MESSAGES,
    WAITING,
    Attempt,
    Condition,
    Delivery,
    Due,
    Lane,
    Message,
    MessageId,
    Waiting,
)

CLAIMED_MAX = 1_000
"""So many are taken up at once where nobody says otherwise."""

NO_HOSTS: Mapping[str, int] = MappingProxyType({})

LATEST_LOOKED_AT = 100
"""So many deliveries of a lane are looked through for newer ones at once."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message for an endpoint, before either has a number.

    Attributes:
        message: Its number may be anything; its id says which it is.
        is_ordered: Whether it waits for those before it of the same customer.
        cause: Why it is sent; see `Delivery.cause`.
    """

    endpoint: str
    message: Message
    is_ordered: bool = True
    cause: str = "event"


@dataclass(frozen=True, slots=True)
class Room:
    """How many deliveries an endpoint may be given now.

    Attributes:
        is_latest: Whether only the newest matter.
        host: Where it is: endpoints at one host share what that may be given.
    """

    endpoint: str
    count: int
    is_latest: bool = False
    host: str = ""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery to be attempted now, its lane and the lease on it."""

    delivery: Delivery
    message: Message
    lane: Lane


@dataclass(frozen=True, slots=True)
class Settled:
    """How an attempt went: the delivery as it stands now, and the attempt itself."""

    claimed: Claimed
    delivery: Delivery
    attempt: Attempt | None = None


# ---------------------------------------------------------------- putting in


def enqueue(parcels: Sequence[Parcel], now: int) -> Script[list[Delivery]]:
    """Write *parcels* to the ends of their lanes; messages that are known keep their numbers."""
    if not parcels:
        return []
    messages = yield from known_or_new([parcel.message for parcel in parcels])
    found: list[Delivery] = []
    for tenant in dict.fromkeys(parcel.message.tenant for parcel in parcels):
        ours = [parcel for parcel in parcels if parcel.message.tenant == tenant]
        number = yield from count_on(f"deliveries:{tenant}", len(ours))
        for at, parcel in enumerate(ours, start=number + 1):
            message = messages[tenant, parcel.message.id]
            found.append(_delivery(parcel, message, at, now))
    yield from put(DELIVERIES, *found)
    yield from let_wait(found, now)
    return found


def _delivery(parcel: Parcel, message: Message, number: int, now: int) -> Delivery:
    return Delivery(
        tenant=message.tenant,
        number=number,
        endpoint=parcel.endpoint,
        message=message.number,
        message_id=message.id,
        type=message.type,
        lane=message.lane if parcel.is_ordered else f"#{number}",
        customer=message.lane,
        model=message.model,
        status="pending",
        attempts=0,
        created_at=now,
        cause=parcel.cause,
    )


def known_or_new(offered: Sequence[Message]) -> Script[dict[tuple[str, str], Message]]:
    """Return the messages by tenant and id, those numbered and stored that were not before."""
    by_id = {(message.tenant, message.id): message for message in offered}
    known = yield from firsts(MESSAGE_IDS, list(by_id))
    stored = yield from firsts(MESSAGES, [(one.tenant, one.number) for one in known])
    found = {(message.tenant, message.id): message for message in stored}
    new: list[Message] = []
    for tenant in dict.fromkeys(tenant for tenant, _ in by_id):
        missing = [each for key, each in by_id.items() if key[0] == tenant and key not in found]
        number = yield from count_on(f"messages:{tenant}", len(missing))
        new += [replace(each, number=at) for at, each in enumerate(missing, start=number + 1)]
    if new:
        yield from put(MESSAGES, *new)
        yield from put(MESSAGE_IDS, *(MessageId(one.tenant, one.id, one.number) for one in new))
    return found | {(message.tenant, message.id): message for message in new}


def let_wait(deliveries: Sequence[Delivery], now: int) -> Script[None]:
    """Let *deliveries* wait in their lanes; a lane that has nothing to wait for is due at once."""
    if not deliveries:
        return
    yield from put(WAITING, *map(_waiting, deliveries))
    keys = list(dict.fromkeys((one.endpoint, one.lane) for one in deliveries))
    known = yield from firsts(LANES, keys)
    open_already = {(lane.endpoint, lane.lane) for lane in known}
    opened = [Lane(*key, next_at=now, lease=0) for key in keys if key not in open_already]
    yield from put_lanes((), opened)


def _waiting(one: Delivery) -> Waiting:
    group = one.model if one.type == "customer.stage.changed" else ""
    return Waiting(one.endpoint, one.lane, one.number, one.tenant, group)


def put_lanes(old: Iterable[Lane], new: Iterable[Lane]) -> Script[None]:
    """Write *new* in place of *old*, in both registers of lanes; old ones without a new one go."""
    former, coming = list(old), list(new)
    kept = {(lane.endpoint, lane.lane) for lane in coming}
    gone = [lane for lane in former if (lane.endpoint, lane.lane) not in kept]
    if former:
        yield from remove(DUE, *map(_due, former))
    if gone:
        yield from remove(LANES, *gone)
    if coming:
        yield from put(LANES, *coming)
        yield from put(DUE, *map(_due, coming))


def _due(lane: Lane) -> Due:
    return Due(lane.endpoint, lane.next_at, lane.lane)


# ---------------------------------------------------------------- taking up


def is_due(rooms: Sequence[Room], now: int) -> Script[bool]:
    """Return whether any endpoint with room has something to be attempted by *now*."""
    found = yield from firsts(DUE, [(room.endpoint,) for room in rooms if room.count > 0])
    return any(one.next_at <= now for one in found)


def claim(
    rooms: Sequence[Room],
    *,
    now: int,
    lease: int,
    until: int,
    most: int = CLAIMED_MAX,
    hosts: Mapping[str, int] = NO_HOSTS,
) -> Script[list[Claimed]]:
    """Take up the heads of the lanes that have been due for longest, as many as there is room for.

    Args:
        rooms: Endpoints that may be sent to.
        now: The present instant.
        lease: What the caller shows when it settles.
        until: When others may take the same lanes up.
        most: How many in all; where more are due, endpoints take turns.
        hosts: How many more each host may be given; any number where it is not named.
    """
    lanes = yield from _due_lanes(rooms, most, hosts, now)
    if not lanes:
        return []
    latest = {room.endpoint for room in rooms if room.is_latest}
    heads = yield from _heads(lanes, latest, now)
    taken = [lane for lane in lanes if (lane.endpoint, lane.lane) in heads]
    leased = [replace(lane, next_at=until, lease=lease) for lane in taken]
    yield from put_lanes(lanes, leased)
    return (yield from _claimed(leased, heads))


def _due_lanes(
    rooms: Sequence[Room], most: int, hosts: Mapping[str, int], now: int
) -> Script[list[Lane]]:
    counts = {room.endpoint: min(room.count, most) for room in rooms if min(room.count, most) > 0}
    if not counts:
        return []
    rows = yield from firsts(DUE, [(name,) for name in counts], each=max(counts.values()))
    lines: dict[str, list[Due]] = {}  # the endpoint first that has waited for longest
    for one in sorted(rows, key=lambda one: (one.next_at, one.lane)):
        if one.next_at <= now:
            line = lines.setdefault(one.endpoint, [])
            if len(line) < counts[one.endpoint]:
                line.append(one)
    turns = (one for turn in zip_longest(*lines.values()) for one in turn if one is not None)
    chosen = islice(_bearable(turns, {room.endpoint: room.host for room in rooms}, hosts), most)
    return (yield from firsts(LANES, [(one.endpoint, one.lane) for one in chosen]))


def _bearable(
    due: Iterable[Due], host_of: Mapping[str, str], hosts: Mapping[str, int]
) -> Iterator[Due]:
    """Yield as many of *due* as each host may be given."""
    left = dict(hosts)
    for one in due:
        host = host_of[one.endpoint]
        if left.get(host, 1) > 0:
            if host in left:
                left[host] -= 1
            yield one


def _heads(
    lanes: Sequence[Lane], latest: set[str], now: int
) -> Script[dict[tuple[str, str], Waiting]]:
    """Return the head of each lane, if anything waits in it; what is superseded waits no more."""
    plain = [(lane.endpoint, lane.lane) for lane in lanes if lane.endpoint not in latest]
    thorough = [(lane.endpoint, lane.lane) for lane in lanes if lane.endpoint in latest]
    first = yield from firsts(WAITING, plain)
    heads = {(one.endpoint, one.lane): one for one in first}
    several = yield from firsts(WAITING, thorough, each=LATEST_LOOKED_AT)
    by_lane: dict[tuple[str, str], list[Waiting]] = {}
    for one in several:
        by_lane.setdefault((one.endpoint, one.lane), []).append(one)
    superseded: list[Waiting] = []
    for key, line in by_lane.items():
        newest = {one.group: one.number for one in line}
        keeps = [one for one in line if not one.group or newest[one.group] == one.number]
        superseded += [one for one in line if one not in keeps]
        heads[key] = keeps[0]
    yield from close(superseded, "superseded", now)
    return heads


def close(waiting: Sequence[Waiting], status: str, now: int) -> Script[None]:
    """Let what waits do so no longer, its deliveries ended by *status*."""
    if not waiting:
        return
    yield from remove(WAITING, *waiting)
    found = yield from firsts(DELIVERIES, [(one.tenant, one.number) for one in waiting])
    ended = [replace(one, status=status, next_at=None, last_at=now) for one in found]
    if ended:
        yield from put(DELIVERIES, *ended)


def _claimed(
    lanes: Sequence[Lane], heads: Mapping[tuple[str, str], Waiting]
) -> Script[list[Claimed]]:
    keys = [(one.tenant, one.number) for one in heads.values()]
    deliveries = yield from firsts(DELIVERIES, keys)
    by_lane = {(one.endpoint, one.lane): one for one in deliveries}
    wanted = dict.fromkeys((one.tenant, one.message) for one in deliveries)
    stored = yield from firsts(MESSAGES, list(wanted))
    messages = {(one.tenant, one.number): one for one in stored}
    found: list[Claimed] = []
    for lane in lanes:
        one = by_lane[lane.endpoint, lane.lane]
        found.append(Claimed(one, messages[one.tenant, one.message], lane))
    return found


# ---------------------------------------------------------------- settling


def settle(
    results: Sequence[Settled], conditions: Sequence[Condition], now: int
) -> Script[list[Settled]]:
    """Write down how attempts went and let their lanes go on; return what counted.

    What somebody else has taken up since is left to him: the same message then goes out again.
    """
    if conditions:
        yield from put(CONDITIONS, *conditions)
    held = yield from _still_held([one.claimed.lane for one in results])
    ours = [one for one in results if (one.claimed.lane.endpoint, one.claimed.lane.lane) in held]
    if not ours:
        return []
    ended = [_waiting(one.delivery) for one in ours if one.delivery.status != "pending"]
    if ended:
        yield from remove(WAITING, *ended)
    yield from put(DELIVERIES, *(one.delivery for one in ours))
    attempts = [one.attempt for one in ours if one.attempt is not None]
    if attempts:
        yield from put(ATTEMPTS, *attempts)
    yield from _go_on(ours, held, now)
    return ours


def _still_held(lanes: Sequence[Lane]) -> Script[dict[tuple[str, str], Lane]]:
    """Return those of *lanes*, as they are stored, whose lease is still the caller's."""
    leases = {(lane.endpoint, lane.lane): lane.lease for lane in lanes}
    stored = yield from firsts(LANES, list(leases))
    return {
        (lane.endpoint, lane.lane): lane
        for lane in stored
        if lane.lease == leases[lane.endpoint, lane.lane]
    }


def _go_on(
    settled: Sequence[Settled], held: Mapping[tuple[str, str], Lane], now: int
) -> Script[None]:
    keys = [(one.delivery.endpoint, one.delivery.lane) for one in settled]
    heads = yield from firsts(WAITING, keys)
    has_head = {(one.endpoint, one.lane) for one in heads}
    coming = []
    for key, one in zip(keys, settled, strict=True):
        if key in has_head:
            waits = one.delivery.status == "pending" and one.delivery.next_at is not None
            at = one.delivery.next_at if waits else now
            coming.append(replace(held[key], next_at=now if at is None else at, lease=0))
    yield from put_lanes([held[key] for key in keys], coming)


def renew(lanes: Sequence[Lane], until: int) -> Script[list[Lane]]:
    """Keep *lanes* from others until then, as far as they are still the caller's."""
    held = yield from _still_held(lanes)
    kept = [replace(lane, next_at=until) for lane in held.values()]
    yield from put_lanes(held.values(), kept)
    return kept


def release(lanes: Sequence[Lane], now: int) -> Script[None]:
    """Let others take *lanes* up at once: nothing became of them."""
    held = yield from _still_held(lanes)
    freed = [replace(lane, next_at=now, lease=0) for lane in held.values()]
    yield from put_lanes(held.values(), freed)


def hasten(endpoint: str, lane: str, now: int) -> Script[None]:
    """Let a lane be looked at now, unless somebody works on its head."""
    found = yield from entry(LANES, endpoint, lane)
    if found is not None and not found.lease:
        yield from put_lanes([found], [replace(found, next_at=now)])
