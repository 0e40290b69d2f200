"""Seals: hashes over ranges of the log, each chained to the one before, that show any change.

A leaf is the hash of one event. What could tell of a person (names, ids, payload) enters it only
as a digest salted per subject: once the salt and the text are gone the leaf can still be checked
from the digest, and nobody can find the text again by trying. A root is the hash of the root before
it and of every leaf of its range, so the newest root stands for the whole log up to it.

Encoding: MessagePack in its shortest forms (https://msgpack.org), hashed with SHA-256 (FIPS 180-4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from projections.events.payloads import content_number
from projections.rows.changes import EVENT_COLUMNS, Row

ALWAYS = 1 << 62
"""Later than any position."""

FIRST_ROOT = bytes(32)
"""What the first seal is chained to."""
MARK_OCTETS = 8
"""So much of each leaf is kept with its seal, to name the event that was changed."""
SALT_OCTETS = 16
FAULTS_MAX = 100

PRIVATE = ("event_id", "account_id", "key_id", "traceparent", "payload")
"""Columns of an event that enter its leaf through the salted digest, with its subject's name."""

SEALABLE_COLUMNS = (
    *EVENT_COLUMNS,
    "kind",
    "name",
    "salt",
    "key_position",
    "key_content",
    "erased_digest",
)
"""An event, whom it was sent for, that subject's salt, what its id leads to; None if missing.

The last is the private digest of an event that was erased; None of all others.
"""

_PUBLIC_PLACES = tuple(place for place, name in enumerate(EVENT_COLUMNS) if name not in PRIVATE)
_PRIVATE_PLACES = tuple(SEALABLE_COLUMNS.index(name) for name in ("kind", "name", *PRIVATE))
_SALT = SEALABLE_COLUMNS.index("salt")
_ERASED_DIGEST = SEALABLE_COLUMNS.index("erased_digest")
_PREFIX = b"stagefold seal 1\n"

_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Seal:
    """What a range of the log was when it was sealed.

    Attributes:
        root: Stands for every event up to *to_position*.
        previous: Root of the seal before; 32 zero bytes for the first.
        marks: The beginning of each leaf, in order.
    """

    from_position: int
    to_position: int
    root: bytes
    previous: bytes
    marks: bytes
    sealed_at: int

    @property
    def events(self) -> int:
        """How many events are in it."""
        return self.to_position - self.from_position + 1


def private_digest(row: Row, salt: bytes) -> bytes:
    """Return the digest of what an event of `SEALABLE_COLUMNS` says of a person.

    Raises:
        ValueError: A text in it is no Unicode text.
    """
    return sha256(salt + _encode([row[place] for place in _PRIVATE_PLACES])).digest()


def leaf(row: Row, private: bytes) -> bytes:
    """Return the hash of an event whose `private_digest` is known, even where its text is gone."""
    return sha256(_encode([*(row[place] for place in _PUBLIC_PLACES), private])).digest()


def leaf_of(row: Row) -> bytes:
    """Return the hash of an event of `SEALABLE_COLUMNS`; nothing where it cannot have been sealed.

    Of an erased event the digest that was kept is taken.
    """
    if isinstance(row[_ERASED_DIGEST], bytes):
        return _leaf_if_any(row, row[_ERASED_DIGEST])
    salt = row[_SALT]
    if not isinstance(salt, bytes):
        return b""
    try:
        return leaf(row, private_digest(row, salt))
    except (ValueError, TypeError):  # bytes that are no text, where somebody wrote into the file
        return b""


def _leaf_if_any(row: Row, private: bytes) -> bytes:
    try:
        return leaf(row, private)
    except (ValueError, TypeError):  # likewise
        return b""


class Sealing:
    """A range being hashed, event by event."""

    def __init__(self, previous: bytes) -> None:
        """Chain it to the root *previous*."""
        self._previous = previous
        self._hash = sha256(_PREFIX + previous)
        self._marks = bytearray()

    def add(self, hashed: bytes) -> None:
        """Take in the next leaf."""
        self._hash.update(hashed)
        self._marks += hashed[:MARK_OCTETS].ljust(MARK_OCTETS, b"\0")

    def seal(self, from_position: int, to_position: int, sealed_at: int) -> Seal:
        """Return the seal of what was taken in, if these are its first and last position."""
        whole = self._hash.copy()
        whole.update(_encode([from_position, to_position, sealed_at]))
        root, marks = whole.digest(), bytes(self._marks)
        return Seal(from_position, to_position, root, self._previous, marks, sealed_at)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in the log that is not as it was written, or was never written by us.

    Attributes:
        position: Where, as exactly as can be told.
        seal: First and last position of the sealed range that shows it; None for none.
    """

    code: str
    message: str
    position: int
    seal: tuple[int, int] | None = None


class Checking:
    """Compares the log, read from its beginning to its end, with its seals and its own rules.

    Attributes:
        faults: What was found, at most `FAULTS_MAX`.
        found: How many faults there were in all.
        position: The newest position read.
        sealed: The last position that a seal stands for.
        root: Root of the newest seal.
    """

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.found = 0
        self.position = 0
        self.sealed = 0
        self.root = FIRST_ROOT
        self._recorded_at = 0

    def fault(
        self, code: str, message: str, position: int, seal: tuple[int, int] | None = None
    ) -> None:
        """Note a fault."""
        self.found += 1
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(Fault(code, message, position, seal))

    def begin(self, seal: Seal) -> SealChecking:
        """Return what compares the next events with *seal*."""
        span = (seal.from_position, seal.to_position)
        if seal.from_position != self.sealed + 1 or seal.to_position < seal.from_position:
            message = f"expected a seal from position {self.sealed + 1}, found {span[0]}..{span[1]}"
            self.fault("seal_missing", message, self.sealed + 1, span)
        if seal.previous != self.root:
            message = f"the seal of {span[0]}..{span[1]} is not chained to the one before it"
            self.fault("seal_not_chained", message, span[0], span)
        return SealChecking(self, seal)

    def see(self, row: Row) -> None:
        """Look at one event, whether it is sealed or not."""
        value = dict(zip(SEALABLE_COLUMNS, row, strict=True))
        position = value["position"]
        if position != self.position + 1:
            message = f"expected position {self.position + 1}, found {position}"
            self.fault("position_missing", message, self.position + 1)
        self.position = position
        for code, message in _contradictions(value, self._recorded_at):
            self.fault(code, f"position {position}: {message}", position)
        if isinstance(value["recorded_at"], int):
            self._recorded_at = value["recorded_at"]


class SealChecking:
    """One sealed range being compared with what is in the log now."""

    def __init__(self, checking: Checking, seal: Seal) -> None:
        """Compare with *seal*; faults go to *checking*."""
        self._checking = checking
        self._seal = seal
        self._sealing = Sealing(checking.root)
        self._is_pointed_out = False
        self._seen = 0

    def add(self, row: Row) -> None:
        """Compare the event of *row* with what was sealed at its position."""
        seal = self._seal
        hashed = leaf_of(row)
        self._sealing.add(hashed)
        self._seen += 1
        begin = (row[0] - seal.from_position) * MARK_OCTETS
        mark = seal.marks[begin : begin + MARK_OCTETS] if begin >= 0 else b""
        if hashed[:MARK_OCTETS] != mark:
            message = (
                f"position {row[0]} is not as it was sealed, in the range"
                f" {seal.from_position}..{seal.to_position}"
            )
            self._tell("event_changed", message, row[0])

    def end(self) -> None:
        """Compare the whole range with its root."""
        seal, checking = self._seal, self._checking
        span = f"{seal.from_position}..{seal.to_position}"
        if self._seen != seal.events:
            message = f"expected {seal.events} events in the range {span}, found {self._seen}"
            self._tell("events_missing", message, seal.from_position + self._seen)
        found = self._sealing.seal(seal.from_position, seal.to_position, seal.sealed_at)
        if found != seal and not self._is_pointed_out:
            message = f"the range {span} or its seal is not as it was sealed"
            self._tell("seal_broken", message, seal.from_position)
        checking.sealed, checking.root = seal.to_position, seal.root

    def _tell(self, code: str, message: str, position: int) -> None:
        self._is_pointed_out = True
        span = (self._seal.from_position, self._seal.to_position)
        self._checking.fault(code, message, position, span)


def _contradictions(value: dict[str, Any], recorded_before: int) -> Sequence[tuple[str, str]]:
    """Return what is wrong with an event by itself."""
    found = []
    if value["kind"] is None:
        found.append(("subject_missing", "the subject it was sent for is unknown"))
    if value["key_position"] is None:
        found.append(("event_without_key", "its id does not lead to it"))
    elif value["key_position"] != value["position"]:
        found.append(("event_without_key", f"its id leads to position {value['key_position']}"))
    elif value["erased_digest"] is None and value["key_content"] != _content(value["payload"]):
        found.append(("event_key_differs", "its content is not that which its id stands for"))
    recorded_at = value["recorded_at"]
    if isinstance(recorded_at, int) and recorded_at < recorded_before:
        found.append(("recorded_backwards", "it was recorded before the event in front of it"))
    return found


def _content(payload: object) -> int | None:
    try:
        return content_number(payload) if isinstance(payload, str) else None
    except ValueError:  # bytes that are no text
        return None
