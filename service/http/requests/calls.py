"""What every handler asks of a request: the services, who speaks, and only known parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant

from service.access.keys import ADMIN, DEFAULT_TENANT, Principal
from service.access.rates import Policy
from service.errors import Place, Problem
from service.http.requests.addresses import address_of
from service.http.requests.cursors import Cursors
from service.http.requests.fields import header_in
from service.services import Services

ANY_SCOPE = ""
"""What every key has."""

_TAKES_EVENTS = frozenset({"events:write", "events:import"})
"""Scopes of routes that are held to a number of events, not of requests."""

_is_bearer = re.compile(r"[Bb]earer +([!-~]+) *").fullmatch


def services_of(request: Request) -> Services:
    """Return the parts of the process that answers *request*."""
    services: Services = request.scope["state"]["services"]
    return services


async def _services_of(request: Request) -> Services:
    """Return the same to a handler; a dependency that is not async costs a change of threads."""
    return services_of(request)


async def authorize(request: Request, scope: str) -> Principal:
    """Return who speaks, and make sure that he may.

    Raises:
        Problem: `key_missing`, or what `principal_of` raises.
    """
    header = header_in(request.scope, b"authorization")
    if header is None:
        raise Problem("key_missing", "this needs an API key: Authorization: Bearer sfk_…")
    bearer = _is_bearer(header)
    if bearer is None:
        raise Problem("key_invalid", "expected Authorization: Bearer and one API key")
    return await principal_of(request, bearer[1], scope)


async def principal_of(request: Request, token: str, scope: str) -> Principal:
    """Return who speaks by the API key *token*, however it was sent, and make sure that he may.

    Raises:
        Problem: `key_invalid`, `address_not_allowed`, `rate_limited` or `scope_missing`.
    """
    state = request.scope["state"]
    known: Principal | None = state.get("principal")
    if known is None or state["token"] != token:
        known = await _identified(request, token, scope)
    return _having(known, scope)


def _having(principal: Principal, scope: str) -> Principal:
    if not principal.may(scope):
        message = f"this needs a key with the scope {scope}; this one has not"
        raise Problem("scope_missing", message)
    return principal


async def _identified(request: Request, token: str, scope: str) -> Principal:
    """Return whose key *token* is, after taking the request from its quota."""
    services, state = services_of(request), request.scope["state"]
    address = address_of(request.scope, services.settings.trusted_proxies)
    principal = await services.keys.identify(token, address=address)
    _enter(request, principal, scope)
    state["principal"], state["token"] = principal, token
    return principal


def entered(request: Request, principal: Principal, scope: str) -> Principal:
    """Return *principal*, who has shown no key but what stands for one, and make sure he may.

    Raises:
        Problem: `address_not_allowed`, `rate_limited` or `scope_missing`.
    """
    _enter(request, principal, scope)
    return _having(principal, scope)


def _enter(request: Request, principal: Principal, scope: str) -> None:
    """Take the request of *principal* from its quota."""
    services, state = services_of(request), request.scope["state"]
    origin = header_in(request.scope, b"origin") if principal.origins else None
    if origin is not None and origin not in principal.origins:
        message = f"this key may not be used by pages of {origin[:120]}"
        raise Problem("address_not_allowed", message)
    state["key_id"] = principal.key_id
    policy: Policy = "write" if scope in _TAKES_EVENTS else "api"
    state["rate"] = services.rates.enter(principal, policy)
    services.uses.count_request(principal.tenant, principal.key_id)


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised request: the parts of the process, and who speaks."""

    request: Request
    services: Services
    principal: Principal

    @property
    def tenant(self) -> str:
        """Whose data the caller sees."""
        return self.principal.tenant

    @property
    def now(self) -> int:
        """The present instant."""
        return self.services.clock.now()

    def cursors(self, **filters: object) -> Cursors:
        """Return what makes and reads the cursors of this list under *filters*."""
        described = {**filters, "tenant": self.tenant}
        return Cursors(self.services.cursor_secret, self.request.url.path, described)


def needs(scope: str) -> Callable[[Request], Coroutine[None, None, Call]]:
    """Return a dependency that gives the call, if its key has *scope*."""

    async def call(request: Request) -> Call:
        principal = await authorize(request, scope)
        return Call(request, services_of(request), principal)

    return call


async def _operator(request: Request) -> Call:
    """Return the call, if its key administers the whole installation."""
    principal = await authorize(request, ADMIN)
    if not principal.is_operator:
        message = f"this needs an admin key of the tenant {DEFAULT_TENANT}, the operator's own"
        raise Problem("scope_missing", message)
    return Call(request, services_of(request), principal)


async def only_known_parameters(request: Request) -> None:
    """Refuse a query parameter that the route does not have: a typing error must not be ignored.

    Raises:
        Problem: `unknown_parameter`; one place for each.
    """
    route = request.scope["route"]
    name_route(request, route.path_format)
    prefixes: frozenset[str] = getattr(route.endpoint, "query_prefixes", frozenset())
    refuse_unknown(request, prefixes | _query_names(route.dependant))


def _query_names(dependant: Dependant) -> frozenset[str]:
    """Return the parameters of a route, those of its dependencies included."""
    inner = [_query_names(each) for each in dependant.dependencies]
    return frozenset(each.alias for each in dependant.query_params).union(*inner)


def name_route(request: Request, path: str) -> None:
    """Tell the edge which route answers, for its log line and its figures."""
    request.scope["state"]["route"] = path


def refuse_unknown(request: Request, known: frozenset[str]) -> None:
    """Refuse query parameters outside *known*; a name that ends in `.` stands for all behind it.

    Raises:
        Problem: `unknown_parameter`; one place for each. `bad_parameter` for one given twice.
    """
    given = [name for name, _ in request.query_params.multi_items()]
    strangers = sorted({name for name in given if name not in known and not _opens(name, known)})
    if strangers:
        taken = ", ".join(sorted(known)) or "none"
        raise Problem(
            "unknown_parameter",
            f"unknown query parameters: {', '.join(strangers)[:200]}; this takes {taken}",
            errors=[
                Place(f"/{each}", "unknown_parameter", f"known: {taken}") for each in strangers
            ],
        )
    repeated = sorted({name for name in given if given.count(name) > 1})
    if repeated:
        raise Problem("bad_parameter", f"given more than once: {', '.join(repeated)[:200]}")


def _opens(name: str, known: frozenset[str]) -> bool:
    head, dot, rest = name.partition(".")
    return bool(rest) and head + dot in known


ServicesOf = Annotated[Services, Depends(_services_of)]
MaySeeCustomers = Annotated[Call, Depends(needs("customers:read"))]
MayChangeCustomers = Annotated[Call, Depends(needs("customers:write"))]
MaySeeMetrics = Annotated[Call, Depends(needs("metrics:read"))]
MayChangeModels = Annotated[Call, Depends(needs("models:write"))]
MayRebuild = Annotated[Call, Depends(needs("rebuilds:run"))]
MayImport = Annotated[Call, Depends(needs("events:import"))]
MayAdminister = Annotated[Call, Depends(needs("admin"))]
MayOperate = Annotated[Call, Depends(_operator)]
MayManageWebhooks = Annotated[Call, Depends(needs("webhooks:manage"))]
MaySeeAnything = Annotated[Call, Depends(needs(ANY_SCOPE))]
