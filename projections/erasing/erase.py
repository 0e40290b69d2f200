"""Erasing: a person taken out of the log, out of every projection, and out of what stands beside.

One transaction does all of it. *Anonymise* takes names and texts and keeps what models read, so
that every stage and count stays; that is proved before anything lasts, by folding what is left.
*Purge* takes that as well, and the person out of every projection. `docs/erasure.md` tells both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.events import ERASE
from domain.facts import Facts
from projections.asking import Ref, Script, ask
from projections.erasing.persons import Person, know_others, meet
from projections.erasing.retelling import rewrite_texts, take_out, tell_alike
from projections.events.log import SubjectKey
from projections.events.payloads import content_number
from projections.folding.folder import Folder
from projections.registers.erasure import (
    ERASED_BUCKETS,
    ERASED_EVENTS,
    ERASED_KEYS,
    ERASURES,
    OPENINGS,
    UNFINISHED,
    ErasedBucket,
    ErasedEvent,
    ErasedKey,
    Erasure,
    ErasureRefused,
    Opening,
    Order,
    Unfinished,
    event_id_at,
    key_digest,
    payload_left,
)
from projections.registers.register import put, remove
from projections.rows.changes import Changes, ErasedRows, LogRows
from projections.rows.questions import (
    AskHead,
    AskKeys,
    EventKey,
    WriteChanges,
    WriteErased,
    WriteLog,
)
from projections.rows.records import Projection
from projections.safekeeping.seals import SEALABLE_COLUMNS, private_digest

SOURCE = "stagefold"


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an erasure goes by.

    Attributes:
        projections: Generations that are kept level.
        generations: All that may have records.
        facts: What any version that ever told of this tenant's subjects reads.
    """

    projections: Sequence[Projection]
    generations: Sequence[int]
    facts: Facts
    now: int


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did.

    Attributes:
        names: As answers showed them, the canonical one first.
        token: The name that stands in place of the canonical one.
        kept: What was kept of properties and traits, as conditions spell it.
        left: Model and stage of each place that the person left by a purge.
        accounts: How many accounts were told again.
        refs: Where the rows of the names are.
        event_ids: Which ids took the place of which.
    """

    erasure: Erasure
    names: tuple[str, ...]
    token: str
    kept: tuple[str, ...]
    left: tuple[tuple[str, str], ...]
    accounts: int
    refs: tuple[Ref, ...]
    event_ids: Mapping[str, str] = field(repr=False)


def erase(grounds: Grounds, order: Order) -> Script[Erased]:
    """Erase whom *order* names, where projections are level with the log.

    Raises:
        ErasureRefused: Nobody is there, is erased already, or cannot be anonymised.
    """
    person = yield from meet(order)
    is_kept = order.mode == "anonymise"
    if is_kept and grounds.facts.is_everything:
        raise ErasureRefused(
            "cannot_anonymise",
            "a model reads all properties or all traits as a whole, so nothing of them can go;"
            " let it name those that it reads, or use mode=purge",
        )
    head = yield from ask(AskHead())
    recorded_at = max(grounds.now, head.recorded_at)
    position = head.position + 1
    folder = Folder(Changes(head.feed), grounds.projections, recorded_at)
    if is_kept:
        yield from know_others(person)
    rows = yield from _reduced(person, grounds.facts if is_kept else None)
    left: list[tuple[str, str]] = []
    if is_kept:
        yield from tell_alike(folder, person, rows)
    yield from _write(person, rows)
    yield from ask(WriteLog(_erase_event(person, position, recorded_at)))
    if not is_kept:
        left = yield from take_out(folder, person, position)
    folder.write_profiles()
    yield from ask(WriteChanges(folder.changes))
    yield from rewrite_texts(person, grounds.generations, position)
    erasure = _erasure(person, position, recorded_at)
    token = person.tokens[0]
    names = json.dumps(person.names)
    yield from put(ERASURES, erasure)
    yield from put(
        UNFINISHED, Unfinished(order.tenant, position, names, token, order.mode, recorded_at)
    )
    return Erased(
        erasure,
        names=person.names,
        token=token,
        kept=grounds.facts.names if is_kept else (),
        left=tuple(left),
        accounts=len(person.accounts),
        refs=tuple(person.refs),
        event_ids=person.event_ids,
    )


def shut(erased: Erased) -> Script[None]:
    """Shut the door of the log, which `erase` leaves open for the rest of the transaction."""
    yield from remove(OPENINGS, *(Opening(*ref) for ref in erased.refs))


# ---------------------------------------------------------------- the log


def _reduced(person: Person, facts: Facts | None) -> Script[ErasedRows]:
    """Return the rows of the log without names and texts; *facts* are what stays of payloads."""
    rows = ErasedRows()
    for one in person.events:
        new_id = person.event_ids[one["event_id"]]
        account = None if facts is None else one["account_id"]  # boards of accounts look for it
        left = _payload(person, one, facts)
        rows.events.append((new_id, account, None, left, one["position"]))
        key = (one["bucket"], one["event_id"], one["subject_id"], one["source"])
        rows.keys.append((new_id, 0, *key))
    yield from _reduce_accounts(person, rows, takes_links=facts is None)
    for token, member in zip(person.tokens, person.members, strict=True):
        rows.names.append((token, *member.ref))
    return rows


def _write(person: Person, rows: ErasedRows) -> Script[None]:
    """Write *rows* through the door of the log, and what is still to be known of those before."""
    order = person.order
    digests, keys = [], []
    numbers = {one.ref: number for number, one in enumerate(person.members)}
    for one in person.events:
        salt = one["salt"] or order.salt(numbers[one["bucket"], one["subject_id"]])
        row = tuple(one[name] for name in SEALABLE_COLUMNS)
        digests.append(ErasedEvent(one["position"], private_digest(row, salt)))
        name = SubjectKey(one["kind"], one["name"])
        digest = key_digest(order.tenant, name, one["source"], one["event_id"])
        keys.append(ErasedKey(one["bucket"], digest))
    yield from put(OPENINGS, *(Opening(*ref) for ref in person.refs))
    yield from ask(WriteErased(rows))
    yield from put(ERASED_EVENTS, *digests)
    yield from put(ERASED_KEYS, *keys)
    yield from put(ERASED_BUCKETS, *(ErasedBucket(bucket) for bucket in {k.bucket for k in keys}))


def _payload(person: Person, event: Mapping[str, Any], facts: Facts | None) -> str:
    return payload_left(
        event["payload"],
        event_type=event["type"],
        api_format=event["api_format"],
        facts=facts,
        event_ids={**person.others, **person.event_ids},
    )


def _reduce_accounts(person: Person, rows: ErasedRows, *, takes_links: bool) -> Script[None]:
    """Rename the events in what accounts have of them; or take them away from the accounts."""
    offered: dict[EventKey, dict[str, Any]] = {}
    for one in person.events:
        account = person.accounts.get(one["account_id"])
        if account is not None:
            key = (account.bucket, one["event_id"], account.subject_id, one["source"])
            offered.setdefault(key, one)
    taken = (yield from ask(AskKeys(list(offered)))) if offered else {}
    for key, (position, _) in taken.items():
        one = offered[key]
        if position in person.positions:
            rows.keys.append((person.event_ids[one["event_id"]], 0, *key))
        if takes_links:
            link = next(each for each in person.events if each["position"] == one["position"])
            rows.links.append((key[0], key[2], link["effective_at"], link["position"]))


def _erase_event(person: Person, position: int, recorded_at: int) -> LogRows:
    """Return the rows of the event that says so."""
    rows, root, tenant = LogRows(), person.members[0], person.order.tenant
    event_id = event_id_at(position)
    payload = json.dumps({"properties": {"mode": person.order.mode}}, separators=(",", ":"))
    rows.events.append(
        (
            position,
            *root.ref,
            tenant,
            ERASE,
            event_id,
            SOURCE,
            None,
            recorded_at,
            recorded_at,
            recorded_at,
            0,
            0,
            "native",
            None,
            None,
            payload,
        )
    )
    rows.keys.append(
        (root.bucket, event_id, root.subject_id, SOURCE, position, content_number(payload))
    )
    rows.count_type(tenant, ERASE, recorded_at)
    return rows


def _erasure(person: Person, position: int, recorded_at: int) -> Erasure:
    first = person.events[0] if person.events else {"position": 0, "recorded_at": 0}
    return Erasure(
        tenant=person.order.tenant,
        position=position,
        root_bucket=person.members[0].bucket,
        root_id=person.members[0].subject_id,
        mode=person.order.mode,
        at=recorded_at,
        first=first["position"],
        since=first["recorded_at"],
        names=len(person.members),
        events=len(person.events),
        marks=json.dumps(_marks(person)),
    )


def _marks(person: Person) -> list[tuple[int, int]]:
    firsts: dict[Ref, tuple[int, int]] = {}
    for one in person.events:
        ref = (one["bucket"], one["subject_id"])
        firsts.setdefault(ref, (one["position"], one["recorded_at"]))
    return sorted(firsts.values())
