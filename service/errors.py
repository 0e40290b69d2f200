"""What a use case cannot do as asked: one exception, one closed list of codes.

Problem                         carries a code of `CODES`, a message, and places in the request
StoreError (service.ports)      translated by `problem_of`; the store knows no HTTP

The code is for programs and never changes; the message is for people and may.
The HTTP status of each code stands in one table, `service/http/problems.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from service.ports import (
    Overloaded,
    StoreError,
    StoreUnavailable,
    UnknownModel,
    VersionMismatch,
)


@dataclass(frozen=True, slots=True)
class Place:
    """One thing wrong in a request: where (RFC 6901 pointer or parameter), which rule, and why."""

    pointer: str
    code: str
    message: str


class Problem(Exception):  # noqa: N818 -- it is named as RFC 9457 names it
    """A request that cannot be answered as asked.

    Attributes:
        code: Stable; one of the table in `service/http/problems.py`.
        errors: Places in the request, where there are any.
        retry_after_seconds: When it makes sense to ask again; None where it does not.
        extensions: Further members of the answer.
        headers: Header fields that the answer carries.
    """

    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        code: str,
        message: str,
        *,
        errors: Sequence[Place] = (),
        retry_after_seconds: int | None = None,
        extensions: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.errors = tuple(errors)
        self.retry_after_seconds = retry_after_seconds
        self.extensions = dict(extensions or {})


def problem_of(error: StoreError) -> Problem:
    """Return the problem that *error* of the store is to a caller."""
    match error:
        case StoreUnavailable() | Overloaded():
            return Problem(error.code, str(error), retry_after_seconds=error.retry_after_seconds)
        case VersionMismatch():
            return Problem("precondition_failed", str(error))
        case UnknownModel():
            return Problem("model_not_found", str(error))
        case _:
            return Problem("store_unavailable", str(error), retry_after_seconds=5)
