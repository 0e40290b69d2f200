"""Requests of real clients, as they were sent; they are replayed byte for byte."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "captures"
CAPTURED_KEYS = ("lsk_write_key_1", "key:secret")
"""What the clients were given as their key."""
_OF_THE_CONNECTION = {"host", "connection", "content-length", "transfer-encoding"}


@dataclass(frozen=True, slots=True)
class Captured:
    """One request."""

    client: str
    path: str
    headers: Sequence[tuple[str, str]]
    body: bytes


def captured(client: str) -> list[Captured]:
    """Return the requests of *client*, in order."""
    found = json.loads((FOLDER / f"{client}.json").read_text(encoding="utf-8"))
    return [
        Captured(
            client,
            one["path"],
            [(k, v) for k, v in one["headers"] if k.lower() not in _OF_THE_CONNECTION],
            base64.b64decode(one["body_base64"]),
        )
        for one in found
    ]
