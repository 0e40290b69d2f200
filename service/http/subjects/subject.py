"""`/v1/customers/{id}` and `/v1/accounts/{id}`: where a subject stands, and how it came there.

Both kinds have the same routes over the same functions. An id may hold slashes, so it is a path
parameter of the greedy kind, and the routes with a suffix stand before the one without.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Header, Path, Query
from starlette.responses import Response

from domain.events import Event
from service.errors import Problem
from service.http.answers.values import (
    Members,
    Ready,
    answer,
    encoded,
    event_of,
    explanation_of,
    instant,
    listed,
    standing_of,
    subject_of,
    transition_of,
)
from service.http.events.event_answers import POSITION_HEADER
from service.http.requests.calls import Call, MaySeeCustomers, only_known_parameters
from service.http.requests.cursors import After
from service.http.requests.parameters import (
    Cursor,
    InstantText,
    KnownAt,
    Limit,
    ModelKey,
    bad_parameter,
    instant_of,
    known_position,
    names_of,
    reached,
)
from service.ports import StoredEvent, Subject, SubjectKey, SubjectSnapshot, TransitionRecord
from service.standing import Standing, pending_records, standing_now, standing_then, subject_then
from service.timeline import Mark, timeline

SUBJECT_ID_LENGTH_MAX = 250
_INCLUDED = {"retracted": "retracted", "alerts": "alert", "suppressed": "suppressed"}
Include = Annotated[
    str | None,
    Query(
        max_length=64,
        description="What to list beside the transitions that hold, with commas between: "
        "`retracted`, `alerts`, `suppressed`. A part may then hold fewer rows than its limit.",
    ),
]
SubjectId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=SUBJECT_ID_LENGTH_MAX,
        description="Id as sent; `anon:` for anonymous ones.",
    ),
]
_Packed = tuple[After | None, int, After | None, int]
KeyOf = Callable[[str], SubjectKey]


async def snapshot_of(call: Call, key: SubjectKey, model: str | None = None) -> SubjectSnapshot:
    """Return the subject and its rows.

    Raises:
        Problem: `customer_not_found`, `account_not_found`, or `model_not_found`.
    """
    found = await call.services.store.snapshot(call.tenant, key, model=model)
    if found is None:
        raise unknown(key)
    if model is not None and not found.stages:
        await call.services.catalogue.find(call.tenant, model)
    return found


def unknown(key: SubjectKey) -> Problem:
    """Return the refusal to tell of a stranger."""
    kind = "account" if key.kind == "account" else "customer"
    message = f"there is no {kind} {key.text[:120]!a}; no event has named it"
    return Problem(f"{kind}_not_found", message)


async def standings_of(
    call: Call,
    found: SubjectSnapshot,
    *,
    as_of: int | None = None,
    known_at: int | None = None,
) -> list[Standing]:
    """Return where the subject stands in each model, now or then."""
    _, standings = await view_of(call, found, as_of=as_of, known_at=known_at)
    return standings


async def view_of(
    call: Call,
    found: SubjectSnapshot,
    *,
    as_of: int | None = None,
    known_at: int | None = None,
) -> tuple[Subject, list[Standing]]:
    """Return the subject and where it stands in each model, now or then."""
    now = call.now
    if as_of is None and known_at is None:
        return found.subject, [standing_now(row, now) for row in found.stages]
    history = await known_history(call, found, known_at=known_at)
    instant = now if as_of is None else as_of
    then: list[Standing | None] = []
    for row in found.stages:
        then.append(standing_then(row, history, instant))
        await asyncio.sleep(0)  # a long history takes its time in each model
    subject = subject_then(found.subject, history, instant)
    return subject, [each for each in then if each is not None]


async def known_history(
    call: Call, found: SubjectSnapshot, *, known_at: int | None = None
) -> list[Event]:
    """Return the history of *found*, of those names and as far as it knows the log.

    What was stored, joined or parted since is another moment's; the answer is to be of one.
    """
    subject, applied = found.subject, found.positions.applied
    known = applied if known_at is None else min(known_at, applied)
    return await call.services.store.history(
        call.tenant, subject.key, aliases=subject.aliases, known_at=known
    )


def entity_tag(standings: list[Standing], body: bytes) -> str:
    """Return the tag of *body*: in one model `"{sequence}-{model_version}"`, else a digest."""
    if len(standings) == 1:
        return f'"{standings[0].view.sequence}-{standings[0].version}"'
    total = sum(each.view.sequence for each in standings)
    return f'"{total}-{hashlib.sha256(body).hexdigest()[:16]}"'


def headers_of(found: SubjectSnapshot, tag: str) -> dict[str, str]:
    """Return the headers of an answer that tells *found* under *tag*."""
    return {"ETag": tag, POSITION_HEADER: str(found.positions.applied)}


def matches(tag: str, header: str | None) -> bool:
    """Whether *tag* is among those of an If-Match or If-None-Match *header*."""
    if header is None:
        return False
    sent = {each.strip().removeprefix("W/") for each in header.split(",")}
    return "*" in sent or tag in sent


def answer_whole(
    found: SubjectSnapshot,
    subject: Subject,
    standings: list[Standing],
    *,
    if_none_match: str | None = None,
) -> Response:
    """Return *subject* with its stages; 304 where the caller has that already."""
    body = encoded(subject_of(subject, standings))
    tag = entity_tag(standings, body)
    headers = headers_of(found, tag)
    if matches(tag, if_none_match):
        return Response(status_code=304, headers=headers)
    return Ready(body, headers=headers)


def router_of(prefix: str, tag: str, key_of: KeyOf) -> APIRouter:
    """Return the routes of one kind of subject below *prefix*."""
    router = APIRouter(
        prefix=prefix, tags=[tag], dependencies=[Depends(only_known_parameters), Depends(reached)]
    )

    @router.get("/{subject_id:path}/stages", summary="Its stage in each model")
    async def stages(
        *,
        subject_id: SubjectId,
        call: MaySeeCustomers,
        model: ModelKey = None,
        as_of: InstantText = None,
        known_at: KnownAt = None,
    ) -> Response:
        found = await snapshot_of(call, key_of(subject_id), model)
        standings = await standings_of(
            call,
            found,
            as_of=instant_of("as_of", as_of),
            known_at=await known_position(call.services, known_at),
        )
        position = {POSITION_HEADER: str(found.positions.applied)}
        return answer(listed([standing_of(each) for each in standings], None), headers=position)

    _add_transitions(router, key_of)
    _add_events(router, key_of)
    _add_timeline(router, key_of)
    _add_explain(router, key_of)
    _add_whole(router, key_of)
    return router


def _add_whole(router: APIRouter, key_of: KeyOf) -> None:
    @router.get("/{subject_id:path}", summary="Where it stands, why, and what comes next")
    async def whole(
        *,
        subject_id: SubjectId,
        call: MaySeeCustomers,
        if_none_match: Annotated[str | None, Header(max_length=1_000)] = None,
        model: ModelKey = None,
        as_of: InstantText = None,
        known_at: KnownAt = None,
    ) -> Response:
        at = instant_of("as_of", as_of)
        knowledge = await known_position(call.services, known_at)
        found = await snapshot_of(call, key_of(subject_id), model)
        subject, standings = await view_of(call, found, as_of=at, known_at=knowledge)
        return answer_whole(found, subject, standings, if_none_match=if_none_match)


def _add_transitions(router: APIRouter, key_of: KeyOf) -> None:
    @router.get("/{subject_id:path}/transitions", summary="How it came there")
    async def transitions(
        *,
        subject_id: SubjectId,
        call: MaySeeCustomers,
        model: ModelKey = None,
        include: Include = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        included = _included(include)
        filters = {"model": model, "include": include, "limit": limit}
        cursors = call.cursors(**filters)
        key = key_of(subject_id)
        found = await snapshot_of(call, key, model)
        page = await call.services.store.transitions(
            call.tenant,
            key,
            model=model,
            after=cursors.read(cursor),
            limit=limit,
            include_retracted="retracted" in included,
        )
        rows = list(page.rows)
        if page.next_after is None:
            rows += _pending(found, call.tenant, call.now, model)
            rows.sort(key=lambda each: (each.model, each.sequence))
        headers = {POSITION_HEADER: str(found.positions.applied)}
        data = [transition_of(each) for each in rows if each.kind in included]
        return answer(listed(data, cursors.write(page.next_after)), headers=headers)


def _included(text: str | None) -> set[str]:
    """Return the kinds of records to list, and `retracted` where those are wanted too.

    Raises:
        Problem: `bad_parameter`.
    """
    names = names_of(text)
    for name in names:
        if name not in _INCLUDED:
            message = f"expected {', '.join(_INCLUDED)} with commas between, found {name[:40]!a}"
            raise bad_parameter("include", message)
    return {"transition", *(_INCLUDED[name] for name in names)}


def _pending(
    found: SubjectSnapshot, tenant: str, now: int, model: str | None = None
) -> list[TransitionRecord]:
    """Return what time alone has brought about and no sweep has written down yet."""
    return [
        record
        for row in found.stages
        if model is None or row.model == model
        for record in pending_records(
            row, standing_now(row, now), tenant=tenant, subject=found.subject.key
        )
    ]


def _add_events(router: APIRouter, key_of: KeyOf) -> None:
    @router.get("/{subject_id:path}/events", summary="Its events, exactly as sent")
    async def events(
        *,
        subject_id: SubjectId,
        call: MaySeeCustomers,
        order: Annotated[Literal["oldest", "newest"], Query()] = "oldest",
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        cursors = call.cursors(order=order)
        key = key_of(subject_id)
        found = await snapshot_of(call, key)
        page = await call.services.store.events(
            call.tenant,
            key,
            after=cursors.read(cursor),
            limit=limit,
            newest_first=order == "newest",
        )
        data = [event_of(each) for each in page.rows]
        headers = {POSITION_HEADER: str(found.positions.applied)}
        return answer(listed(data, cursors.write(page.next_after)), headers=headers)


def _add_timeline(router: APIRouter, key_of: KeyOf) -> None:
    @router.get("/{subject_id:path}/timeline", summary="Events and transitions, newest first")
    async def whole_timeline(
        *,
        subject_id: SubjectId,
        call: MaySeeCustomers,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        cursors = call.cursors()
        found = await snapshot_of(call, key_of(subject_id))
        part = await timeline(
            call.services.store,
            call.tenant,
            found.subject.key,
            pending=_pending(found, call.tenant, call.now),
            mark=_mark_of(cursors.read(cursor)),
            limit=limit,
        )
        data: list[Members] = [
            {"entry": "event", "at": instant(each.effective_at), "event": event_of(each)}
            if isinstance(each, StoredEvent)
            else {
                "entry": "transition",
                "at": instant(each.effective_at),
                "transition": transition_of(each),
            }
            for each in part.entries
        ]
        headers = {POSITION_HEADER: str(found.positions.applied)}
        return answer(listed(data, cursors.write(_after_of(part.mark))), headers=headers)


def _mark_of(after: After | None) -> Mark:
    if after is None:
        return Mark()
    events, told, transitions, told_too = msgspec.json.decode(str(after[0]), type=_Packed)
    return Mark(events, told, transitions, told_too)


def _after_of(mark: Mark | None) -> After | None:
    if mark is None:
        return None
    packed = (mark.events, mark.events_told, mark.transitions, mark.transitions_told)
    return (msgspec.json.encode(packed).decode(),)


def _add_explain(router: APIRouter, key_of: KeyOf) -> None:
    @router.get(
        "/{subject_id:path}/explain", summary="Each rule of its stage: matched or not, and why"
    )
    async def explain(
        *,
        subject_id: SubjectId,
        call: MaySeeCustomers,
        model: ModelKey = None,
        as_of: InstantText = None,
    ) -> Response:
        at = instant_of("as_of", as_of)
        found = await snapshot_of(call, key_of(subject_id), model)
        standings = await standings_of(call, found, as_of=at)
        history = await known_history(call, found)
        now = call.now if at is None else at
        last = next((each for each in reversed(history) if each.effective_at <= now), None)
        data: list[Members] = [
            {
                **standing_of(each),
                "as_of": instant(now),
                "last_event": None if last is None else {"id": last.event_id, "type": last.type},
                "rules": [
                    explanation_of(rule) for rule in each.machine.explain(each.state, now, last)
                ],
            }
            for each in standings
        ]
        headers = {POSITION_HEADER: str(found.positions.applied)}
        members = listed(data, None)
        return answer(members if model is None else {**members, **data[0]}, headers=headers)
