"""Customers as a list, and the two ways to change one by hand: a transition and an alias.

Both changes are events like any other (`$stage.set`, `$alias`, `$unalias`), so the log tells who
did what, and a replay does it again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from domain.events import ALIAS, STAGE_SET, UNALIAS
from domain.model import Model
from projections.reading.answers import CustomerSort
from service.errors import Place, Problem
from service.http.answers.values import answer, listed, standing_of, subject_of
from service.http.events.event_answers import POSITION_HEADER, stages_of_receipt
from service.http.requests.calls import (
    Call,
    MayChangeCustomers,
    MaySeeCustomers,
    only_known_parameters,
)
from service.http.requests.parameters import (
    WAIT_APPLIED_SECONDS,
    Cursor,
    InstantText,
    Limit,
    MinPosition,
    ModelKey,
    Wait,
    bad_parameter,
    duration_before,
    instant_of,
    names_of,
    reach,
    taken_in,
)
from service.http.requests.strict_route import StrictRoute
from service.http.subjects.subject import SubjectId, matches, snapshot_of, standings_of
from service.intake.ingest import DEFAULT_SOURCE
from service.ports import (
    CustomerQuery,
    Expectation,
    NewEvent,
    Receipt,
    SubjectKey,
)
from service.standing import Standing, standing_now

router = APIRouter(
    prefix="/v1/customers",
    tags=["customers"],
    dependencies=[Depends(only_known_parameters)],
    route_class=StrictRoute,
)

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
_SORTS: dict[str, CustomerSort] = {
    "id": "id",
    "entered_at": "entered_at",
    "last_event_at": "last_event_at",
}
_TRAIT = "trait."
_CODES = {
    "sequence_mismatch": "precondition_failed",
    "alias_refused": "alias_refused",
    "customer_erased": "customer_erased",
}
"""What a refusal of the log is called over HTTP."""

_FIELDS = (
    "id",
    "aliases",
    "first_seen_at",
    "last_event_at",
    "events",
    "traits",
    "stages",
    "parked",
)


class ManualTransition(BaseModel):
    """Put a customer into a stage by hand."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: Name
    stage: Name
    reason: Annotated[str, Field(max_length=2_000)] | None = None
    actor: Name | None = None


class NewAlias(BaseModel):
    """Another name of the same customer: exactly one of the two."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "oneOf": [{"required": ["anonymous_id"]}, {"required": ["customer_id"]}],
            "minProperties": 1,
            "maxProperties": 1,
        },
    )

    anonymous_id: Name | None = None
    customer_id: Name | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> NewAlias:
        if (self.anonymous_id is None) == (self.customer_id is None):
            raise ValueError("expected exactly one of anonymous_id and customer_id")
        return self


@dataclass(frozen=True, slots=True)
class Filters:
    """Which customers to list, as the query says it."""

    model: str | None
    stage: str | None
    entered_before: str | None
    entered_after: str | None
    in_stage_for: str | None
    sort: str

    def query(self, call: Call, traits: dict[str, str]) -> CustomerQuery:
        """Return what to ask the store, from the beginning of the list.

        Raises:
            Problem: `bad_parameter`.
        """
        latest = (
            instant_of("entered_before", self.entered_before),
            duration_before("in_stage_for", self.in_stage_for, call.now),
        )
        speaks_of_entry = self.entered_before or self.entered_after or self.in_stage_for
        if self.model is None and (speaks_of_entry or self.sort.endswith("entered_at")):
            raise bad_parameter("model", "instants of entry and sort by entered_at need one model")
        return CustomerQuery(
            tenant=call.tenant,
            now=call.now,
            model=self.model,
            stages=names_of(self.stage),
            entered_before=min((each for each in latest if each is not None), default=None),
            entered_after=instant_of("entered_after", self.entered_after),
            traits=traits,
            sort=_SORTS[self.sort.removeprefix("-")],
            descending=self.sort.startswith("-"),
        )


async def _filters_of(
    *,
    model: ModelKey = None,
    stage: Annotated[
        str | None, Query(max_length=2_000, description="Stage ids, any of them; needs model.")
    ] = None,
    entered_before: InstantText = None,
    entered_after: InstantText = None,
    in_stage_for: Annotated[
        str | None, Query(max_length=64, description="At least so long, for example P30D or 30d.")
    ] = None,
    sort: Annotated[
        Literal["id", "-id", "entered_at", "-entered_at", "last_event_at", "-last_event_at"],
        Query(description="`entered_at` needs model."),
    ] = "id",
) -> Filters:
    """Return the filters; async, because another kind of dependency costs a change of threads."""
    return Filters(model, stage, entered_before, entered_after, in_stage_for, sort)


@router.get("", summary="Customers that meet every filter")
async def list_customers(
    *,
    call: MaySeeCustomers,
    filters: Annotated[Filters, Depends(_filters_of)],
    fields: Annotated[str | None, Query(max_length=200)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    min_position: MinPosition = None,
    wait: Wait = None,
) -> Response:
    """Return one line per customer, anonymous visitors included; `trait.<name>=` filters too.

    With `model` of a model of accounts, the lines are accounts.
    """
    positions = await reach(call.services, min_position, wait)
    traits = _traits_of(call)
    query = filters.query(call, traits)
    shown = _fields_of(fields)
    await _check_stages(call, query.model, query.stages)
    cursors = call.cursors(**asdict(filters), traits=sorted(traits.items()))
    page = await call.services.store.customers(
        replace(query, after=cursors.read(cursor), limit=limit)
    )
    data = [
        subject_of(row.subject, [standing_now(each, query.now) for each in row.stages])
        for row in page.rows
    ]
    if shown is not None:
        data = [{name: row[name] for name in shown if name in row} for row in data]
    following = cursors.write(page.next_after)
    headers = {POSITION_HEADER: str(positions.applied)}
    if following is not None:
        url = call.request.url.include_query_params(cursor=following)
        headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return answer(listed(data, following), headers=headers)


# Read by `only_known_parameters`: a family of parameters that no signature can spell out.
list_customers.query_prefixes = frozenset({_TRAIT})  # type: ignore[attr-defined]  # functions take attributes


def _traits_of(call: Call) -> dict[str, str]:
    items = call.request.query_params.multi_items()
    return {name.removeprefix(_TRAIT): value for name, value in items if name.startswith(_TRAIT)}


def _fields_of(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = names_of(text)
    strangers = [name for name in names if name not in _FIELDS]
    if strangers or not names:
        raise bad_parameter("fields", f"expected some of {', '.join(_FIELDS)}, found {text[:80]!a}")
    return names


async def _check_stages(call: Call, model: str | None, stages: tuple[str, ...]) -> None:
    if not stages:
        return
    if model is None:
        raise bad_parameter("model", "stages belong to a model; name it")
    known = await _model_of(call, model)
    strangers = [each for each in stages if each not in _stage_ids(known)]
    if strangers:
        expected = ", ".join(_stage_ids(known))
        raise bad_parameter("stage", f"{model} has {expected}; not {', '.join(strangers)[:200]}")


async def _model_of(call: Call, key: str) -> Model:
    version = await call.services.catalogue.find(call.tenant, key)
    return call.services.catalogue.model_of(version)


def _stage_ids(model: Model) -> list[str]:
    return [stage.id for stage in model.stages]


@router.post("/{subject_id:path}/transitions", status_code=201, summary="Put it into a stage")
async def set_stage(
    *,
    subject_id: SubjectId,
    body: ManualTransition,
    call: MayChangeCustomers,
    if_match: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """Record a manual transition, which is an event `$stage.set`; If-Match takes the ETag."""
    key = SubjectKey.of_customer(subject_id)
    found = await snapshot_of(call, key, body.model)
    model = await _model_of(call, body.model)
    if body.stage not in _stage_ids(model):
        message = f"{body.model} has the stages {', '.join(_stage_ids(model))}"
        place = Place("/stage", "unknown_stage", message)
        raise Problem("validation_failed", f"stage: {message}", errors=[place])
    standings = await standings_of(call, found)
    expected = _expectation(body.model, standings, if_match)
    properties = body.model_dump(exclude_none=True)
    properties.setdefault("actor", f"key:{call.principal.key_id}")
    receipt = await _append(call, key, STAGE_SET, properties, expected=expected)
    after = await standings_of(call, await snapshot_of(call, key, body.model))
    changed = [each for each in stages_of_receipt(receipt) if each["model"] == body.model]
    members = {
        "position": receipt.position,
        "event_id": receipt.event_id,
        "applied": receipt.applied,
        "transitions": changed,
        "stage": standing_of(after[0]) if after else None,
    }
    headers = {POSITION_HEADER: str(receipt.position)}
    if after:
        headers["ETag"] = f'"{after[0].view.sequence}-{after[0].version}"'
    return answer(members, status=201, headers=headers)


def _expectation(model: str, standings: list[Standing], if_match: str | None) -> Expectation | None:
    """Return what If-Match demands, after a first look at it.

    Raises:
        Problem: `precondition_failed`.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    tags = {f'"{each.view.sequence}-{each.version}"': each.view.sequence for each in standings}
    for tag, sequence in tags.items():
        if matches(tag, if_match):
            return Expectation(model, sequence)
    stands = ", ".join(tags) or "no stage yet"
    raise Problem("precondition_failed", f"If-Match: expected {if_match}, found {stands}")


@router.post("/{subject_id:path}/aliases", status_code=201, summary="Join two names into one")
async def add_alias(*, subject_id: SubjectId, body: NewAlias, call: MayChangeCustomers) -> Response:
    """Record that another name is the same customer; the histories fold as one from then on."""
    key = SubjectKey.of_customer(subject_id)
    receipt = await _append(call, key, ALIAS, body.model_dump(exclude_none=True))
    return await _whole(call, key, receipt, status=201)


@router.delete("/{subject_id:path}/aliases/{alias}", summary="Take two names apart again")
async def remove_alias(
    *,
    subject_id: SubjectId,
    alias: Annotated[str, Field(min_length=1, max_length=250)],
    call: MayChangeCustomers,
) -> Response:
    """Record that a name is somebody else after all; both histories fold apart from then on."""
    key, other = SubjectKey.of_customer(subject_id), SubjectKey.of_customer(alias)
    found = await snapshot_of(call, key)
    if other not in found.subject.aliases:
        names = ", ".join(each.text for each in found.subject.aliases) or "none"
        raise Problem("alias_not_found", f"{alias[:120]!a} is no alias of it; it has {names}")
    field = "anonymous_id" if other.kind == "anonymous" else "customer_id"
    receipt = await _append(call, key, UNALIAS, {field: other.id})
    return await _whole(call, key, receipt, status=200)


async def _whole(call: Call, key: SubjectKey, receipt: Receipt, *, status: int) -> Response:
    found = await snapshot_of(call, key)
    members = subject_of(found.subject, await standings_of(call, found))
    return answer(members, status=status, headers={POSITION_HEADER: str(receipt.position)})


async def _append(
    call: Call,
    key: SubjectKey,
    event_type: str,
    properties: dict[str, object],
    *,
    expected: Expectation | None = None,
) -> Receipt:
    """Return the receipt of an event that we make on the caller's behalf.

    Raises:
        Problem: The log refuses it.
    """
    event_id = f"evt_{call.services.randomness.token(16).hex()}"
    named = {"anonymous_id" if key.kind == "anonymous" else "customer_id": key.id}
    payload = {"id": event_id, "type": event_type, **named, "properties": properties}
    event = NewEvent(
        tenant=call.tenant,
        event_id=event_id,
        source=call.principal.source or DEFAULT_SOURCE,
        type=event_type,
        occurred_at=None,
        payload=json.dumps(payload, ensure_ascii=False, separators=(",", ":")),
        customer_id=named.get("customer_id"),
        anonymous_id=named.get("anonymous_id"),
        key_id=call.principal.key_id,
        expected=expected,
    )
    (receipt,) = await call.services.intake.append([event])
    if receipt.waits:
        await taken_in(call.services, receipt.position or 0, WAIT_APPLIED_SECONDS)
    if receipt.status == "accepted":
        return receipt
    if receipt.code == "projection_behind":
        raise Problem(receipt.code, receipt.message or receipt.code, retry_after_seconds=1)
    message = receipt.message or "the log refused it"
    raise Problem(_CODES.get(receipt.code or "", "transition_refused"), message)
