"""What goes into the log and what comes back: one event offered, one receipt, one event stored.

An event is offered once by its producer, numbered once by the log and never changed. Everything
that was decided when it was taken in (its position and its three instants) is a field of the
stored event, so no later reading depends on a clock.

Of what is offered and of receipts there is one object per event: these are structs, which are made
in a fifth of the time of a dataclass and are no business of the garbage collector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    from projections.asking import Script

SubjectKind = Literal["customer", "anonymous", "account"]
ApiFormat = Literal["native", "cloudevents", "segment", "posthog"]
ReceiptStatus = Literal["accepted", "duplicate", "conflict", "rejected"]

ANONYMOUS_PREFIX = "anon:"
CLUSTER_MEMBERS_MAX = 1_000
"""Most subjects that may be one customer; a shared device must not swallow a market."""


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """A subject as producers name it; the three kinds are separate namespaces.

    Attributes:
        kind: `customer`, `anonymous` (somebody not yet known by name) or `account`.
        id: The id exactly as sent.
    """

    kind: SubjectKind
    id: str

    @property
    def text(self) -> str:
        """The id as answers show it: an anonymous one is preceded by `anon:`."""
        return f"{ANONYMOUS_PREFIX}{self.id}" if self.kind == "anonymous" else self.id

    @classmethod
    def of_customer(cls, text: str) -> SubjectKey:
        """Return the customer or, behind `anon:`, the anonymous subject that *text* names."""
        if text.startswith(ANONYMOUS_PREFIX):
            return cls("anonymous", text.removeprefix(ANONYMOUS_PREFIX))
        return cls("customer", text)


@dataclass(frozen=True, slots=True)
class Expectation:
    """A condition on a subject's state, checked inside the transaction that appends (`If-Match`).

    Attributes:
        model: Key of the model.
        sequence: The number of the subject's newest transition in it; 0 before the first.
    """

    model: str
    sequence: int


class NewEvent(msgspec.Struct, eq=False, gc=False):
    """One event that passed the door and is offered to the log. Treated as immutable.

    Attributes:
        tenant: Whose it is.
        event_id: The producer's id, 1 to 200 characters; made by the door where none was sent.
        source: Who says so; with the subject and the id it makes a repeat recognisable.
        type: Event type as the producer named it; `$identify`, `$stage.set`, `$void`, `$alias`
            and `$unalias` are ours (their properties: `docs/store.md`).
        occurred_at: What the producer said, microseconds since the epoch; None where nothing was
            said, which counts as the instant of recording.
        payload: The item's JSON text exactly as sent.
        customer_id: Id of a customer; this or *anonymous_id* is present.
        anonymous_id: Id of somebody not yet known by name; beside *customer_id* it says that the
            two are one (an alias), unless it already belongs to another customer.
        account_id: The company on whose behalf the customer acted, if any.
        api_format: How to find properties and traits in *payload*.
        key_id: Id of the API key that it came with, or None.
        historical: Part of an import of the past: folded like any other, but announced to nobody.
        traceparent: W3C trace context, stored beside the event.
        expected: Reject the event unless the subject stands there.
    """

    tenant: str
    event_id: str
    source: str
    type: str
    occurred_at: int | None
    payload: str
    customer_id: str | None = None
    anonymous_id: str | None = None
    account_id: str | None = None
    api_format: ApiFormat = "native"
    key_id: str | None = None
    historical: bool = False
    traceparent: str | None = None
    expected: Expectation | None = None


class Submission(msgspec.Struct, frozen=True):
    """Events of one caller that are answered together.

    Attributes:
        events: In the order in which they take their positions.
        atomic: Store all or none: one conflict or rejection rejects the others
            (`batch_rejected`). Duplicates do no harm.
        companion: What is checked before them and written with them, though there be no events.
    """

    events: Sequence[NewEvent]
    atomic: bool = False
    companion: Companion | None = None


class Companion(Protocol):
    """Something small that is checked and written in the same transaction as a submission."""

    def check(self) -> Script[None]:
        """Raise an error of the caller's own where the events must not be stored any more."""
        ...

    def write(self, receipts: Sequence[Receipt]) -> Script[None]:
        """Write what belongs to the events, now that it is known what became of each."""
        ...


@dataclass(frozen=True, slots=True)
class StageChange:
    """A stage that changed because of an event, as its receipt tells it.

    Attributes:
        model: Key of the model.
        from_stage: Stage before the event; None for the first entry.
        to_stage: Stage after it.
        sequence: Number of the newest transition after it.
    """

    model: str
    from_stage: str | None
    to_stage: str
    sequence: int


class Receipt(msgspec.Struct, gc=False):
    """What became of one offered event, in the order of the offers. Treated as immutable.

    Attributes:
        status: `accepted`: durable. `duplicate`: it was there already. `conflict`: its id was
            taken by other content. `rejected`: it could not be stored for *code*. In the last two
            cases nothing was stored.
        event_id: The id it was offered with.
        position: Its place in the log; for a duplicate or conflict that of the first; else None.
        recorded_at: When it was stored, microseconds since the epoch; None unless accepted.
        applied: Whether every projection has taken it in.
        waits: Whether it is only stored so far; the projections take it in later.
        late: Whether it sorts before an event that had been folded already.
        stages: Stages of its customer and account that it changed.
        code: For a conflict `event_id_conflict`; for a rejection `sequence_mismatch`,
            `alias_refused` or `batch_rejected` (an atomic batch with another bad item); else None.
        message: What was expected and what was found; None where *code* is.
    """

    status: ReceiptStatus
    event_id: str
    position: int | None = None
    recorded_at: int | None = None
    applied: bool = False
    late: bool = False
    waits: bool = False
    stages: tuple[StageChange, ...] = ()
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event of the log, for people and programs that read it.

    Attributes:
        position: Place in the whole log, from 1, dense, in order of commit.
        subject: The subject it was sent for; a merge does not change it.
        account_id: The account it named, if any.
        occurred_at: What the producer said; the instant of recording where nothing was said.
        recorded_at: When it was stored; never runs backwards along the log.
        effective_at: When it counts: the earlier of the two.
        payload: The JSON text exactly as sent.
        late: Whether it sorted before an event that had been folded when it arrived.
        voided: Whether a `$void` has withdrawn it; known only where a subject's events are read.
    """

    position: int
    tenant: str
    subject: SubjectKey
    account_id: str | None
    event_id: str
    source: str
    type: str
    occurred_at: int
    recorded_at: int
    effective_at: int
    payload: str
    api_format: ApiFormat
    key_id: str | None
    historical: bool
    traceparent: str | None
    late: bool
    voided: bool = False
