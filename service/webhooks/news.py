"""What the feed means to whoever waits: which message each piece of it becomes, if any.

Records of one subject that were written together are one piece of news. Where nothing is withdrawn,
each transition is `customer.stage.changed`. Where a history was told again, its old tail withdrawn
and another one asserted, that is one `customer.stage.corrected` with before and after; and if the
present stage is another one too, the newest transition is told as a change as well. What an import
of the past brought, and what a rebuild found, is news to nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from domain.instants import SECOND, format_instant
from projections.events.log import SubjectKey
from projections.reading.answers import FeedRecord, TransitionRecord
from projections.webhooks.rows import Message
from service.webhooks import terms
from service.webhooks.bodies import body_of
from service.webhooks.terms import Data


@dataclass(frozen=True, slots=True)
class Told:
    """A message before it has a number.

    Attributes:
        lane: Whose order it keeps.
        known_at: When we came to know it: endpoints made later are not told.
    """

    tenant: str
    id: str
    type: str
    at: int
    known_at: int
    data: Data
    lane: str = ""
    model: str = ""

    def message(self, now: int, *, message_id: str | None = None) -> Message:
        """Return the message with its body."""
        return Message(
            tenant=self.tenant,
            number=0,
            id=message_id or self.id,
            type=self.type,
            lane=self.lane,
            model=self.model,
            at=self.at,
            created_at=now,
            body=body_of(self.type, format_instant(self.at), self.data),
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """Records of one subject in one model that were written together.

    Attributes:
        position: Of the last of them in the feed.
    """

    withdrawn: Sequence[TransitionRecord]
    asserted: Sequence[TransitionRecord]
    position: int
    is_quiet: bool

    @property
    def first(self) -> TransitionRecord:
        """Any of them: what they have in common it says."""
        return (*self.withdrawn, *self.asserted)[0]

    @property
    def is_merge(self) -> bool:
        """Whether all that was known was withdrawn because of a merge."""
        return not self.asserted and self.first.retracted_cause == "merge"


def pieces(records: Iterable[FeedRecord]) -> Iterator[Piece]:
    """Yield the pieces of news that *records*, in order, are made of."""
    together: list[FeedRecord] = []
    for record in records:
        if together and not _belongs(together[-1], record):
            yield _piece(together)
            together = []
        together.append(record)
    if together:
        yield _piece(together)


def _belongs(last: FeedRecord, next_one: FeedRecord) -> bool:
    one, other = last.transition, next_one.transition
    if (one.generation, one.subject) != (other.generation, other.subject):
        return False
    if next_one.kind == "retracted" and last.kind == "asserted":
        return False
    return _written(last) == _written(next_one)


def _written(record: FeedRecord) -> tuple[int, int | None]:
    """Return when and at which head of the log *record* was written.

    One instant may see several transactions, and one head as well. Both together are of one
    refold, so what belongs together does not depend on when it is read.
    """
    one = record.transition
    position = one.retracted_position if record.kind == "retracted" else one.asserted_position
    return written_at(record), position


def written_at(record: FeedRecord) -> int:
    """Return when *record* came into the feed."""
    withdrawn_at = record.transition.retracted_at
    if record.kind == "retracted" and withdrawn_at is not None:
        return withdrawn_at
    return record.transition.recorded_at


def _piece(together: Sequence[FeedRecord]) -> Piece:
    withdrawn = [one.transition for one in together if one.kind == "retracted"]
    asserted = [one.transition for one in together if one.kind == "asserted"]
    both = {one.id for one in withdrawn} & {one.id for one in asserted}
    if not asserted or not withdrawn:
        both = set()
    kept = [one for one in withdrawn if one.id not in both]
    new = [one for one in asserted if one.id not in both]
    if not kept and not new:  # told again word for word: nothing to tell
        return Piece(withdrawn, asserted, together[-1].position, is_quiet=True)
    is_quiet = all(one.quiet for one in together)
    return Piece(kept, new, together[-1].position, is_quiet=is_quiet)


def news(piece: Piece, *, survivor: SubjectKey | None = None) -> Iterator[Told]:
    """Yield what *piece* is told as.

    Args:
        piece: The news.
        survivor: Whom the subject has become part of, where that is why all was withdrawn.
    """
    if piece.is_quiet:
        return
    if survivor is not None:
        yield _merged(piece, survivor)
        return
    withdrawn = [one for one in piece.withdrawn if one.kind != "suppressed"]
    moved = [one for one in piece.asserted if one.kind == "transition"]
    if withdrawn:
        yield _corrected(piece, withdrawn, moved)
        moved = moved[-1:] if _stage_before(withdrawn) != _stage_after(withdrawn, moved) else []
    for one in moved:
        if one.sequence == 1 and one.from_stage is None and not withdrawn:
            yield _created(one)
        yield _told(one, terms.STAGE_CHANGED, changed_data(one))
    for one in piece.asserted:
        if one.kind == "alert":
            yield _told(one, terms.ALERT_RAISED, alert_data(one))


def _told(one: TransitionRecord, message_type: str, data: Data) -> Told:
    return Told(
        tenant=one.tenant,
        id=one.id,
        type=message_type,
        at=one.effective_at,
        known_at=one.recorded_at,
        data=data,
        lane=lane_of(one.subject),
        model=one.model,
    )


def _created(one: TransitionRecord) -> Told:
    name = f"{one.tenant}\x1f{one.subject.kind}\x1f{one.subject.text}"
    return Told(
        tenant=one.tenant,
        id=_id("cu", name),
        type=terms.CUSTOMER_CREATED,
        at=one.effective_at,
        known_at=one.recorded_at,
        data={**_who(one.subject), "created_at": format_instant(one.effective_at)},
        lane=lane_of(one.subject),
    )


def changed_data(one: TransitionRecord) -> dict[str, object]:
    """Return what a message says of a transition."""
    spent = one.time_in_previous
    return {
        **_who(one.subject),
        "transition_id": one.id,
        "model": one.model,
        "model_version": one.version,
        "sequence": one.sequence,
        "cycle": one.cycle,
        "from": one.from_stage,
        "to": one.to_stage,
        "direction": one.direction,
        "effective_at": format_instant(one.effective_at),
        "recorded_at": format_instant(one.recorded_at),
        "time_in_previous_s": None if spent is None else spent // SECOND,
        "cause": {
            "kind": one.cause.kind,
            "event_id": one.cause.event_id,
            "rule": one.cause.rule,
            "evidence": dict(one.cause.evidence),
        },
        "position": one.asserted_position,
    }


def alert_data(one: TransitionRecord) -> dict[str, object]:
    """Return what a message says of an alert."""
    told = changed_data(one)
    for name in ("from", "to", "direction", "time_in_previous_s"):
        del told[name]
    return {**told, "alert": one.cause.rule, "stage": one.to_stage}


def _corrected(
    piece: Piece, withdrawn: Sequence[TransitionRecord], moved: Sequence[TransitionRecord]
) -> Told:
    first, at = piece.first, withdrawn[0].retracted_at or 0
    ids = [one.id for one in (*withdrawn, *piece.asserted)]
    alerts = [one.id for one in withdrawn if one.kind == "alert"]
    return Told(
        tenant=first.tenant,
        id=_id("co", str(withdrawn[0].retracted_position), *ids),
        type=terms.STAGE_CORRECTED,
        at=at,
        known_at=at,
        data={
            **_who(first.subject),
            "model": first.model,
            "model_version": first.version,
            "cause": first.retracted_cause,
            "before": _stay([one for one in withdrawn if one.kind == "transition"]),
            "after": _stay(moved) or _left(withdrawn),
            "withdrawn": [one.id for one in withdrawn if one.kind == "transition"],
            "asserted": [changed_data(one) for one in moved],
            "alerts_withdrawn": alerts,
            "corrected_at": format_instant(at),
            "position": withdrawn[0].retracted_position,
        },
        lane=lane_of(first.subject),
        model=first.model,
    )


def _stay(line: Sequence[TransitionRecord]) -> dict[str, object] | None:
    """Return where the last of *line* leads."""
    if not line:
        return None
    last = line[-1]
    return {
        "stage": last.to_stage,
        "sequence": last.sequence,
        "entered_at": format_instant(last.effective_at),
    }


def _left(withdrawn: Sequence[TransitionRecord]) -> dict[str, object] | None:
    """Return where the subject is once all of *withdrawn* is gone and nothing took its place."""
    stage = _stage_after(withdrawn, ())
    return None if stage is None else {"stage": stage}


def _stage_before(withdrawn: Sequence[TransitionRecord]) -> str | None:
    return withdrawn[-1].to_stage


def _stage_after(
    withdrawn: Sequence[TransitionRecord], moved: Sequence[TransitionRecord]
) -> str | None:
    if moved:
        return moved[-1].to_stage
    first = withdrawn[0]
    return first.from_stage if first.kind == "transition" else first.to_stage


def _merged(piece: Piece, survivor: SubjectKey) -> Told:
    first = piece.first
    at = first.retracted_at or 0
    names = (first.subject.text, survivor.text, str(first.retracted_position))
    return Told(
        tenant=first.tenant,
        id=_id("me", first.tenant, *names),
        type=terms.CUSTOMER_MERGED,
        at=at,
        known_at=at,
        data={**_who(survivor), "merged": _who(first.subject), "merged_at": format_instant(at)},
        lane=lane_of(first.subject),
    )


def lane_of(subject: SubjectKey) -> str:
    """Return the lane of *subject*: its name; an account's apart from a customer's."""
    return f"account:{subject.text}" if subject.kind == "account" else subject.text


def _who(subject: SubjectKey) -> dict[str, object]:
    name = "account" if subject.kind == "account" else "customer"
    return {f"{name}_id": subject.text, f"{name}_url": f"/v1/{name}s/{subject.text}"}


def _id(kind: str, *parts: str) -> str:
    return f"{kind}_{hashlib.sha256(chr(31).join(parts).encode()).hexdigest()[:32]}"
