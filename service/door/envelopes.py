"""A body of the Segment family or of PostHog, opened: its events, and what stands beside them.

A key that authorises is taken out of what is kept: the log is for people who may not know it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from service.door.bodies import Items, decoded, elements_of, malformed
from service.door.strict import BLANKS, members
from service.errors import Problem

SECRETS = ("writeKey", "api_key", "token")
"""Where clients put their key if not into a header, in the order in which it is looked for."""
BATCH = "batch"

_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_value = msgspec.json.Decoder(strict=True).decode


@dataclass(frozen=True, slots=True)
class Envelope:
    """The events of a body, and what it says for all of them.

    Attributes:
        items: The events.
        said: Members of the envelope that were asked for; of a lone event only its key.
    """

    items: Items
    said: Mapping[str, object]

    @property
    def key(self) -> str | None:
        """The API key in the body, if there is one."""
        return next(
            (found for name in SECRETS if isinstance(found := self.said.get(name), str)), None
        )


def open_envelope(body: bytes, wanted: Sequence[str]) -> Envelope:
    """Return the events of *body* and those of its members that are *wanted*.

    Raises:
        Problem: `malformed_utf8` or `malformed_json`; no event can be told from the others.
    """
    text = decoded(body).strip(BLANKS)
    if text[:1] == "[":
        return Envelope(Items("array", elements_of(text)), {})
    if text[:1] != "{":
        raise Problem("malformed_json", f"expected an object or an array, found {text[:20]!a}")
    found = _members(text)
    batch = found.get(BATCH)
    if batch is None:
        said = _read({name: found[name] for name in SECRETS if name in found})
        return Envelope(Items("object", (_without_secrets(text, found),)), said)
    if batch[:1] != "[":
        raise Problem("malformed_json", "batch: expected an array")
    said = _read({name: found[name] for name in (*SECRETS, *wanted) if name in found})
    return Envelope(Items("envelope", elements_of(batch), f"/{BATCH}"), said)


def _members(text: str) -> dict[str, str]:
    """Return the text of each member of an object; a lenient reader takes what the plain cannot."""
    try:
        return {key: bytes(raw).decode() for key, raw in _object(text).items()}
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    try:
        return dict(members(text))
    except json.JSONDecodeError as error:
        raise malformed(error) from None
    except RecursionError:
        raise Problem("malformed_json", "values are nested too deeply to be read") from None


def _read(texts: Mapping[str, str]) -> dict[str, object]:
    said: dict[str, object] = {}
    for name, text in texts.items():
        try:
            said[name] = _value(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Problem("malformed_json", f"/{name}: {error}") from None
    return said


def _without_secrets(text: str, found: Mapping[str, str]) -> str:
    if found.keys().isdisjoint(SECRETS):
        return text
    kept = (f"{json.dumps(key)}:{value}" for key, value in found.items() if key not in SECRETS)
    return "{" + ",".join(kept) + "}"
