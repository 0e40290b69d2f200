"""The live stream over HTTP, and the tokens that web pages open it with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from service.access.keys import Principal
from service.errors import Place, Problem
from service.http.answers.event_stream import EventStream
from service.http.answers.values import answer, instant
from service.http.requests.addresses import address_of
from service.http.requests.calls import (
    MaySeeCustomers,
    ServicesOf,
    authorize,
    entered,
    only_known_parameters,
)
from service.http.requests.parameters import bad_parameter, names_of
from service.http.requests.strict_route import StrictRoute
from service.live.frames import TYPES
from service.live.stream import Reader
from service.live.wishes import Wish, is_one_of
from service.services import Services

SCOPE = "customers:read"
NAMES_MAX = 50

router = APIRouter(
    tags=["log"], dependencies=[Depends(only_known_parameters)], route_class=StrictRoute
)

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.:*-]+$")]
Names = Annotated[list[Name], Field(max_length=NAMES_MAX)]
_List = Annotated[str | None, Query(max_length=2_000, description="Some, with commas.")]
_CustomerId = Annotated[str, Field(max_length=250)]
_PLACE = r"^[0-9]{1,18}(\.[0-9]{1,6})?$"


class StreamFilter(BaseModel):
    """What a token's stream tells; what is left out narrows nothing."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: Names = []
    stage: Names = []
    customer_id: _CustomerId = ""
    types: Names = []

    def wish(self) -> Wish:
        """Return it as it is kept."""
        lists = (tuple(self.model), tuple(self.stage))
        return Wish(*lists, self.customer_id, tuple(self.types))


async def _asked(
    *,
    model: _List = None,
    stage: Annotated[
        str | None, Query(max_length=2_000, description="Stages entered, with commas.")
    ] = None,
    customer_id: Annotated[str, Query(max_length=250, description="Only this customer.")] = "",
    types: Annotated[
        str | None, Query(max_length=2_000, description="Types with commas; `*` is any text.")
    ] = None,
) -> Wish:
    """Return what the parameters ask for."""
    return Wish(names_of(model), names_of(stage), customer_id, names_of(types))


@router.get("/v1/stream", summary="Transitions as they happen")
async def stream(
    *,
    request: Request,
    services: ServicesOf,
    wish: Annotated[Wish, Depends(_asked)],
    after: Annotated[
        str | None, Query(pattern=_PLACE, description="`id` last seen; else from now on.")
    ] = None,
    token: Annotated[
        str | None, Query(max_length=4_096, description="A stream token instead of a key.")
    ] = None,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=100)] = None,
) -> Response:
    """Tell transitions and alerts as server-sent events, with the bodies that webhooks have.

    A reader who comes back with the last `id` that he saw misses nothing and is told nothing twice.
    """
    if token is None:
        principal = await authorize(request, SCOPE)
    else:
        principal, wish = await _granted(request, services, token, wish)
    await _check(services, principal.tenant, wish)
    try:
        place = await services.live.place(last_event_id or after)
    except ValueError as error:
        raise bad_parameter("Last-Event-ID", str(error)) from None
    reader = Reader(principal.tenant, wish, _standing(request, services, principal))
    parts = services.live.parts(reader, principal.key_id, place)
    return EventStream(parts, _open_to(request, principal))


async def _granted(
    request: Request, services: Services, token: str, asked: Wish
) -> tuple[Principal, Wish]:
    """Return who speaks by *token*, and what the token tells.

    Raises:
        Problem: `stream_token_invalid`, `key_invalid`, `address_not_allowed`, `rate_limited`,
            `scope_missing`, or `bad_parameter` for a filter beside the token's own.
    """
    grant = services.live.tokens.read(token)
    if asked != Wish():
        raise bad_parameter("token", "it has a filter of its own; leave the others out")
    principal = await services.keys.principal(grant.key_id, address=_address(request, services))
    if principal is None:
        raise Problem("key_invalid", "the API key of the token is revoked or expired")
    return entered(request, principal, SCOPE), grant.wish


def _address(request: Request, services: Services) -> str:
    return address_of(request.scope, services.settings.trusted_proxies)


async def _check(services: Services, tenant: str, wish: Wish) -> None:
    """Go on if something can come of *wish*: a typing error would be waited for in vain.

    Raises:
        Problem: `bad_parameter` or `model_not_found`.
    """
    strangers = [each for each in wish.types if not any(is_one_of(one, (each,)) for one in TYPES)]
    if strangers:
        raise bad_parameter("types", f"expected some of {', '.join(TYPES)}; found {strangers[0]!a}")
    if wish.models:
        known = {each.model for each in await services.store.models(tenant)}
        unknown = [each for each in wish.models if each not in known]
        if unknown:
            place = Place("/model", "model_not_found", "see /v1/models for the models there are")
            message = f"there is no model {unknown[0][:64]!a}"
            raise Problem("model_not_found", message, errors=[place])


def _standing(
    request: Request, services: Services, principal: Principal
) -> Callable[[], Awaitable[bool]]:
    """Return what tells whether the key of *principal* may still read here."""
    address = _address(request, services)

    async def stands() -> bool:
        found = await services.keys.principal(principal.key_id, address=address)
        return found is not None and found.may(SCOPE)

    return stands


def _open_to(request: Request, principal: Principal) -> dict[str, str]:
    """Return the header fields that let a page of another origin listen, if the key names it."""
    origin = request.headers.get("origin")
    if origin is None or origin not in principal.origins:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Vary": "Origin",
    }


@router.post("/v1/stream-tokens", status_code=201, summary="Let a web page listen")
async def make_token(*, call: MaySeeCustomers, body: StreamFilter) -> Response:
    """Return a token that opens streams with this filter, and no others, for 60 s."""
    wish = body.wish()
    await _check(call.services, call.tenant, wish)
    token, until = call.services.live.tokens.write(call.principal.key_id, wish)
    members = {"token": token, "expires_at": instant(until)}
    return answer(members, status=201, headers={"Cache-Control": "no-store"})
