"""What anybody may see: the door to sign in at, the API's description, and the files of pages."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.pages import access
from service.pages.reference import reference_of
from service.pages.rendering import assets
from service.pages.visit import asked_language, dressed

_FORM_BYTES_MAX = 4_096
_KEPT = "public, max-age=31536000, immutable"
_SHOWN_HERE = {"Referrer-Policy": "same-origin"}
"""Under the stricter policy of other answers browsers send a form with `Origin: null`."""


async def login_form(request: Request) -> Response:
    """Show the form that takes an API key."""
    back = _inside(request.query_params.get("next", "/"))
    return _form(request, back, is_wrong=False)


async def log_in(request: Request) -> Response:
    """Take an API key in exchange for a session; only from our own form."""
    given = await _fields(request)
    back = _inside(given.get("next", "/"))
    if not access.is_own_form(request):
        return _form(request, back, is_wrong=True, status=403)
    cookie = await access.sign_in(request, given.get("key", ""))
    if cookie is None:
        return _form(request, back, is_wrong=True, status=401)
    response = RedirectResponse(back, 303)
    access.set_cookie(response, cookie, secure=request.url.scheme == "https")
    return response


async def log_out(request: Request) -> Response:
    """End the session of this browser."""
    response = RedirectResponse("/login", 303)
    if access.is_own_form(request):
        response.delete_cookie(access.COOKIE, path="/", httponly=True, samesite="strict")
    return response


async def reference(request: Request) -> Response:
    """Show what the API can do; `/openapi.json` says the same to programs."""
    values = {"reference": reference_of(request.app), "twin": "/openapi.json"}
    return dressed(request, asked_language(request), "reference.html", values)


async def static(request: Request) -> Response:
    """Return a file that pages refer to; asked for by its tag it may be kept for ever."""
    asset = assets().get(request.path_params["name"])
    if asset is None:
        return Response(status_code=404)
    kept = request.query_params.get("v") == asset.tag
    headers = {"Cache-Control": _KEPT if kept else "no-cache", "ETag": f'"{asset.tag}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(asset.body, headers=headers, media_type=asset.media_type)


def _form(request: Request, back: str, *, is_wrong: bool, status: int = 200) -> Response:
    values = {"back": back, "is_wrong": is_wrong}
    response = dressed(request, asked_language(request), "login.html", values, status=status)
    response.headers.update(_SHOWN_HERE)
    return response


async def _fields(request: Request) -> dict[str, str]:
    """Return the fields of a form; those of one that is too long are not read."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES_MAX:
            return {}
    fields = parse_qs(body.decode("ascii", "replace"), max_num_fields=10)
    return {name: values[0] for name, values in fields.items()}


def _inside(address: str) -> str:
    """Return *address* if it stays on this site, else the front page."""
    inside = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if inside and address.isprintable() else "/"
