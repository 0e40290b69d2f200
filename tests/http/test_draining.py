"""A process that leaves is seen to leave, takes nothing new, and ends what it has begun."""

from __future__ import annotations

import signal

import httpx
import pytest

from tests.http.conftest import Api, did
from tests.http.serving import ANSWER_SECONDS_MAX, PATIENT, Server, serving
from tests.http.test_server import AUTHORIZED, HEAD, connected, rest_of

EVENT = b'{"type": "seen", "customer_id": "ann"}'


@pytest.mark.anyio
async def test_new_writes_are_refused_and_reads_go_on(api: Api) -> None:
    await api.send(did("seen", "ann"))
    api.services.lifecycle.draining = True

    refused = await api.send(did("seen", "bob"))
    read = await api.get("/v1/customers/ann")

    assert (refused.status_code, refused.json()["code"]) == (503, "draining")
    assert (refused.headers["Retry-After"], refused.headers["Connection"]) == ("1", "close")
    assert read.status_code == 200


@pytest.mark.anyio
async def test_a_write_that_comes_after_the_appender_has_closed_is_told_the_same(api: Api) -> None:
    await api.services.appender.close()

    refused = await api.send(did("seen", "bob"))

    assert (refused.status_code, refused.json()["code"]) == (503, "draining")
    assert refused.headers["Retry-After"] == "1"


def test_a_stop_is_announced_and_ends_what_was_begun() -> None:
    """SIGTERM: not ready, no new writes, reads answered, the write under way stored; then gone."""
    with serving(**PATIENT, NOTICE_SECONDS="3600") as server:
        with connected(server) as writing:
            writing.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(EVENT))
            assert ask(server, "GET", "/livez").status_code == 200  # so the write has arrived
            server.process.send_signal(signal.SIGTERM)
            until_not_ready(server)

            refused = ask(server, "POST", "/v1/events", content=EVENT)
            read = ask(server, "GET", "/v1/models")
            writing.sendall(EVENT)
            server.process.send_signal(signal.SIGTERM)
            stored = rest_of(writing)
        code = server.process.wait(timeout=ANSWER_SECONDS_MAX)

    assert (refused.status_code, refused.json()["code"]) == (503, "draining")
    assert read.status_code == 200
    assert stored.startswith(b"HTTP/1.1 201")
    assert code == 0


def ask(server: Server, method: str, path: str, content: bytes = b"") -> httpx.Response:
    """Return the answer on a connection of its own."""
    headers = {**AUTHORIZED, "Content-Type": "application/json"}
    return httpx.request(
        method, server.url + path, content=content, headers=headers, timeout=ANSWER_SECONDS_MAX
    )


def until_not_ready(server: Server) -> None:
    """Ask until it says so: a signal takes its time."""
    for _ in range(100_000):
        if ask(server, "GET", "/readyz").status_code == 503:
            return
    pytest.fail("it stayed ready")
