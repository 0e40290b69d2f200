"""A file is sent to a server, which imports it: in pieces, each safe there before the next goes.

A note beside the bookmarks names the import that a file became. Whoever gives the same command
again goes on behind what has arrived, or watches the import that goes on by itself.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import typer

from service.cli.exits import CommandError, Exit
from service.cli.printing import print_json, print_reasons, print_warned
from service.cli.progress import Meter, Pace

PIECE_BYTES = 8 << 20
ATTEMPTS_MAX = 8
"""So often nothing may come of a request, one after another, before the command gives up."""

_WAIT_SECONDS_MAX = 30.0
_LOOK_SECONDS_MAX = 2.0
_ANSWER_SECONDS_MAX = 120.0
_ROUTE = "/v1/imports"
_MIB = 1 << 20
_BUSY = frozenset({429, 502, 503, 504})
_CONFLICT = 409
_NOT_FOUND = 404
_REFUSED = 400
_EXITS = {401: Exit.USAGE, 403: Exit.USAGE, 404: Exit.NOT_FOUND}

Members = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Upload:
    """What to send, and where to.

    Attributes:
        url: Base address of the server.
        note: File that remembers which import this became.
    """

    file: Path
    mapping: Members
    url: str
    api_key: str
    note: Path


@dataclass(frozen=True, slots=True)
class Uploaded:
    """How it ended: the import as the server tells of it, and the byte at which sending began."""

    job: Members
    resumed_at: int


class _NothingCame(Exception):  # noqa: N818 -- it names a state of affairs
    """No answer, or one that says to try again; *seconds* is how long to wait, if it says so."""

    def __init__(self, why: str, seconds: float | None = None) -> None:
        super().__init__(why)
        self.seconds = seconds


def upload(order: Upload, meter: Meter, *, wait: Callable[[float], None] = time.sleep) -> Uploaded:
    """Return what became of the file, once the server has imported all of it.

    Raises:
        CommandError: It was refused, it failed, or nobody answers.
    """
    headers = {"Authorization": f"Bearer {order.api_key}"}
    with httpx.Client(base_url=order.url, headers=headers, timeout=_ANSWER_SECONDS_MAX) as client:
        return _Sending(order, client, meter, wait).run()


def upload_shown(order: Upload, *, as_json: bool) -> int:
    """Send the file, tell what became of it, and return how many records were rejected."""
    with Meter() as meter:
        done = upload(order, meter)
    job = done.job
    rejected: int = job["rejected"]
    where = order.url + job["rejected_events"]
    if as_json:
        told = ("lines", "accepted", "duplicate", "rejected", "reasons", "warned")
        print_json(
            {
                "file": str(order.file),
                "import": job["id"],
                **{name: job[name] for name in told},
                "position": job["position"],
                "seconds": job["seconds"],
                "rejected_events": where if rejected else None,
                "events_per_second": job["events_per_second"],
                "resumed_at_byte": done.resumed_at,
            }
        )
        return rejected
    typer.echo(
        f"{order.file.name}: {job['accepted']:,} accepted, {job['duplicate']:,} duplicate,"
        f" {rejected:,} rejected; {job['seconds']:.1f} s,"
        f" {job['events_per_second'] or 0:,.0f} events/s"
    )
    print_reasons(job["reasons"])
    print_warned(job["warned"])
    if rejected:
        typer.echo(f"rejected events, each with its reasons: {where}")
    return rejected


class _Sending:
    """One run of the command."""

    def __init__(
        self, order: Upload, client: httpx.Client, meter: Meter, wait: Callable[[float], None]
    ) -> None:
        self._order = order
        self._client = client
        self._meter = meter
        self._wait = wait
        self._failures = 0

    def run(self) -> Uploaded:
        """Send what is missing, then watch."""
        job = self._noted() or self._begun()
        resumed_at = int(job["upload_offset"])
        job = self._watched(self._sent(job))
        self._order.note.unlink(missing_ok=True)
        if job["status"] != "done":
            raise CommandError(
                f"the import {job['id']} {job['status']}: {job['error'] or 'somebody ended it'}",
                code="import_failed",
                status=Exit.FINDINGS,
                cure="what stands before is imported; mend the file and give the command again",
            )
        return Uploaded(job, resumed_at)

    # ------------------------------------------------------------ the import

    def _noted(self) -> Members | None:
        """Return the import that an earlier run began, if the server has it and it goes on."""
        try:
            name = json.loads(self._order.note.read_bytes())["import"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        found = self._asked("GET", f"{_ROUTE}/{name}", missing=True)
        return found if found and found["status"] in {"uploading", "running", "done"} else None

    def _begun(self) -> Members:
        order = self._order
        job = self._asked("POST", _ROUTE, json={"name": order.file.name, "mapping": order.mapping})
        order.note.parent.mkdir(parents=True, exist_ok=True)
        order.note.write_text(json.dumps({"import": job["id"]}), encoding="utf-8")
        return job

    def _sent(self, job: Members) -> Members:
        """Return *job* once all of the file has arrived."""
        size, begun = self._order.file.stat().st_size, time.monotonic()
        first = job["upload_offset"]
        with self._order.file.open("rb") as file:
            while job["status"] == "uploading":
                file.seek(job["upload_offset"])
                job = self._with_piece(job, file.read(PIECE_BYTES), size)
                there = job["upload_offset"]
                seconds = time.monotonic() - begun
                rate = (there - first) / _MIB / seconds if seconds else 0.0
                share = there / size if size else 1.0
                self._meter.show_sent(Pace(share, rate, seconds))
        return job

    def _with_piece(self, job: Members, piece: bytes, size: int) -> Members:
        """Return *job* with *piece* added, or as it stands where that did not succeed."""
        where, begin = f"{_ROUTE}/{job['id']}", job["upload_offset"]
        is_last = begin + len(piece) >= size
        headers = {"Upload-Offset": str(begin), "Upload-Complete": "?1" if is_last else "?0"}
        try:
            answer = self._once("PATCH", where, content=piece, headers=headers)
        except _NothingCame as why:
            self._failures = self._paused(why, self._failures)
            return self._asked("GET", where)
        if answer.status_code == _CONFLICT:  # a broken request still holds the file, perhaps
            self._failures = self._paused(_NothingCame(_detail_of(answer)), self._failures)
            return self._asked("GET", where)
        self._failures = 0
        return _members_of(answer)

    def _watched(self, job: Members) -> Members:
        """Return *job* at its end."""
        pause, out_of_reach = 0.05, 0
        while job["status"] == "running":
            rate = job["events_per_second"] or 0.0
            self._meter.show_job(
                f"line {job['lines']:,}", Pace(job["progress"], rate, job["seconds"])
            )
            out_of_reach = out_of_reach + 1 if job["error"] else 0
            if out_of_reach > ATTEMPTS_MAX:
                raise CommandError(job["error"], code="import_waits", status=Exit.UNAVAILABLE)
            self._wait(pause)
            pause = min(_LOOK_SECONDS_MAX, pause * 2)
            job = self._asked("GET", f"{_ROUTE}/{job['id']}")
        return job

    # ------------------------------------------------------------ the wire

    def _asked(self, method: str, path: str, *, missing: bool = False, **more: Any) -> Members:  # noqa: ANN401 -- passed on
        """Return the answer, asked for again while none comes; empty where *missing* is allowed."""
        failures = 0
        while True:
            try:
                answer = self._once(method, path, **more)
            except _NothingCame as why:
                failures = self._paused(why, failures)
                continue
            is_missing = missing and answer.status_code == _NOT_FOUND
            return {} if is_missing else _members_of(answer)

    def _once(self, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401 -- passed on
        try:
            answer = self._client.request(method, path, **more)
        except httpx.TransportError as error:
            raise _NothingCame(str(error) or type(error).__name__) from None
        if answer.status_code in _BUSY:
            told = answer.headers.get("retry-after", "")
            raise _NothingCame(_detail_of(answer), float(told) if told.isdigit() else None)
        return answer

    def _paused(self, why: _NothingCame, failures: int) -> int:
        """Return the failures in a row with this one, having waited before the next try.

        Raises:
            CommandError: There were enough of them.
        """
        failures += 1
        if failures >= ATTEMPTS_MAX:
            raise CommandError(
                f"{self._order.url}: {why}",
                code="server_unavailable",
                status=Exit.UNAVAILABLE,
                cure="give the same command again: it goes on where it stopped",
            )
        self._wait(min(_WAIT_SECONDS_MAX, why.seconds or 0.25 * 2**failures))
        return failures


def _members_of(answer: httpx.Response) -> Members:
    """Return the import that *answer* tells of.

    Raises:
        CommandError: It tells why not.
    """
    if answer.status_code >= _REFUSED:
        problem = _problem_of(answer)
        raise CommandError(
            _detail_of(answer),
            code=str(problem.get("code", "server_error")),
            status=_EXITS.get(answer.status_code, Exit.FINDINGS),
            details=[f"{each['pointer']}: {each['message']}" for each in problem.get("errors", ())],
        )
    found: Members = _problem_of(answer)
    if "upload_offset" not in found:
        raise CommandError(
            f"{answer.url}: expected stagefold to answer, found {answer.text[:60]!a}",
            code="bad_url",
            cure="--server takes the base address of a stagefold server",
        )
    return found


def _problem_of(answer: httpx.Response) -> Members:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _detail_of(answer: httpx.Response) -> str:
    return str(_problem_of(answer).get("detail") or f"it answered {answer.status_code}")


def address_of(url: str) -> str:
    """Return the base address that *url* names.

    Raises:
        CommandError: It names none.
    """
    if not url.startswith(("http://", "https://")):
        message = f"--server: expected http://… or https://…, found {url}"
        raise CommandError(message, code="bad_url")
    return url.rstrip("/")


def secret_of(given: str | None) -> str:
    """Return the API key to send: *given*, else that of the environment.

    Raises:
        CommandError: There is none.
    """
    found = given or os.environ.get("STAGEFOLD_API_KEY")
    if not found:
        raise CommandError(
            "a server asks for an API key, and there is none",
            code="no_api_key",
            cure="set STAGEFOLD_API_KEY to a key with the scope events:import",
        )
    return found
