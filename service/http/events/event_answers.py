"""What `POST /v1/events` answers: what became of each event, or of all of them in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from starlette.responses import Response

from service.door.bodies import Items
from service.errors import Place, Problem
from service.http.answers.values import Ready, encoded
from service.intake.ingest import Outcome
from service.ports import Receipt

POSITION_HEADER = "Stagefold-Position"
_SINGLE = Items("object", ("",))


@dataclass(slots=True)
class Tally:
    """What became of the events of a request so far."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    position: int | None = None
    applied: bool = True
    results: list[dict[str, object]] = field(default_factory=list)

    def add(self, outcomes: Sequence[Outcome], items: Items, *, first: int, tell: bool) -> None:
        """Take *outcomes* in; *first* is the index of the first of them, *tell* tells all."""
        for index, outcome in enumerate(outcomes, start=first):
            receipt = outcome.receipt
            if receipt is not None and not tell and outcome.is_usual:
                self.accepted += 1
                self._reach(receipt)
                continue
            status = outcome.status
            if status == "accepted":
                self.accepted += 1
            elif status == "duplicate":
                self.duplicate += 1
            else:
                self.rejected += 1
            if receipt is not None and status != "rejected":
                self._reach(receipt)
            if tell or status == "rejected" or outcome.warning:
                self.results.append(result_of(index, outcome, items.pointer(index)))

    def _reach(self, receipt: Receipt) -> None:
        self.position = max(self.position or 0, receipt.position or 0)
        self.applied = self.applied and receipt.applied

    def members(self) -> dict[str, object]:
        """Return the members of the answer that count."""
        return {
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "rejected": self.rejected,
            "retry": 0,
            "position": self.position,
            "applied": self.applied,
        }


def result_of(index: int, outcome: Outcome, pointer: str) -> dict[str, object]:
    """Return how the answer tells the outcome of one event."""
    result: dict[str, object] = {"index": index}
    if outcome.event_id is not None:
        result["id"] = outcome.event_id
    result["status"] = outcome.status
    receipt = outcome.receipt
    if receipt is not None and outcome.status != "rejected":
        result |= _stored(receipt)
    if outcome.warning is not None:
        result["warning"] = outcome.warning
    if outcome.faults:
        errors = [
            {"code": each.code, "message": each.message, "pointer": pointer + each.pointer}
            for each in outcome.faults
        ]
        result["error"] = errors[0]
        if len(errors) > 1:
            result["errors"] = errors
    return result


def _stored(receipt: Receipt) -> dict[str, object]:
    members: dict[str, object] = {"position": receipt.position}
    if receipt.status == "accepted":
        members["applied"] = receipt.applied
        if not receipt.waits:  # else nobody knows yet what it changes
            members["stages"] = stages_of_receipt(receipt)
    if receipt.late:
        members["late"] = True
    return members


def stages_of_receipt(receipt: Receipt) -> list[dict[str, object]]:
    """Return the stages that an accepted event changed."""
    return [
        {
            "model": each.model,
            "from": each.from_stage,
            "to": each.to_stage,
            "sequence": each.sequence,
        }
        for each in receipt.stages
    ]


def answer_single(outcome: Outcome) -> Response:
    """Return the answer to a request of one event.

    Raises:
        Problem: It was not stored.
    """
    status, receipt = outcome.status, outcome.receipt
    if status == "rejected" or receipt is None:
        raise refusal([outcome], _SINGLE)
    is_new = status == "accepted"
    members: dict[str, object] = {
        "accepted": int(is_new),
        "duplicate": int(not is_new),
        "rejected": 0,
        "retry": 0,
        "position": receipt.position,
        "applied": receipt.applied,
        "id": receipt.event_id,
        "status": status,
        **_stored(receipt),
    }
    if outcome.warning is not None:
        members["warning"] = outcome.warning
    place = f"/v1/events/{quote(receipt.event_id, safe='')}"
    headers = {"Location": place, POSITION_HEADER: str(receipt.position or 0)}
    return Ready(encoded(members), status=201 if is_new else 200, headers=headers)


def answer_batch(outcomes: Sequence[Outcome], items: Items, *, tell: bool) -> Response:
    """Return the answer to a request of several events; *tell* tells what became of each."""
    tally = Tally()
    tally.add(outcomes, items, first=0, tell=tell)
    return _answer({**tally.members(), "results": tally.results}, tally.position)


def refusal(outcomes: Sequence[Outcome], items: Items) -> Problem:
    """Return the problem of a request of which nothing was stored."""
    places = [
        Place(items.pointer(index) + fault.pointer, fault.code, fault.message)
        for index, outcome in enumerate(outcomes)
        for fault in outcome.faults
        if fault.code != "batch_rejected"
    ]
    message = "; ".join(each.message for each in places[:3])
    conflict = all(each.code == "event_id_conflict" for each in places)
    return Problem("event_id_conflict" if conflict else "validation_failed", message, errors=places)


def _answer(members: Mapping[str, object], position: int | None) -> Response:
    headers = {} if position is None else {POSITION_HEADER: str(position)}
    return Ready(encoded(members), headers=headers)
