"""How a command ends: its exit codes, and the one error that commands raise on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class Exit(IntEnum):
    """The exit codes; `docs/cli.md` lists them for scripts."""

    OK = 0
    FINDINGS = 1
    """It ran, and found something wrong: rejected lines, a broken model, a server not ready."""
    USAGE = 2
    """It was called wrongly: arguments, settings, a file that cannot be used."""
    UNAVAILABLE = 3
    """The database or the server cannot be reached; trying again later may help."""
    NOT_FOUND = 4
    """What was asked for does not exist."""
    INTERNAL = 70
    """A mistake of ours (EX_SOFTWARE)."""
    INTERRUPTED = 130
    """Ctrl-C."""


class CommandError(Exception):
    """Why a command cannot do what was asked, for people and for programs.

    Attributes:
        code: Stable name of the kind of error.
        cure: What to do about it; empty where nobody knows.
        details: One line each, where there are several things wrong.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: Exit = Exit.USAGE,
        cure: str = "",
        details: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.cure = cure
        self.details = tuple(details)
