"""The records that did not get in, one JSON line each, beside the file they came from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from service.door.faults import Fault
from service.imports.lines import Record

SUFFIX = ".rejected.ndjson"


@dataclass(slots=True, frozen=True)
class Rejected:
    """A record that did not get in, and every reason."""

    record: Record
    event_id: str | None
    faults: Sequence[Fault]


class RejectedFile:
    """Takes rejected records; made only when there is one."""

    def __init__(self, path: Path, *, keep_bytes: int) -> None:
        """Continue a file of a former run behind *keep_bytes*; 0 removes it."""
        self.path = path
        self._stream: BinaryIO | None = None
        self.size = keep_bytes
        if keep_bytes and path.exists():
            self._stream = path.open("r+b")
            self._stream.truncate(keep_bytes)
            self._stream.seek(keep_bytes)
        else:
            self.size = 0
            path.unlink(missing_ok=True)

    def write(self, rejected: Sequence[Rejected]) -> None:
        """Write *rejected* down before anything behind them is believed to be done."""
        if not rejected:
            return
        if self._stream is None:
            self._stream = self.path.open("wb")
        self._stream.write(b"".join(map(_line, rejected)))
        self._stream.flush()
        self.size = self._stream.tell()

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._stream is not None:
            self._stream.close()


def _line(rejected: Rejected) -> bytes:
    record = rejected.record
    members = {
        "line": record.line,
        "last_line": record.last_line,
        "id": rejected.event_id,
        "errors": [
            {"pointer": each.pointer, "code": each.code, "message": each.message}
            for each in rejected.faults
        ],
        "text": record.text,
        "raw": record.raw.rstrip("\r\n"),
    }
    return json.dumps(members, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"
