"""What tells an open page to look again: the live stream, for whoever may see the page."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from service.access.keys import Principal
from service.http.answers.event_stream import EventStream
from service.live.frames import Place
from service.live.stream import Reader
from service.live.wishes import Wish
from service.pages import access
from service.services import Services

_TEXT_LENGTH_MAX = 250
_ENOUGH = 204
"""The status at which a browser does not come back."""


async def live(request: Request) -> Response:
    """Tell what happens in one model or to one customer, from what the page shows on."""
    principal = await access.visitor(request)
    if principal is None:
        return Response(status_code=_ENOUGH)
    services: Services = request.app.state.services
    model, customer = (
        request.query_params.get(name, "")[:_TEXT_LENGTH_MAX] for name in ("model", "customer_id")
    )
    wish = Wish(models=(model,) if model else (), customer_id=customer)

    async def may_still_look() -> bool:
        return await access.visitor(request) is not None

    place = await _place(services, request)
    reader = Reader(principal.tenant, wish, may_still_look)
    return EventStream(services.live.parts(reader, _whose(principal), place), {})


async def _place(services: Services, request: Request) -> Place:
    """Return where the page stands; whatever is no place is the present."""
    try:
        asked = request.headers.get("last-event-id") or request.query_params.get("after")
        return await services.live.place(asked)
    except ValueError:
        return await services.live.place(None)


def _whose(principal: Principal) -> str:
    """Return under which name the streams of pages are counted, apart from those of programs."""
    return f"pages:{principal.key_id}"
