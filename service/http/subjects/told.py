"""What was told of subjects of late, each text kept for as long as it surely stays true.

A store that finds a subject unchanged gives the very same parts of it as before. Then only time can
change what is told, and the machine says up to when it does not: the next deadline, or the next
element that leaves a window. So most of those who are asked for again are told without computing.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from service.http.answers.values import encoded, subject_of
from service.http.subjects.subject import entity_tag
from service.ports import StageRow, Subject, SubjectKey, SubjectSnapshot
from service.standing import standing_now

TELLINGS_MAX = 8_192
"""Some 1 to 2 KB each, as much as the store keeps subjects."""

FOREVER = 1 << 62
Asked: TypeAlias = tuple[str, SubjectKey]
"""A tenant, and whom it asks for."""


class Telling(NamedTuple):
    """How a subject was told, and of what it is true: *since* an instant, before *until*."""

    subject: Subject
    stages: tuple[StageRow, ...]
    since: int
    until: int
    body: bytes
    tag: str


class Told:
    """Tells whole subjects and keeps what it told."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._tellings: dict[Asked, Telling] = {}

    def telling(self, asked: Asked, found: SubjectSnapshot, now: int) -> Telling:
        """Return how *found*, whom *asked* names, is told at *now*."""
        kept = self._tellings.get(asked)
        if (
            kept is not None
            and kept.subject is found.subject
            and kept.stages is found.stages
            and kept.since <= now < kept.until
        ):
            return kept
        made = self._tellings[asked] = _told(found, now)
        if len(self._tellings) > TELLINGS_MAX:
            for oldest in list(self._tellings)[: TELLINGS_MAX // 4]:
                del self._tellings[oldest]
        return made


def _told(found: SubjectSnapshot, now: int) -> Telling:
    standings = [standing_now(row, now) for row in found.stages]
    members = subject_of(found.subject, standings)
    until = min((each.until for each in standings), default=FOREVER)
    tag = entity_tag(standings, members)
    return Telling(found.subject, found.stages, now, until, encoded(members), tag)
