"""The addresses of the pages, all outside `/v1`: what is asked, and which template answers."""

from __future__ import annotations

from datetime import UTC

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from domain.instants import format_instant, parse_date_or_instant
from service.pages import gate
from service.pages.board import board_view, subject_url
from service.pages.catalogue import by_key
from service.pages.lists import Wanted, listing, named
from service.pages.live import live
from service.pages.rendering import diagram
from service.pages.story import packed, unpacked
from service.pages.subject import Look, subject_view
from service.pages.visit import Visit, visited
from service.ports import SubjectKey

_ID_LENGTH_MAX = 250


def routes() -> list[Route]:
    """Return the routes; the application appends them to its own."""
    return [
        Route("/", visited(_board), methods=["GET"]),
        Route("/customers", visited(_customers), methods=["GET"]),
        Route("/customers/{subject_id:path}", visited(_customer), methods=["GET"]),
        Route("/accounts/{subject_id:path}", visited(_account), methods=["GET"]),
        Route("/live", live, methods=["GET"]),
        Route("/login", gate.login_form, methods=["GET"]),
        Route("/login", gate.log_in, methods=["POST"]),
        Route("/logout", gate.log_out, methods=["POST"]),
        Route("/docs", gate.reference, methods=["GET"]),
        Route("/static/{name}", gate.static, methods=["GET"]),
    ]


async def _board(visit: Visit) -> Response:
    if not visit.labels:
        return visit.page("no_models.html")
    key = visit.asked("model")
    label = by_key(visit.labels).get(key) if key else visit.labels[0]
    if label is None:
        return _missing(visit, "missing.model", key)
    begun = await visit.services.live.place(None)
    now = visit.services.clock.now()
    text = visit.asked("as_of")
    as_of = _instant_of(text)
    view = await board_view(
        visit.services,
        visit.tenant,
        label,
        as_of=now if as_of is None else as_of,
        is_now=as_of is None,
    )
    return visit.page(
        "board.html",
        board=view,
        label=label,
        picture=diagram(label.model, visit.language),
        is_now=as_of is None,
        place_of_feed=begun.text,
        as_of_text=text if as_of is not None else "",
        bad_as_of=text if text and as_of is None else "",
        twin=f"/v1/models/{label.key}/board"
        + ("" if as_of is None else f"?as_of={format_instant(as_of)}"),
    )


def _instant_of(text: str) -> int | None:
    """Return the instant that somebody typed; None for none that we can read."""
    if not text:
        return None
    try:
        return parse_date_or_instant(text, UTC)
    except ValueError:
        return None


async def _customers(visit: Visit) -> Response:
    key = visit.asked("model")
    label = by_key(visit.labels).get(key)
    if label is None:
        if key or not visit.labels:
            return _missing(visit, "missing.model", key)
        label = visit.labels[0]
    wanted = Wanted(label, visit.asked("stage"), visit.asked("q"))
    exact = await named(visit.services, visit.tenant, wanted.text) if wanted.text else None
    if exact is not None:
        return RedirectResponse(subject_url(exact), 303)
    cursors = visit.cursors(model=key, stage=wanted.stage)
    found = await listing(
        visit.services, visit.tenant, wanted, after=cursors.read(visit.asked_cursor())
    )
    return visit.page(
        "customers.html",
        found=found,
        wanted=wanted,
        label=label,
        query=wanted.text,
        next_cursor=cursors.write(found.next_after),
    )


async def _customer(visit: Visit) -> Response:
    text = visit.request.path_params["subject_id"][:_ID_LENGTH_MAX]
    return await _subject(visit, SubjectKey.of_customer(text))


async def _account(visit: Visit) -> Response:
    text = visit.request.path_params["subject_id"][:_ID_LENGTH_MAX]
    return await _subject(visit, SubjectKey("account", text))


async def _subject(visit: Visit, key: SubjectKey) -> Response:
    cursors = visit.cursors()
    focus = visit.asked("model") or None
    look = Look(
        tenant=visit.tenant,
        labels=visit.labels,
        language=visit.language,
        focus=focus,
        mark=unpacked(cursors.read(visit.asked_cursor())),
    )
    begun = await visit.services.live.place(None)
    view = await subject_view(visit.services, key, look)
    if view is None:
        return _missing(visit, "missing.customer", key.text)
    after = None if view.next_mark is None else packed(view.next_mark)
    kind = "accounts" if view.subject.key.kind == "account" else "customers"
    return visit.page(
        "subject.html",
        view=view,
        label=view.places[0].label if view.places else None,
        url=subject_url(view.subject),
        is_first=not visit.asked_cursor(),
        place_of_feed=begun.text,
        next_cursor=cursors.write(after),
        twin=f"/v1{subject_url(view.subject)}",
        kind=kind,
    )


def _missing(visit: Visit, sentence: str, text: str) -> Response:
    return visit.page("missing.html", 404, sentence=sentence, id=text)
