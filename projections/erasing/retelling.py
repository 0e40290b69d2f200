"""Retelling: the projections of an erased person, and of accounts that have events of theirs.

What was anonymised is told again in other words, and must be the same story. What was purged is
taken out of it. No record keeps an id or a value that went.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from domain.events import VOID, Event, voided
from projections.asking import Script, ask
from projections.erasing.persons import Person
from projections.events.history import LoggedEvent, counting, repeats
from projections.events.log import SubjectKey
from projections.folding.folder import FOLD_FAILURES, Folder
from projections.folding.refolding import Refold, refold
from projections.registers.erasure import ErasureRefused, Mentions, event_id_at
from projections.rows.changes import ErasedRows
from projections.rows.questions import (
    AskHistories,
    AskProfiles,
    AskRecords,
    AskTexts,
    HistoryOf,
    WriteErased,
)
from projections.rows.records import Content, Projection, RecordRow, content_of
from projections.subjects.profiles import NO_KEY, Profile

_EVENT_ID, _EVIDENCE = 9, 10
"""Where a content names an event and tells what a rule read."""


class _Text(NamedTuple):
    """What a record says of an event: the columns that `AskTexts` answers."""

    bucket: int
    generation: int
    subject_id: int
    number: int
    position: int
    event_id: str | None
    evidence: str
    retracted_position: int | None


def tell_alike(folder: Folder, person: Person, rows: ErasedRows) -> Script[None]:
    """Tell what *rows* leave of the person, and its accounts, again: the same story.

    Nothing is written yet.

    Raises:
        ErasureRefused: The story would be another one.
    """
    root = person.members[0]
    refs = [root.ref, *(one.ref for one in person.accounts.values())]
    profiles = yield from ask(AskProfiles(refs))
    requests = [HistoryOf(one.ref, one.members, one.is_account) for one in profiles]
    histories = yield from ask(AskHistories(requests))
    generations = sorted(folder.kept)
    records = yield from ask(AskRecords(generations, [one.ref for one in profiles]))
    told = _Left(person, rows)
    for profile in profiles:
        if profile.ref == root.ref:
            profile.name = person.tokens[0]
            if profile.parked:
                message = "its events cannot be folded at present, so nobody can tell what to keep"
                raise ErasureRefused("cannot_anonymise", f"{message}; use mode=purge")
        history = told.history_of(profile, histories.get(profile.ref, []))
        before = profile.events
        _count_anew(profile, history)
        if profile.events != before:
            message = "a $void of theirs names an event of somebody else by an id both have used"
            raise ErasureRefused("cannot_anonymise", f"{message}; use mode=purge")
        events = counting(history)
        for projection in folder.of(profile):
            held = records.get((projection.generation, profile.ref), [])
            _tell(profile, projection, events, held, person)
        folder.changes.lost_snapshots.append((*profile.ref, *NO_KEY))
        folder.finish(profile)


class _Left:
    """Events as an erasure leaves them."""

    def __init__(self, person: Person, rows: ErasedRows) -> None:
        """Leave of the events of *person* what *rows* say."""
        self._erased = rows
        self._rows = {row[-1]: row for row in rows.events}
        tokens = dict(zip(person.refs, person.tokens, strict=True))
        self._names = {
            one["position"]: SubjectKey(one["kind"], tokens[one["bucket"], one["subject_id"]]).text
            for one in person.events
        }

    def history_of(self, profile: Profile, history: Sequence[LoggedEvent]) -> list[LoggedEvent]:
        """Return what is left of a history.

        An account may have a `$void` of somebody else's that names an event of the person by the id
        it had. Such an event counts for nothing there, so it is taken away from the account.
        """
        if not profile.is_account:
            return [self._of(one) for one in history]
        void = voided([one.event for one in history])
        left = []
        for one in history:
            event = one.event
            if event.position in self._rows and event.event_id in void and event.type != VOID:
                link = (*profile.ref, event.effective_at, event.position)
                self._erased.links.append(link)
            else:
                left.append(self._of(one))
        return left

    def _of(self, logged: LoggedEvent) -> LoggedEvent:
        """Return what is left of *logged*; events of others stay as they are."""
        event = logged.event
        row = self._rows.get(event.position)
        if row is None:
            return logged
        event_id, _, _, payload, position = row
        left = Event(
            position,
            event.effective_at,
            event.type,
            event_id,
            event.source,
            event.occurred_at,
            self._names[position],
            payload,
            event.decode,
        )
        return LoggedEvent(left, logged.recorded_at)


def _count_anew(profile: Profile, history: Sequence[LoggedEvent]) -> None:
    profile.forget_history()
    profile.is_thorough = True
    profile.voids = frozenset(voided([row.event for row in history]))
    profile.repeats = repeats(history)
    for event in counting(history):
        profile.take_in(event)


def _tell(
    profile: Profile,
    projection: Projection,
    events: Sequence[Event],
    rows: Sequence[RecordRow],
    person: Person,
) -> None:
    """Fold *events* and write what its records say now, if that is the same but for names."""
    standing = profile.standings.get(projection.generation)
    if standing is None:
        return
    machine = projection.machine
    before = standing.state_by(machine)
    try:
        state, recorded = projection.lineage.fold(events)
        if state.stage_id is not None:
            state, passed = machine.advance(state, max(state.at, before.at))
            recorded = [*recorded, *passed]
    except FOLD_FAILURES as failure:
        raise _other_story(projection) from failure
    told = [content_of(one) for one in recorded]
    if state.stage_id != before.stage_id or list(map(_course, told)) != [
        _course(row.content) for row in rows
    ]:
        raise _other_story(projection)
    for content, row in zip(told, rows, strict=True):
        key = (profile.bucket, projection.generation, profile.subject_id, row.number)
        person.texts[key] = (content[_EVENT_ID], content[_EVIDENCE], *key)
    standing.becomes(state)


def _course(content: Content) -> Content:
    """Return what a record says, but not by which event nor by what it read."""
    return (*content[:_EVENT_ID], *content[_EVIDENCE + 1 : -1])


def _other_story(projection: Projection) -> ErasureRefused:
    message = (
        f"model {projection.model}: expected the same stages of what would be kept, found others;"
        " it reads ids or names of events, not only properties and traits. Use mode=purge"
    )
    return ErasureRefused("cannot_anonymise", message)


def take_out(folder: Folder, person: Person, position: int) -> Script[list[tuple[str, str]]]:
    """Take the person out of every projection; return the places that were left."""
    root = person.members[0]
    records = yield from ask(AskRecords(sorted(folder.kept), [root.ref]))
    left: list[tuple[str, str]] = []
    for profile in (yield from ask(AskProfiles([root.ref]))):
        for projection in folder.of(profile):
            standing = profile.standings.get(projection.generation)
            stage = None if standing is None else standing.state_by(projection.machine).stage_id
            if projection.is_active and stage is not None:
                left.append((projection.model, stage))
        folder.lose(profile, records, position, cause="erase", quiet=True)
    refs = [one.ref for one in person.accounts.values()]
    accounts = (yield from ask(AskProfiles(refs))) if refs else []
    again = [Refold(one, (), "erase", quiet=True) for one in accounts]
    yield from refold(folder, again, (), position)
    return left


# ---------------------------------------------------------------- what records say


def rewrite_texts(person: Person, generations: Sequence[int], position: int) -> Script[None]:
    """Let no record name an event of the person by its own id, nor tell more than is kept."""
    own = person.members[0].ref
    refs = [own, *(one.ref for one in person.accounts.values())]
    rows = yield from ask(AskTexts(sorted(generations), refs))
    mentions = Mentions((*person.names, *person.event_ids))
    told = dict(person.texts)
    for row in rows:
        text = _Text(*row)
        key = (text.bucket, text.generation, text.subject_id, text.number)
        if key in told:
            continue
        is_own = (text.bucket, text.subject_id) == own
        if is_own or text.position in person.positions or text.retracted_position == position:
            told[key] = (*_said_now(person, text, mentions), *key)
    texts = ErasedRows()
    texts.texts = sorted(told.values(), key=lambda row: row[2:])
    yield from ask(WriteErased(texts))


def _said_now(person: Person, text: _Text, mentions: Mentions) -> tuple[str | None, str]:
    event_id = text.event_id
    if event_id is not None and text.position in person.positions:
        event_id = person.event_ids.get(event_id, event_id_at(text.position))
    if person.order.mode == "purge":
        return event_id, "{}"
    read: dict[str, object] = json.loads(text.evidence)
    kept = {name: value for name, value in read.items() if not mentions.are_in(value)}
    return event_id, json.dumps(kept, separators=(",", ":"), ensure_ascii=False)
