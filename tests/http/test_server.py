"""The real server against hostile clients: slow, endless, huge and half-open ones."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import signal
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.http.serving import ADMIN_KEY, ANSWER_SECONDS_MAX, PATIENT, Server, serving

GROWTH_BYTES_MAX = 64 << 20
AUTHORIZED = {"Authorization": f"Bearer {ADMIN_KEY}"}
QUICK = {"HEADER_SECONDS": "2", "IDLE_SECONDS": "1", "REQUEST_SECONDS": "3", "STREAM_SECONDS": "4"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Yield a server that is as impatient as tests are."""
    with serving(**QUICK) as running:
        yield running


@contextlib.contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    """Yield a connection that gives up before a test would."""
    address = ("127.0.0.1", server.port)
    with socket.create_connection(address, timeout=ANSWER_SECONDS_MAX) as connection:
        yield connection


def answer_to(server: Server, sent: bytes) -> bytes:
    """Return everything the server says to *sent* until it closes."""
    with connected(server) as connection:
        with contextlib.suppress(ConnectionError):  # it may have heard enough before the end
            connection.sendall(sent)
        return rest_of(connection)


def rest_of(connection: socket.socket) -> bytes:
    """Return what is still said on *connection*."""
    pieces = []
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65_536):
            pieces.append(piece)
    return b"".join(pieces)


def code_of(answer: bytes) -> tuple[int, str]:
    """Return status and problem code of a raw answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["code"]


HEAD = (
    b"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + ADMIN_KEY.encode() + b"\r\n"
)

SLOW = [
    ("nothing at all", b"", 408),
    ("half a request line", b"GET /liv", 408),
    ("headers without an end", b"GET /livez HTTP/1.1\r\nHost: x\r\n", 408),
    ("a body that does not come", HEAD + b"Content-Length: 10\r\n\r\n{", 408),
    ("a chunk that does not come", HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", 408),
    (
        "a line that does not come",
        HEAD + b"Content-Type: application/jsonl\r\nContent-Length: 99\r\n\r\n{}",
        408,
    ),
]


@pytest.mark.parametrize(
    ("sent", "status"), [row[1:] for row in SLOW], ids=[row[0] for row in SLOW]
)
def test_a_client_that_falls_silent_is_cut_off(server: Server, sent: bytes, status: int) -> None:
    found, code = code_of(answer_to(server, sent))

    assert (found, code) == (status, "request_timeout")


@pytest.mark.parametrize(
    "head", [b"GET /livez HTTP/1.1\r\n", HEAD + b"Content-Length: 999999\r\n\r\n"]
)
def test_a_client_that_drips_is_cut_off_all_the_same(server: Server, head: bytes) -> None:
    """A byte now and then keeps nobody connected: the whole has its time."""
    with connected(server) as connection:
        connection.sendall(head)
        connection.settimeout(0.3)
        said = b""
        for _ in range(round(ANSWER_SECONDS_MAX / 0.3)):
            try:
                connection.sendall(b"X: y\r\n" if head.startswith(b"GET") else b" ")
                piece = connection.recv(65_536)
            except TimeoutError:
                continue
            except ConnectionError:
                said += rest_of(connection)
                break
            said += piece
            if not piece:
                break
        else:
            pytest.fail("the server waited for ever")

    assert code_of(said) == (408, "request_timeout")


MALFORMED = [
    ("no HTTP", b"\x16\x03\x01 hello\r\n\r\n", 400, "malformed_request"),
    ("a length that is none", HEAD + b"Content-Length: x\r\n\r\n", 400, "malformed_request"),
    (
        "two lengths",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        400,
        "malformed_request",
    ),
    (
        "a length and chunks",
        HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
        "malformed_request",
    ),
    (
        "a long header",
        b"GET /livez HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
        431,
        "headers_too_large",
    ),
    ("many headers", b"GET /livez HTTP/1.1\r\n" + b"X: y\r\n" * 20_000, 431, "headers_too_large"),
    ("a long path", b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n", 431, "headers_too_large"),
    (
        "a body announced too large",
        HEAD + b"Content-Length: 99999999999\r\n\r\n",
        413,
        "body_too_large",
    ),
]


@pytest.mark.parametrize(
    ("sent", "status", "code"), [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED]
)
def test_what_cannot_be_a_request_is_refused_at_once(
    server: Server, sent: bytes, status: int, code: str
) -> None:
    assert code_of(answer_to(server, sent)) == (status, code)


def test_an_endless_body_is_cut_off_and_fills_no_memory(server: Server) -> None:
    before = server.memory_bytes()
    sent = 0
    with connected(server) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(2_000):
            connection.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")
            sent += 65_536

    assert sent < 32 << 20
    assert server.memory_bytes() - before < GROWTH_BYTES_MAX


HOSTILE = {
    "deep": b"[" * 1_000_000,
    "deep in an event": b'[{"a":' + b"[" * 500_000 + b"]" * 500_000 + b"}]",
    "keys": b"[{" + b",".join(b'"%d":1' % number for number in range(90_000)) + b"}]",
    "digits": b"[" + b"9" * 1_000_000 + b"]",
    "exponent": b"[{" + b'"type":"x","customer_id":"a","p":1e' + b"9" * 1_000_000 + b"}]",
    "backslashes": b'["' + b"\\\\" * 500_000 + b'"]',
    "escapes": b'["' + b"\\u0000" * 160_000 + b'"]',
    "blanks": b" " * 1_000_000,
    "blanks inside": b"[" + b" " * 1_000_000 + b"]",
    "commas": b"[" + b"," * 1_000_000 + b"]",
    "half pairs": b'["' + b"\\ud800" * 160_000 + b'"]',
    "events of events": b'{"events":' * 100_000,
    "lines": b"{}\n" * 300_000,
}


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_do_no_harm(server: Server, name: str, kind: str) -> None:
    """No 5xx, bounded memory, and somebody else is answered meanwhile."""
    before = server.memory_bytes()
    headers = {**AUTHORIZED, "Content-Type": kind}

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        hostile = pool.submit(
            httpx.post,
            f"{server.url}/v1/events",
            content=HOSTILE[name],
            headers=headers,
            timeout=ANSWER_SECONDS_MAX,
        )
        alive = httpx.get(f"{server.url}/readyz", timeout=ANSWER_SECONDS_MAX)
        answer = hostile.result()

    assert answer.status_code < 500
    assert alive.status_code == 200
    assert server.memory_bytes() - before < GROWTH_BYTES_MAX


def test_half_open_connections_go_away_and_keep_nobody_out(server: Server) -> None:
    with contextlib.ExitStack() as opened:
        connections = [opened.enter_context(connected(server)) for _ in range(200)]
        for connection in connections:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost")
        meanwhile = httpx.get(f"{server.url}/readyz", timeout=ANSWER_SECONDS_MAX)
        last = rest_of(connections[-1])

    assert meanwhile.status_code == 200
    assert code_of(last) == (408, "request_timeout")


def test_too_many_connections_are_turned_away_with_a_hint() -> None:
    with serving(**PATIENT, CONNECTIONS_MAX="20") as server, contextlib.ExitStack() as opened:
        for _ in range(20):
            opened.enter_context(connected(server))
        refused = answer_to(server, b"")

    assert code_of(refused) == (503, "overloaded")
    assert b"retry-after: 1" in refused


def test_a_connection_serves_many_requests(server: Server) -> None:
    with httpx.Client(
        base_url=server.url, headers=AUTHORIZED, timeout=ANSWER_SECONDS_MAX
    ) as client:
        answers = [client.post("/v1/events", content=b"{") for _ in range(3)]
        answers.append(client.get("/v1/limits"))

    assert [each.status_code for each in answers] == [400, 400, 400, 200]


def test_a_stop_lets_requests_end_and_exits_in_peace() -> None:
    """SIGTERM: a long poll under way is answered at once, and the exit code is 0."""
    ask = HEAD.replace(b"POST /v1/events", b"GET /v1/transitions?after=99&wait=20")
    with serving(**PATIENT) as server:
        with connected(server) as waiting:
            waiting.sendall(ask + b"\r\n")
            alive = httpx.get(f"{server.url}/livez", timeout=ANSWER_SECONDS_MAX)
            assert alive.status_code == 200  # so the poll has arrived
            server.process.send_signal(signal.SIGTERM)
            answer = rest_of(waiting)
        code = server.process.wait(timeout=ANSWER_SECONDS_MAX)

    assert answer.startswith(b"HTTP/1.1 200")
    assert code == 0
