"""Streams of a server of its own: who does not read, who leaves, and a process that stops."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.http.conftest import did
from tests.http.serving import ADMIN_KEY, ANSWER_SECONDS_MAX, Server, serving
from tests.live.listening import Heard, heard

AUTHORIZED = {"Authorization": f"Bearer {ADMIN_KEY}"}
CUSTOMERS = 4_000
"""So many that what is told of them fills every buffer between the server and a reader."""

TOLD = 2 * CUSTOMERS
ROUNDS_MAX = 100_000


def seen(server: Server, first: int, count: int) -> None:
    """Let customers be seen for the first time."""
    for start in range(first, first + count, 1_000):
        numbers = range(start, min(start + 1_000, first + count))
        answer = httpx.post(
            f"{server.url}/v1/events",
            json=[did("page_viewed", f"customer-{number}") for number in numbers],
            headers=AUTHORIZED,
            timeout=ANSWER_SECONDS_MAX,
        )
        assert answer.json()["accepted"] == len(numbers)


def streams(server: Server) -> int:
    """Return how many streams the server says are open."""
    text = httpx.get(f"{server.url}/metrics", timeout=ANSWER_SECONDS_MAX).text
    line = next(each for each in text.splitlines() if each.startswith("stagefold_streams "))
    return int(float(line.split()[1]))


def until_open(server: Server, count: int) -> None:
    """Ask until so many streams are open."""
    for _ in range(ROUNDS_MAX):
        if streams(server) == count:
            return
    raise AssertionError(f"there were never {count} streams")


@contextmanager
def opened(server: Server, after: str) -> Iterator[socket.socket]:
    """Lend the connection of a reader who has asked for a stream and read nothing yet."""
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        reader.settimeout(ANSWER_SECONDS_MAX)
        reader.connect(("127.0.0.1", server.port))
        head = f"GET /v1/stream?after={after} HTTP/1.1\r\nHost: test\r\n"
        reader.sendall(f"{head}Authorization: Bearer {ADMIN_KEY}\r\n\r\n".encode())
        yield reader


def rest_of(reader: socket.socket) -> str:
    """Return what arrives until the end, the marks of chunks left out."""
    received = bytearray()
    while True:
        try:
            part = reader.recv(65_536)
        except ConnectionResetError:
            break
        if not part:
            break
        received += part
    _, _, body = bytes(received).partition(b"\r\n\r\n")
    text = bytearray()
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size or b"0", 16)
        text += body[:length]
        body = body[length + 2 :]
    return text.decode()


def whole(text: str) -> list[Heard]:
    """Return the events of *text*; one that was cut off is none."""
    complete, _, _ = text.rpartition("\n\n")
    return [one for one in heard(complete) if one.type != "checkpoint"]


def test_who_reads_nothing_is_cut_off_and_goes_on_where_he_was() -> None:
    """No more is kept for him than fits into the buffers of his connection."""
    with serving(REQUEST_SECONDS="1") as server:
        seen(server, 0, CUSTOMERS)
        with opened(server, "0") as slow:
            until_open(server, 1)
            until_open(server, 0)
            first = whole(rest_of(slow))
        rest = read(server, first[-1].id if first else "0", TOLD - len(first))

    ids = [one.id for one in (*first, *rest)]
    assert len(first) < TOLD
    assert len(ids) == len(set(ids)) == TOLD
    assert ids == sorted(ids, key=float)


def read(server: Server, after: str, count: int) -> list[Heard]:
    """Return the next *count* messages."""
    text = ""
    with httpx.stream(
        "GET",
        f"{server.url}/v1/stream",
        params={"after": after},
        headers=AUTHORIZED,
        timeout=ANSWER_SECONDS_MAX,
    ) as answer:
        for part in answer.iter_text():
            text += part
            if text.count("event: customer.") >= count:
                break
    return whole(text)[:count]


def test_a_stream_of_somebody_who_left_is_open_no_more() -> None:
    with serving() as server:
        with opened(server, "0"):
            until_open(server, 1)

        until_open(server, 0)


def test_a_server_that_stops_lets_its_readers_go() -> None:
    """All at once, though it would have waited for an hour."""
    with serving(DRAIN_SECONDS="3600", NOTICE_SECONDS="0.1") as server:
        with opened(server, "0") as one, opened(server, "0") as other:
            until_open(server, 2)
            server.process.send_signal(signal.SIGTERM)
            told = [rest_of(one), rest_of(other)]
        code = server.process.wait(timeout=ANSWER_SECONDS_MAX)

    assert all(each.startswith("retry: 3000\n\nid: 0\nevent: checkpoint\n") for each in told)
    assert code == 0
