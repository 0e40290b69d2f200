"""Routes whose JSON bodies are read as strictly as events are.

A key given twice means one thing to this reader and another to the next; NaN, half a surrogate pair
and U+0000 are values that some store cannot keep. FastAPI's own reader lets all of them through.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from service.door.bodies import decoded
from service.door.faults import Fault
from service.door.strict import read
from service.errors import Place, Problem
from service.http.requests.calls import services_of

Handler = Callable[[Request], Coroutine[None, None, Response]]


class StrictRoute(APIRoute):
    """A route that refuses a JSON body in which readers might disagree."""

    def get_route_handler(self) -> Handler:
        """Return the usual handler, behind a look at the body where the route has one."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def look_first(request: Request) -> Response:
            body = await request.body()
            if body and _is_json(request):
                _, faults = read(decoded(body), services_of(request).intake.bounds)
                if faults:
                    raise _problem(faults)
            return await handle(request)

        return look_first


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _problem(faults: tuple[Fault, ...]) -> Problem:
    message = "; ".join(f"{each.pointer or 'body'}: {each.message}" for each in faults[:3])
    if faults[0].code == "malformed_json":
        return Problem("malformed_json", message)
    places = [Place(each.pointer, each.code, each.message) for each in faults]
    return Problem("validation_failed", message, errors=places)
