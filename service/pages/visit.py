"""One look at a page: who looks, in which language, and how an answer is dressed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.access.keys import Principal
from service.errors import Problem
from service.http.requests.cursors import Cursors
from service.language.speaker import CODES, Language, language_of
from service.pages import access
from service.pages.catalogue import ModelLabel, labels
from service.pages.rendering import render
from service.ports import StoreError
from service.services import Services

LANGUAGE_COOKIE = "stagefold_language"

_YEAR_SECONDS = 365 * 86_400
_TEXT_LENGTH_MAX = 200
_CURSOR_LENGTH_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Visit:
    """One look at a page: the parts of the process, who looks, and in which language."""

    request: Request
    services: Services
    principal: Principal
    language: Language
    labels: list[ModelLabel]

    @property
    def tenant(self) -> str:
        """Whose data is shown."""
        return self.principal.tenant

    def asked(self, name: str) -> str:
        """Return a query parameter, shortened to what can be meant; empty where absent."""
        return self.request.query_params.get(name, "").strip()[:_TEXT_LENGTH_MAX]

    def asked_cursor(self) -> str | None:
        """Return the cursor that was asked for, if any."""
        return self.request.query_params.get("cursor", "")[:_CURSOR_LENGTH_MAX] or None

    def cursors(self, **filters: object) -> Cursors:
        """Return what makes and reads the cursors of this page under *filters*."""
        described = {**filters, "tenant": self.tenant}
        return Cursors(self.services.cursor_secret, self.request.url.path, described)

    def page(self, template: str, status: int = 200, /, **values: object) -> Response:
        """Return the page that *template* makes of *values* and of what every page has."""
        common = {
            "labels": self.labels,
            "now": self.services.clock.now(),
            "is_guest": self.principal.key_id == access.GUEST.key_id,
        }
        return dressed(self.request, self.language, template, {**common, **values}, status=status)


Page = Callable[[Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def visited(page: Page) -> Endpoint:
    """Return the endpoint of *page*: whoever may not look is asked to sign in."""

    @wraps(page)
    async def endpoint(request: Request) -> Response:
        language = asked_language(request)
        try:
            principal = await access.visitor(request)
            if principal is None:
                back = urlencode({"next": _own_address(request)})
                return RedirectResponse(f"/login?{back}", 303)
            services: Services = request.app.state.services
            found = await labels(services, principal.tenant, language)
            return await page(Visit(request, services, principal, language, found))
        except Problem as problem:
            # A cursor of another list, say: the page from its beginning is the better answer.
            if problem.code.startswith("cursor"):
                return RedirectResponse(own_path(request), 303)
            return dressed(request, language, "away.html", {}, status=503)
        except StoreError:
            return dressed(request, language, "away.html", {}, status=503)

    return endpoint


def _own_address(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{own_path(request)}{query}"


def own_path(request: Request) -> str:
    """Return the path as it was asked for: an id in it may hold any sign, escaped."""
    raw: bytes = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    return raw.decode("ascii", "replace")


def asked_language(request: Request) -> Language:
    """Return the reader's language: as asked, as chosen before, or as the browser says."""
    return language_of(
        request.query_params.get("lang"),
        request.cookies.get(LANGUAGE_COOKIE),
        header=request.headers.get("accept-language"),
    )


def dressed(
    request: Request,
    language: Language,
    template: str,
    values: Mapping[str, object],
    *,
    status: int = 200,
) -> Response:
    """Return a page with what every page has; a language that was chosen is remembered."""
    common: dict[str, object] = {
        "labels": [],
        "label": None,
        "is_guest": True,
        "languages": [
            (code, name, request.url.include_query_params(lang=code).query)
            for code, name in language.others
        ],
        "path": own_path(request),
        "query": "",
        "twin": None,
    }
    response = render(template, {**common, **values}, language=language, status=status)
    if request.query_params.get("lang") in CODES:
        response.set_cookie(
            LANGUAGE_COOKIE, language.code, max_age=_YEAR_SECONDS, httponly=True, samesite="lax"
        )
    return response
