"""What an erasure leaves: names that name nobody, payloads without a person, and how both are made.

A person is taken out of the log in place, once, and the log stays whole: no position, subject, type
or instant changes. Seals hold, because the digest of what was private is kept and the salt that
went into it is not. An event that is sent again later is known by a digest of its name and id.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Literal, cast
from urllib.parse import unquote

import msgspec

from domain.buckets import bucket_of
from domain.events import ACCOUNT_TRAITS, ALIAS, ERASE, IDENTIFY, STAGE_SET, UNALIAS, VOID
from domain.facts import Facts, reduced
from domain.machine.upcasting import FIRST_VERSION, schema_version
from projections.asking import Ref, Script
from projections.events.log import Companion, SubjectKey
from projections.events.payloads import decoder
from projections.reading.answers import Page
from projections.registers.register import AskEntries, Register, paged

ErasureMode = Literal["anonymise", "purge"]
MODES: Final[tuple[ErasureMode, ...]] = ("anonymise", "purge")

ERASED_PREFIX = "erased:"
"""How the names begin that take the place of erased ones; no producer may send such a name."""

NOTHING_LEFT = "{}"
TOKEN_DIGITS = 24
TRIES_MAX = 1 << 20
"""One in 4096 names falls into a bucket."""

_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_STAGE_FACTS = ("model", "stage")


@dataclass(frozen=True, slots=True)
class Erasure:
    """One person's erasure: who it was, as the log numbers them, and what was done.

    Attributes:
        position: Of the `$erase` event.
        root_bucket, root_id: Where the canonical subject's rows are.
        first: Position of the first of its events; 0 for none.
        since: When that was recorded: another log has another instant there.
        names: How many names it had.
        events: How many events were reduced.
        marks: JSON: position and instant of recording of the first event of each name that has any;
            None for the first of all alone.
    """

    tenant: str
    position: int
    root_bucket: int
    root_id: int
    mode: str
    at: int
    first: int
    since: int
    names: int
    events: int
    marks: str | None = None

    @property
    def every_mark(self) -> tuple[tuple[int, int], ...]:
        """Position and instant of recording of the first event of each name that has any."""
        if self.marks is None:
            return ((self.first, self.since),) if self.first else ()
        return tuple((position, at) for position, at in json.loads(self.marks))

    @property
    def ref(self) -> Ref:
        """Where its rows are."""
        return (self.root_bucket, self.root_id)


@dataclass(frozen=True, slots=True)
class ErasedEvent:
    """That an event was reduced, and the digest of what was private in it."""

    position: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class ErasedKey:
    """That an event of an erased name was stored; where, nobody can tell any more."""

    bucket: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class ErasedBucket:
    """That there are erased keys in it."""

    bucket: int


@dataclass(frozen=True, slots=True)
class Opening:
    """Whom the log may be changed for, while one transaction erases them."""

    bucket: int
    subject_id: int


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An erasure whose traces beside the log are still being removed.

    Attributes:
        names: JSON array of the names as answers show them, the canonical one first.
        token: What stands in place of the canonical one.
        is_told: 1 once whoever asked has been told.
    """

    tenant: str
    position: int
    names: str
    token: str
    mode: str
    at: int
    is_told: int = 0

    @property
    def every_name(self) -> tuple[str, ...]:
        """The names, the canonical one first."""
        return tuple(json.loads(self.names))


ERASURES = Register("erasures", Erasure, key=2)
ERASED_EVENTS = Register("erased_events", ErasedEvent, key=1)
ERASED_KEYS = Register("erased_keys", ErasedKey, key=2)
ERASED_BUCKETS = Register("erased_buckets", ErasedBucket, key=1)
OPENINGS = Register("erasing", Opening, key=2)
UNFINISHED = Register("erasures_unfinished", Unfinished, key=2)


def erasures_of(tenant: str, *, after: int, limit: int) -> Script[Page[Erasure]]:
    """Return the tenant's erasures behind position *after*, oldest first."""
    return (yield from paged(ERASURES, AskEntries(ERASURES, (tenant,), (after,), limit)))


class ErasureRefused(Exception):  # noqa: N818 -- it names what happened
    """Nothing was erased; `code` says why.

    `customer_not_found`, `customer_erased` or `cannot_anonymise`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Order:
    """Whom to erase, and how.

    Attributes:
        key: Any name of theirs.
        secret: Unpredictable bytes, of which the new names are made; kept nowhere.
        companion: What is checked and written in the same transaction, if anything.
    """

    tenant: str
    key: SubjectKey
    mode: ErasureMode
    secret: bytes = field(repr=False)
    companion: Companion | None = None

    def token(self, number: int, bucket: int) -> str:
        """Return what takes the place of the name with that number, whose rows are in *bucket*."""
        made = sha256(self.secret + b"name" + number.to_bytes(4)).hexdigest()
        begin = ERASED_PREFIX + made[:TOKEN_DIGITS]
        tried = (f"{begin}{ending:x}" for ending in range(TRIES_MAX))
        return next(name for name in tried if bucket_of(self.tenant, name) == bucket)

    def salt(self, number: int) -> bytes:
        """Return a salt for the name with that number, if it has none."""
        return sha256(self.secret + b"salt" + number.to_bytes(4)).digest()


def mode_of(text: str) -> ErasureMode:
    """Return the mode of that name.

    Raises:
        ValueError: There is none.
    """
    return MODES[MODES.index(cast("ErasureMode", text))]


def is_erased_name(name: str) -> bool:
    """Tell whether *name* stands in place of an erased one."""
    return name.startswith(ERASED_PREFIX)


def key_digest(tenant: str, key: SubjectKey, source: str, event_id: str) -> bytes:
    """Return what an event sent again is known by once its name is erased."""
    return sha256(_pack(("erased", tenant, key.kind, key.id, source, event_id))).digest()


def event_id_at(position: int) -> str:
    """Return the id that takes the place of one first used at *position*."""
    return f"{ERASED_PREFIX}{position}"


def payload_left(
    payload: str,
    *,
    event_type: str,
    api_format: str,
    facts: Facts | None,
    event_ids: Mapping[str, str],
) -> str:
    """Return what stays of *payload*: facts that models read; nothing where *facts* is None.

    *event_ids* says which ids take the place of which, so that a `$void` still finds its event.
    """
    if facts is None or event_type in (ALIAS, UNALIAS, ERASE):
        return NOTHING_LEFT
    properties = decoder(api_format)(payload)
    left = _left(event_type, properties, facts, event_ids)
    item: dict[str, object] = {"data" if api_format == "cloudevents" else "properties": left}
    version = schema_version(payload)
    if version != FIRST_VERSION:
        item["schema_version"] = version
    return _encode(item).decode()


def _left(
    event_type: str,
    properties: Mapping[str, object],
    facts: Facts,
    event_ids: Mapping[str, str],
) -> dict[str, object]:
    if event_type == VOID:
        target = properties.get("event_id")
        known = isinstance(target, str) and target in event_ids
        return {"event_id": event_ids[str(target)]} if known else {}
    left = reduced(properties, facts.properties)
    if event_type == STAGE_SET:
        left |= {name: properties[name] for name in _STAGE_FACTS if name in properties}
    if event_type == IDENTIFY:
        traits = properties.get("traits")
        whole = traits if isinstance(traits, dict) else properties
        kept = {name: whole[name] for name in facts.traits if name in whole}
        left |= {"traits": kept} if isinstance(traits, dict) else kept
    account = properties.get(ACCOUNT_TRAITS)
    if isinstance(account, dict):
        left[ACCOUNT_TRAITS] = {name: account[name] for name in facts.traits if name in account}
    return left


class Mentions:
    """Finds a person's names in texts."""

    def __init__(self, names: Iterable[str]) -> None:
        """Look for *names* as answers show them; an anonymous one is looked for without prefix."""
        shown = set(names)
        self.names = frozenset(shown | {name.removeprefix("anon:") for name in shown})

    def are_in(self, value: object) -> bool:
        """Tell whether any of the names is a value or a key anywhere in *value*."""
        match value:
            case str():
                return value.strip() in self.names
            case dict():
                return any(self.are_in(each) for pair in value.items() for each in pair)
            case list() | tuple():
                return any(map(self.are_in, value))
            case bool() | None:
                return False
            case int() | float():
                return repr(value) in self.names
        return False

    def are_in_json(self, text: str | bytes) -> bool:
        """Tell the same of JSON *text*; of what is none, whether a name is any part of it."""
        try:
            return self.are_in(json.loads(text))
        except (ValueError, RecursionError):
            found = text if isinstance(text, str) else text.decode("utf-8", "replace")
            return any(name in found for name in self.names)

    def are_in_path(self, path: str) -> bool:
        """Tell whether a path leads to one of the names, which may hold slashes."""
        plain = f"{unquote(path)}/"
        return any(f"/{name}/" in plain for name in self.names)

    def replaced_in_path(self, path: str, token: str) -> str:
        """Return *path* with *token* in place of the names."""
        plain = f"{unquote(path)}/"
        for name in sorted(self.names, key=len, reverse=True):
            plain = plain.replace(f"/{name}/", f"/{token}/")
        return plain.removesuffix("/")
