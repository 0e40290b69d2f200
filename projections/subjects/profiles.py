"""Subjects as the projections keep them: names, what is known of each, and where it stands.

These objects are the working copies of rows: a script changes them and then has them written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from domain.events import GROUP, IDENTIFY, Event, traits_in
from projections.asking import Ref
from projections.events.log import SubjectKey, SubjectKind
from projections.subjects.standings import Standing, decode_standings

DAY = 86_400_000_000
_MICROSECONDS_BEFORE_ALL = -1


NO_KEY = (_MICROSECONDS_BEFORE_ALL, 0)
"""A fold key before that of any event."""


NAME_COLUMNS = (
    "bucket",
    "subject_id",
    "tenant",
    "kind",
    "name",
    "parent_bucket",
    "parent_id",
    "root_bucket",
    "root_id",
)


def identity_of(row: Sequence[Any]) -> Identity:
    """Return the identity that a row of `NAME_COLUMNS` holds."""
    bucket, subject_id, tenant, kind, name, parent_bucket, parent_id, *root = row
    parent = None if parent_id is None else (parent_bucket, parent_id)
    return Identity(bucket, subject_id, tenant, kind, name, parent=parent, root=(root[0], root[1]))


class Identity:
    """A name that was sent, and whom it means.

    Attributes:
        parent: The subject it was joined to; None for one that was not.
        root: The canonical subject of its cluster; itself where it stands alone.
    """

    __slots__ = ("bucket", "kind", "name", "parent", "root", "subject_id", "tenant")

    def __init__(
        self,
        bucket: int,
        subject_id: int,
        tenant: str,
        kind: SubjectKind,
        name: str,
        *,
        parent: Ref | None = None,
        root: Ref | None = None,
    ) -> None:
        self.bucket = bucket
        self.subject_id = subject_id
        self.tenant = tenant
        self.kind: SubjectKind = kind
        self.name = name
        self.parent = parent
        self.root: Ref = root or (bucket, subject_id)

    @property
    def ref(self) -> Ref:
        """Where its own rows are."""
        return (self.bucket, self.subject_id)

    @property
    def row(self) -> tuple[int | str | None, ...]:
        """Its row, in the order of `NAME_COLUMNS`."""
        parent = self.parent or (None, None)
        return (*self.ref, self.tenant, self.kind, self.name, *parent, *self.root)


class Profile:
    """What is known of a canonical subject, all models aside, and its standing in each.

    Traits are kept with the fold key that set them, and the greatest key wins; so they do not
    depend on the order in which events arrive.

    Attributes:
        last_at, last_position: Fold key of the newest event that counts.
        newest_at: Greatest effective_at that was admitted, voided events included.
        settled_at: Newest instant that any standing has processed, events and deadlines alike; an
            event before it cannot simply be stepped.
        due_at: No deadline of any standing falls before it; None when none is in sight.
        voids: Event ids that a `$void` has withdrawn.
        members: The subjects whose histories it unites, itself included.
        repeats: Whether those histories have events in common.
        parked: Generations that are not being folded.
        standings: By generation.
        is_stored: Whether a row exists.
        is_thorough: Whether more of the row has changed than every event changes.
        is_new_day: Whether the newest event is of another day than the row says.
    """

    __slots__ = (
        "bucket",
        "due_at",
        "events",
        "first_seen_at",
        "is_new_day",
        "is_stored",
        "is_thorough",
        "kind",
        "last_at",
        "last_position",
        "members",
        "name",
        "newest_at",
        "parked",
        "repeats",
        "settled_at",
        "stamps",
        "standings",
        "subject_id",
        "tenant",
        "traits",
        "voids",
    )

    def __init__(self, identity: Identity) -> None:
        self.bucket, self.subject_id = identity.ref
        self.tenant = identity.tenant
        self.kind: SubjectKind = identity.kind
        self.name = identity.name
        self.members: tuple[Ref, ...] = (identity.ref,)
        self.due_at: int | None = None
        self.newest_at = self.settled_at = _MICROSECONDS_BEFORE_ALL
        self.parked: dict[int, int] = {}
        self.standings: dict[int, Standing] = {}
        self.is_stored = False
        self.is_thorough = True
        self.is_new_day = False
        self.forget_history()

    def forget_history(self) -> None:
        """Become as before the first event; members and standings stay."""
        self.first_seen_at: int | None = None
        self.last_at, self.last_position = NO_KEY
        self.events = 0
        self.traits: dict[str, object] = {}
        self.stamps: dict[str, tuple[int, int]] = {}
        self.voids: frozenset[str] = frozenset()
        self.repeats = False

    @property
    def ref(self) -> Ref:
        """Where its rows are."""
        return (self.bucket, self.subject_id)

    @property
    def key(self) -> SubjectKey:
        """Its name as a value."""
        return SubjectKey(self.kind, self.name)

    @property
    def is_account(self) -> bool:
        """Whether models of accounts, not of customers, fold it."""
        return self.kind == "account"

    def take_in(self, event: Event) -> None:
        """Count *event*, wherever in the history it stands."""
        self.events += 1
        instant, position = event.effective_at, event.position
        if self.first_seen_at is None or instant < self.first_seen_at:
            self.first_seen_at = instant
            self.is_thorough = True
        if instant > self.last_at or (instant == self.last_at and position > self.last_position):
            if not self.is_new_day and instant // DAY != self.last_at // DAY:
                self.is_new_day = True
            self.last_at, self.last_position = instant, position
        if event.type == IDENTIFY or (event.type == GROUP and self.is_account):
            self._identify(event)

    def _identify(self, event: Event) -> None:
        key = event.fold_key
        said = traits_in(event.properties, of_account=self.is_account, event_type=event.type)
        for name, value in said.items():
            if self.stamps.get(name, NO_KEY) > key:
                continue
            self.stamps[name] = key
            self.is_thorough = True
            if value is None:
                self.traits.pop(name, None)
            else:
                self.traits[name] = value


class Snapshot(NamedTuple):
    """All standings of a subject at one point of its history, to refold late events from.

    Attributes:
        slot: Place in the ring.
        key: Fold key of the newest event in it.
        events: How many events it has folded.
        states: Encoded standings.
    """

    slot: int
    key: tuple[int, int]
    events: int
    states: bytes


ProfileRow = tuple[Any, ...]
"""A row of `profiles`; its columns are those of `PROFILE_COLUMNS`."""

PROFILE_COLUMNS = (
    "bucket",
    "subject_id",
    "tenant",
    "kind",
    "name",
    "first_seen_at",
    "last_at",
    "last_position",
    "last_day",
    "events",
    "newest_at",
    "settled_at",
    "due_at",
    "traits",
    "stamps",
    "voids",
    "members",
    "repeats",
    "parked",
    "states",
)


def profile_row(profile: Profile, states: bytes) -> ProfileRow:
    """Return the whole row of *profile*."""
    alone = len(profile.members) == 1
    return (
        profile.bucket,
        profile.subject_id,
        profile.tenant,
        profile.kind,
        profile.name,
        profile.first_seen_at,
        profile.last_at,
        profile.last_position,
        profile.last_at // DAY,
        profile.events,
        profile.newest_at,
        profile.settled_at,
        profile.due_at,
        _text(profile.traits) if profile.traits else "{}",
        _text(profile.stamps) if profile.stamps else None,
        _text(sorted(profile.voids)) if profile.voids else None,
        None if alone else _text(profile.members),
        int(profile.repeats),
        _text(sorted(profile.parked.items())) if profile.parked else None,
        states,
    )


TOUCHED_COLUMNS = ("last_at", "last_position", "events", "newest_at", "settled_at", "states")
"""What every event changes; no index has any of it."""


DATED_COLUMNS = (*TOUCHED_COLUMNS[:2], "last_day", *TOUCHED_COLUMNS[2:])
"""What the first event of a day changes: one index has the day."""


def dated_row(profile: Profile, states: bytes) -> ProfileRow:
    """Return `DATED_COLUMNS` of *profile*, then its key."""
    return (
        profile.last_at,
        profile.last_position,
        profile.last_at // DAY,
        profile.events,
        profile.newest_at,
        profile.settled_at,
        states,
        profile.bucket,
        profile.subject_id,
    )


def touched_row(profile: Profile, states: bytes) -> ProfileRow:
    """Return `TOUCHED_COLUMNS` of *profile*, then its key."""
    return (
        profile.last_at,
        profile.last_position,
        profile.events,
        profile.newest_at,
        profile.settled_at,
        states,
        profile.bucket,
        profile.subject_id,
    )


def profile_of(row: ProfileRow) -> Profile:
    """Return the profile that a whole row holds."""
    profile = Profile(Identity(row[0], row[1], row[2], row[3], row[4]))
    profile.first_seen_at, profile.last_at, profile.last_position = row[5:8]
    profile.events, profile.newest_at, profile.settled_at, profile.due_at = row[9:13]
    profile.traits = traits_of(row[13])
    if row[14] is not None:
        profile.stamps = {name: (at, nth) for name, (at, nth) in json.loads(row[14]).items()}
    if row[15] is not None:
        profile.voids = frozenset(json.loads(row[15]))
    profile.members = members_in(row[16]) or profile.members
    profile.repeats = bool(row[17])
    if row[18] is not None:
        profile.parked = dict(json.loads(row[18]))
    profile.standings = decode_standings(row[19])
    profile.is_stored = True
    profile.is_thorough = False
    return profile


def members_in(text: str | None) -> tuple[Ref, ...]:
    """Return the members that a column holds; none for a subject that stands alone."""
    return () if text is None else tuple((bucket, number) for bucket, number in json.loads(text))


def traits_of(text: str) -> dict[str, object]:
    """Return the traits that a column holds."""
    return {} if text == "{}" else json.loads(text)


def _text(value: Mapping[str, object] | Iterable[object]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
