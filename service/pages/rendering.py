"""Templates become pages: escaped by default, strict about names, compiled once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from domain.diagram import DIAGRAM_CSS, svg
from domain.instants import format_instant
from domain.model import Model
from service.language.speaker import Language

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages refer to: its bytes, media type, and a tag that changes with them."""

    body: bytes
    media_type: str
    tag: str


@cache
def assets() -> Mapping[str, Asset]:
    """Return the files of `static` by name."""
    found: dict[str, Asset] = {}
    for path in files("service.pages").joinpath("static").iterdir():
        kind = path.name.rpartition(".")[2]
        if kind in _TYPES:
            found[path.name] = _asset(path.read_bytes(), kind)
    found["diagram.css"] = _asset(DIAGRAM_CSS.encode(), "css")
    return found


def _asset(body: bytes, kind: str) -> Asset:
    tag = hashlib.sha256(body).hexdigest()[:12]
    return Asset(body, f"{_TYPES[kind]}; charset=utf-8", tag)


def asset_url(name: str) -> str:
    """Return the address of a static file; it changes with its content, so it may be kept."""
    return f"/static/{name}?v={assets()[name].tag}"


@cache
def _environment() -> Environment:
    folder = files("service.pages").joinpath("templates")
    sources = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    environment = Environment(
        loader=DictLoader(sources),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = asset_url
    environment.filters["rfc3339"] = format_instant
    environment.filters["ticked"] = ticked
    return environment


def render(
    template: str, values: Mapping[str, object], *, language: Language, status: int = 200
) -> HTMLResponse:
    """Return the page that *template* makes of *values*."""
    page = _environment().get_template(template).render(**values, t=language)
    response = HTMLResponse(page, status_code=status)
    response.headers["Content-Language"] = language.code
    response.headers["Vary"] = "Accept-Language, Cookie"
    return response


def diagram(model: Model, language: Language) -> Markup:
    """Return the picture of a model, to stand in a page; its colours come from `diagram.css`."""
    return Markup(svg(model, language.code, with_style=False))  # noqa: S704 -- every text in it is escaped where it is drawn


def ticked(text: str) -> Markup:
    """Return *text* with what stands between backticks as code."""
    parts = [
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(text.split("`"))
    ]
    return Markup("").join(parts)
