"""A backtest: where each subject would stand by a candidate model, beside where it stands now.

Both models fold the same histories up to the same instant, in memory. Nothing is written, so
nothing can be announced.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, cast

from domain.transitions import Cause, CauseKind, RecordKind
from projections.events.log import SubjectKey, SubjectKind
from projections.folding.folder import FOLD_FAILURES

if TYPE_CHECKING:
    from domain.events import Event
    from domain.lineage import Lineage
    from projections.events.history import SubjectHistory

CHANGES_MAX = 100_000
"""Changed subjects that are kept by name; those beyond are only counted."""

News = Counter[RecordKind]


class Place(NamedTuple):
    """Where one model puts a subject: the stage, since when, and why."""

    stage: str
    entered_at: int
    cause: Cause


@dataclass(frozen=True, slots=True)
class Change:
    """A subject that the candidate puts elsewhere; a place is None where the model has none."""

    subject: SubjectKey
    old: Place | None
    new: Place | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What is compared, and at which instant.

    Attributes:
        candidate: What tells of histories by the model on trial.
        active: What tells of them by the version that readers see; None where there is none.
        as_of: Later events are passed over, and time runs to it.
        news_since: Transitions after it are recent enough to be announced.
    """

    candidate: Lineage
    active: Lineage | None
    as_of: int
    news_since: int


class Tally:
    """What a backtest has found so far.

    Attributes:
        matrix: Subjects by old and new stage; None for a subject without a stage.
        old_news, new_news: Records recent enough to be announced, by kind, of each model.
        failed: Subjects that one of the models cannot fold.
    """

    __slots__ = ("_changes_max", "_kept", "failed", "matrix", "new_news", "old_news", "trial")

    def __init__(self, trial: Trial, changes_max: int = CHANGES_MAX) -> None:
        """Begin with nobody; at most *changes_max* changed subjects will be kept by name."""
        self.trial = trial
        self.matrix: Counter[tuple[str | None, str | None]] = Counter()
        self.old_news: News = Counter()
        self.new_news: News = Counter()
        self.failed = 0
        self._changes_max = changes_max
        self._kept: list[tuple[str | None, str | None, str]] = []

    @property
    def changed(self) -> int:
        """How many subjects the candidate puts elsewhere."""
        return sum(count for (old, new), count in self.matrix.items() if old != new)

    @property
    def kept(self) -> int:
        """How many of them are kept by name."""
        return len(self._kept)

    def take(self, histories: Iterable[SubjectHistory]) -> None:
        """Count the subjects of *histories*."""
        for history in histories:
            self._take(history)

    def _take(self, history: SubjectHistory) -> None:
        trial = self.trial
        events = [event for event in history.events if event.effective_at <= trial.as_of]
        if not events:
            return
        seen: News = Counter()
        tried: News = Counter()
        try:
            old = None if trial.active is None else _place(trial.active, events, trial, seen)
            new = _place(trial.candidate, events, trial, tried)
        except FOLD_FAILURES:
            self.failed += 1
            return
        self.old_news += seen
        self.new_news += tried
        pair = (old.stage if old else None, new.stage if new else None)
        self.matrix[pair] += 1
        if pair[0] != pair[1] and len(self._kept) < self._changes_max:
            self._kept.append((*pair, _packed(history.subject, old, new)))

    def take_changes(self) -> list[tuple[str | None, str | None, str]]:
        """Return who stands elsewhere: old stage, new stage, and the change as text."""
        kept, self._kept = self._kept, []
        return kept


@dataclass(frozen=True, slots=True)
class Found:
    """What a backtest has found by some page, as it is kept between pages.

    Attributes:
        kept: How many of those who change are kept by name.
    """

    matrix: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    old_news: News = field(default_factory=Counter)
    new_news: News = field(default_factory=Counter)
    failed: int = 0
    kept: int = 0

    @property
    def changed(self) -> int:
        """How many subjects the candidate puts elsewhere."""
        return sum(count for (old, new), count in self.matrix.items() if old != new)

    def plus(self, tally: Tally) -> Found:
        """Return this and what *tally* has counted."""
        return Found(
            self.matrix + tally.matrix,
            self.old_news + tally.old_news,
            self.new_news + tally.new_news,
            self.failed + tally.failed,
            self.kept + tally.kept,
        )

    @property
    def text(self) -> str:
        """It as JSON."""
        matrix = sorted(([*pair, count] for pair, count in self.matrix.items()), key=str)
        told = [matrix, self.old_news, self.new_news, self.failed, self.kept]
        return json.dumps(told, separators=(",", ":"))

    @classmethod
    def of(cls, text: str) -> Found:
        """Return what *text* holds."""
        matrix, old_news, new_news, failed, kept = json.loads(text)
        pairs = Counter({(old, new): count for old, new, count in matrix})
        return cls(pairs, Counter(old_news), Counter(new_news), failed, kept)


def _place(lineage: Lineage, events: Sequence[Event], trial: Trial, news: News) -> Place | None:
    """Return where *lineage* puts the subject, and count what is recent in *news*."""
    told = lineage.told_at(events, trial.as_of)
    if told.state.stage_id is None:
        return None
    cause = None
    for record in told.recorded:
        if record.kind == "transition":
            cause = record.cause
        if record.effective_at > trial.news_since:
            news[record.kind] += 1
    if cause is None:
        raise ValueError("a subject in a stage: expected the transition that led there, found none")
    return Place(told.state.stage_id, told.state.entered_at, cause)


# Changes are kept as text: that is what a row holds.


def _packed(subject: SubjectKey, old: Place | None, new: Place | None) -> str:
    return json.dumps([subject.kind, subject.id, _parts(old), _parts(new)], separators=(",", ":"))


def _parts(place: Place | None) -> list[object] | None:
    if place is None:
        return None
    cause = place.cause
    told = (cause.kind, cause.rule, cause.event_id, dict(cause.evidence))
    return [place.stage, place.entered_at, *told]


def change_of(packed: str) -> Change:
    """Return the change that a text holds."""
    kind, name, old, new = json.loads(packed)
    return Change(SubjectKey(cast("SubjectKind", kind), name), _place_of(old), _place_of(new))


def _place_of(parts: list[object] | None) -> Place | None:
    if parts is None:
        return None
    stage, entered_at, kind, rule, event_id, evidence = parts
    cause = Cause(
        cast("CauseKind", kind),
        str(rule),
        cast("str | None", event_id),
        cast("Mapping[str, object]", evidence),
    )
    return Place(str(stage), cast("int", entered_at), cause)
