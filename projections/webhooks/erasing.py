"""What webhooks have of an erased person: taken away, once whoever asked has been told.

A message to a person's lane has the name in it, and so have its deliveries; they go as a whole. The
message that says who was erased is the last to go: its receivers are to forget that name as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from projections.asking import Script, ask
from projections.registers.erasure import UNFINISHED, Unfinished
from projections.registers.register import AskEntries, firsts, put, remove
from projections.webhooks.lanes import Parcel, enqueue, put_lanes
from projections.webhooks.rows import (
    ATTEMPTS,
    DELIVERIES,
    LANES,
    MESSAGE_IDS,
    MESSAGES,
    WAITING,
    Delivery,
    MessageId,
)

PAGE = 500
_ATTEMPTS_MAX = 1_000


def tell_and_forget(one: Unfinished, parcels: Sequence[Parcel], now: int) -> Script[None]:
    """Forget what was told of whom *one* names, and put in *parcels*, which say that he is erased.

    Does nothing where that has been done.
    """
    known = yield from firsts(UNFINISHED, [(one.tenant, one.position)])
    if not known or known[0].is_told:
        return
    yield from _forget(one)
    yield from enqueue(parcels, now)
    yield from put(UNFINISHED, replace(one, is_told=1))


def forget_at_last(one: Unfinished, *, whatever: bool) -> Script[bool]:
    """Forget the rest, unless somebody is still to be told; return whether it is done.

    *whatever* waits is given up.
    """
    for name in one.every_name:
        waits = (("customer", name), ("status", "pending"))
        asked = AskEntries(DELIVERIES, (one.tenant,), limit=1, equal=waits)
        if not whatever and (yield from ask(asked)):
            return False
    yield from _forget(one)
    yield from remove(UNFINISHED, one)
    return True


def _forget(one: Unfinished) -> Script[None]:
    """Remove every delivery and message of the person's lanes, and what waits there."""
    for name in one.every_name:
        while True:
            asked = AskEntries(DELIVERIES, (one.tenant,), limit=PAGE, equal=(("customer", name),))
            found = [DELIVERIES.value(row) for row in (yield from ask(asked))]
            if not found:
                break
            yield from _remove(found)


def _remove(deliveries: Sequence[Delivery]) -> Script[None]:
    keys = [(one.tenant, one.number) for one in deliveries]
    attempts = yield from firsts(ATTEMPTS, keys, each=_ATTEMPTS_MAX)
    if attempts:
        yield from remove(ATTEMPTS, *attempts)
    lines = [(one.endpoint, one.lane, one.number) for one in deliveries]
    waiting = yield from firsts(WAITING, lines)
    if waiting:
        yield from remove(WAITING, *waiting)
    lanes = yield from firsts(LANES, list(dict.fromkeys(line[:2] for line in lines)))
    yield from put_lanes(lanes, ())
    messages = list(dict.fromkeys((one.tenant, one.message) for one in deliveries))
    stored = yield from firsts(MESSAGES, messages)
    if stored:
        yield from remove(MESSAGES, *stored)
        yield from remove(MESSAGE_IDS, *(MessageId(m.tenant, m.id, m.number) for m in stored))
    yield from remove(DELIVERIES, *deliveries)
