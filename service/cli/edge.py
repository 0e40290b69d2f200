"""The edge of the command line: whatever goes wrong inside becomes a sentence and an exit code.

Nobody who types a command is shown a traceback; `STAGEFOLD_LOG_LEVEL=debug` asks for it.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec

import typer

from service.cli.exits import CommandError, Exit

P = ParamSpec("P")

AS_JSON = "as_json"
"""Name of the parameter that every command's `--json` sets."""

TENANT = "tenant"
"""Name of the parameter that every command's `--tenant` sets."""

acted_for: ContextVar[str | None] = ContextVar("acted_for", default=None)
"""The tenant that the command which is running was told to act for; None for the operator's."""


def guarded(*examples: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Return a decorator that ends every error of a command in a message and an exit code.

    The command's help ends in *examples*.
    """

    def decorate(command: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            tenant = kwargs.get(TENANT)
            token = acted_for.set(tenant if isinstance(tenant, str) else None)
            try:
                with _edge(as_json=bool(kwargs.get(AS_JSON))):
                    command(*args, **kwargs)
            finally:
                acted_for.reset(token)

        # The sign \b keeps the lines of a paragraph apart in help.
        lines = "".join(f"\n  {example}" for example in examples)
        run.__doc__ = f"{inspect.getdoc(command)}\n\n\b\nExamples:{lines}"
        return run

    return decorate


@contextmanager
def _edge(*, as_json: bool) -> Iterator[None]:
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        raise typer.Exit(Exit.INTERRUPTED) from None
    except BrokenPipeError:  # `stagefold … | head` has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(Exit.OK) from None
    except Exception as error:  # noqa: BLE001 -- an edge: people get a sentence
        if os.environ.get("STAGEFOLD_LOG_LEVEL", "").lower() == "debug":
            traceback.print_exc()
        failure = _failure_of(error)
        _tell(failure, as_json=as_json)
        raise typer.Exit(failure.status) from None


def _failure_of(error: Exception) -> CommandError:
    """Return *error* in the words of the command line; its classes are looked up only now."""
    import sqlite3

    from service.errors import Problem
    from service.ports import StoreError, StoreUnavailable
    from service.settings import SettingsError

    match error:
        case CommandError():
            return error
        case SettingsError():
            return CommandError(
                "the environment holds settings that cannot be used",
                code="bad_settings",
                cure="docs/settings.md lists every setting; stagefold config show shows yours",
                details=error.problems,
            )
        case Problem():
            return CommandError(
                error.message,
                code=error.code,
                status=_status_of(error.code),
                details=[f"{each.pointer}: {each.message}" for each in error.errors],
            )
        case StoreError():
            return _store_failure(error)
        case sqlite3.Error():
            return _store_failure(StoreUnavailable(f"the database cannot be used: {error}"))
        case OSError() if error.filename is not None:
            message = f"{error.filename}: {error.strerror or error}"
            return CommandError(message, code="file_error")
    return CommandError(
        f"{type(error).__name__}: {error}",
        code="internal_error",
        status=Exit.INTERNAL,
        cure="this is our mistake; STAGEFOLD_LOG_LEVEL=debug shows where it happened",
    )


def _store_failure(error: Exception) -> CommandError:
    code = str(getattr(error, "code", "store_error"))
    cures = {
        "store_unavailable": "is the disk full, is it ours? stagefold doctor looks at it",
        "overloaded": "try again in a moment",
        "schema_mismatch": "bring it up to date with stagefold migrate, or use the newer release",
        "row_security_broken": "docs/security.md says what row security needs",
    }
    status = Exit.NOT_FOUND if code.endswith("_not_found") else Exit.UNAVAILABLE
    return CommandError(str(error), code=code, status=status, cure=cures.get(code, ""))


def _status_of(code: str) -> Exit:
    if code.endswith("_not_found"):
        return Exit.NOT_FOUND
    unavailable = {"store_unavailable", "overloaded", "projection_behind"}
    return Exit.UNAVAILABLE if code in unavailable else Exit.FINDINGS


def _tell(failure: CommandError, *, as_json: bool) -> None:
    """Say what went wrong: to people on standard error, to programs on standard output."""
    if as_json:
        from service.cli.printing import print_json

        members: dict[str, object] = {"code": failure.code, "message": failure.message}
        members |= {"cure": failure.cure or None, "details": list(failure.details)}
        print_json({"error": members})
        return
    typer.echo(f"stagefold: {failure.message}", err=True)
    for line in failure.details:
        typer.echo(f"  - {line}", err=True)
    if failure.cure:
        typer.echo(f"  cure: {failure.cure}", err=True)
