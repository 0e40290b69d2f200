"""What was told of subjects of late, each text kept for as long as it surely stays true.

A store that finds a subject unchanged gives the very same parts of it as before. Then only time can
change what is told, and the machine says up to when it does not: the next deadline, or the next
element that leaves a window. So most of those who are asked for again are told without computing.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from service.http.answers.values import Ready, encoded, subject_of
from service.http.subjects.subject import entity_tag, headers_of
from service.ports import StageRow, Subject, SubjectKey, SubjectSnapshot
from service.recent import Recent
from service.standing import standing_now

TELLINGS_MAX = 8_192
"""Some 1 to 2 KB each, as much as the store keeps subjects."""

FOREVER = 1 << 62
Asked: TypeAlias = tuple[str, SubjectKey]
"""A tenant, and whom it asks for."""


class Telling(NamedTuple):
    """How a subject was told, and of what it is true: *since* an instant, before *until*.

    Attributes:
        applied: The position that *answer* tells.
    """

    subject: Subject
    stages: tuple[StageRow, ...]
    since: int
    until: int
    body: bytes
    tag: str
    applied: int
    answer: Ready


class Told:
    """Tells whole subjects and keeps what it told."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._tellings = Recent[Asked, Telling](TELLINGS_MAX)

    def answer(self, asked: Asked, found: SubjectSnapshot, now: int) -> Ready:
        """Return how *found*, whom *asked* names, is told at *now*."""
        kept = self._tellings.asked(asked)
        if (
            kept is None
            or kept.subject is not found.subject
            or kept.stages is not found.stages
            or not kept.since <= now < kept.until
        ):
            kept = _told(found, now)
            self._tellings.keep(asked, kept)
        elif kept.applied != found.positions.applied:
            kept = _moved_on(kept, found)
            self._tellings.keep(asked, kept)
        return kept.answer


def _told(found: SubjectSnapshot, now: int) -> Telling:
    standings = [standing_now(row, now) for row in found.stages]
    members = subject_of(found.subject, standings)
    until = min((each.until for each in standings), default=FOREVER)
    body = encoded(members)
    tag = entity_tag(standings, body)
    answer, applied = _answer(found, body, tag), found.positions.applied
    return Telling(found.subject, found.stages, now, until, body, tag, applied, answer)


def _moved_on(kept: Telling, found: SubjectSnapshot) -> Telling:
    """Return the same told at the position of *found*."""
    answer = _answer(found, kept.body, kept.tag)
    return kept._replace(applied=found.positions.applied, answer=answer)


def _answer(found: SubjectSnapshot, body: bytes, tag: str) -> Ready:
    return Ready(body, headers=headers_of(found, tag))
