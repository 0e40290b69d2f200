"""What an endpoint may ask for, as far as the text itself tells; and our public keys as answers."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from domain.cel.errors import CelCheckError, CelSyntaxError
from domain.instants import format_instant
from projections.webhooks.rows import PublishedKey
from service.errors import Place, Problem
from service.webhooks.signing import SigningKey
from service.webhooks.terms import Terms, condition

_OUR_HEADERS = ("webhook-", "ce-", "stagefold-")
_HEADERS_REFUSED = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "user-agent"}
)


def places_in(terms: Terms) -> list[Place]:
    """Return what is wrong with *terms* that needs no look at the world."""
    places: list[Place] = []
    if terms.filter.expression:
        try:
            condition(terms.filter.expression)
        except (CelSyntaxError, CelCheckError) as error:
            places.append(Place("/filter/expression", "bad_condition", str(error)))
    for name in terms.headers:
        low = name.lower()
        if low in _HEADERS_REFUSED or low.startswith(_OUR_HEADERS):
            places.append(Place(f"/headers/{name}", "bad_header", "this header is ours to set"))
    if "v1" not in terms.signing:
        message = "expected v1, with or without v1a: receivers' libraries verify v1"
        places.append(Place("/signing", "bad_value", message))
    return places


def invalid(places: Sequence[Place]) -> Problem:
    """Return the refusal that names *places*."""
    message = "; ".join(f"{each.pointer[1:]}: {each.message}" for each in places[:3])
    return Problem("validation_failed", message, errors=places)


def key_members(key: PublishedKey) -> Mapping[str, object]:
    """Return the public half of a key."""
    pair = SigningKey(key.seed)
    return {
        "id": key.id,
        "scheme": "v1a",
        "key": pair.public,
        "x": base64.urlsafe_b64encode(pair.public_octets).rstrip(b"=").decode(),
        "created_at": format_instant(key.created_at),
        "ends_at": None if key.until is None else format_instant(key.until),
    }
