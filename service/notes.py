"""Notes for the audit log: one per management call, written with the change that it tells of.

Whoever takes a call notes who, what and from where; the store writes that down in the transaction
of the first change that the call makes. So no handler has to think of it, and no change that was
made through the door is ever without its entry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, is_dataclass

from projections.registers.access import AuditEntry

DONE = "done"
UNNOTED = frozenset({"last_used_at"})
"""Fields that change by themselves: no call has changed them."""


class Note:
    """What is known of a call while it runs.

    Attributes:
        entry: What to write down, but for its outcome.
        is_written: Whether it has been.
    """

    __slots__ = ("_after", "_before", "entry", "is_written")

    def __init__(self, entry: AuditEntry) -> None:
        """Begin with what is known at the door."""
        self.entry = entry
        self.is_written = False
        self._before: str | None = None
        self._after: str | None = None

    def tell(self, *, before: object = None, after: object = None) -> None:
        """Add the value that the call is about to change, or what came of it."""
        self._before = digest_of(before) or self._before
        self._after = digest_of(after) or self._after

    def is_about(self, answer: object) -> bool:
        """Whether *answer* is another value than the call began with, so that there is news."""
        return self._before is None or (self._after or digest_of(answer)) != self._before

    def completed(self, outcome: str, answer: object = None) -> AuditEntry:
        """Return the entry; *answer* is what the change came to, unless that was told."""
        one = self.entry
        return AuditEntry(
            tenant=one.tenant,
            number=0,
            at=one.at,
            actor=one.actor,
            action=one.action,
            target=one.target,
            outcome=outcome,
            before=self._before,
            after=self._after or digest_of(answer) if outcome == DONE else None,
            request_id=one.request_id,
            address=one.address,
        )


_pending: ContextVar[Note | None] = ContextVar("note", default=None)


def pending() -> Note | None:
    """Return the note of the call that is running, if it is one to note and not written yet."""
    note = _pending.get()
    return None if note is None or note.is_written else note


@contextmanager
def noting(note: Note) -> Iterator[Note]:
    """Let changes made inside be noted by *note*."""
    token = _pending.set(note)
    try:
        yield note
    finally:
        _pending.reset(token)


def tell(*, before: object = None, after: object = None) -> None:
    """Add to the note of the call that is running, if there is one; see `Note.tell`."""
    note = pending()
    if note is not None:
        note.tell(before=before, after=after)


def digest_of(value: object) -> str | None:
    """Return the SHA-256 of *value* as canonical JSON, the same for equal values; None of None."""
    if value is None:
        return None
    text = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> object:
    if is_dataclass(value):
        named = ((each.name, getattr(value, each.name)) for each in fields(value))
        return {name: _plain(part) for name, part in named if name not in UNNOTED}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | None) else repr(value)
