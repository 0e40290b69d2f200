"""Where an import stands, kept in a small file, so that a killed one goes on where it was.

A bookmark is written after its batch is durable, never before, so it can only be behind the log;
what is offered twice is told apart by its id. It names the newest event it stands behind: where the
log does not hold that event (another database, or one restored from a copy), it is not believed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from service.imports.lines import Place
from service.imports.plan import Plan

_HEAD_BYTES = 1 << 20
_VERSION = 1


@dataclass(slots=True, frozen=True)
class Bookmark:
    """The state of an import between two batches.

    Attributes:
        place: Border up to which every record is in the log or among the rejected.
        position: Log position of the newest of its events; 0 where there is none.
        event_id: That event's id.
        rejected_bytes: Length of the file of rejected records.
        accepted, duplicate, rejected: What became of the records so far.
        reasons: Code of a rejection -> how often.
        warned: Accepted ones that do not fit a schema which only warns.
    """

    place: Place = field(default_factory=Place)
    position: int = 0
    event_id: str = ""
    rejected_bytes: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    warned: int = 0


def name_of(path: Path, plan: Plan, *, owner: str) -> str:
    """Return what the import of that very file by that very plan is known by."""
    found = path.stat()
    digest = hashlib.sha256()
    for part in (owner, path.resolve(), found.st_size, found.st_mtime_ns, plan):
        digest.update(f"{part!r}\n".encode())
    with path.open("rb") as stream:
        digest.update(stream.read(_HEAD_BYTES))
    return digest.hexdigest()[:32]


class BookmarkFile:
    """The file that holds the bookmark of one import."""

    def __init__(self, folder: Path, path: Path, plan: Plan, *, tenant: str) -> None:
        """Name the bookmark by what is imported: another file or mapping begins anew."""
        self.path = folder / f"{name_of(path, plan, owner=tenant)}.json"

    def read(self) -> Bookmark | None:
        """Return the bookmark; None where there is none, or none that can be read."""
        try:
            found = json.loads(self.path.read_bytes())
            if found.pop("version") != _VERSION:
                return None
            return Bookmark(**{**found, "place": Place(**found["place"])})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, bookmark: Bookmark) -> None:
        """Keep *bookmark* in place of the former one, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps({"version": _VERSION, **asdict(bookmark)}), encoding="utf-8")
        beside.replace(self.path)

    def remove(self) -> None:
        """Forget the import: it is finished."""
        self.path.unlink(missing_ok=True)
