"""One attempt against a real server: what each kind of answer, and none, comes to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from domain.instants import HOUR, SECOND
from service.webhooks.addresses import parse_networks
from service.webhooks.sending import Message, Outcome, send
from service.webhooks.targets import Guard
from service.webhooks.transport import GuardedClient
from service.webhooks.wire import ANSWER_OCTETS_MAX, HEAD_OCTETS_MAX
from tests.webhooks.receiving import receiving

pytestmark = pytest.mark.anyio

HERE = Guard(parse_networks(["127.0.0.0/8"]))
Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def plain(status: str, *headers: str, body: bytes = b"") -> Answering:
    """Answer with a status line, header fields and a body."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]
        writer.write("\r\n".join(lines).encode() + body)

    return answer


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send octet after octet of an answer without end, until the client has gone."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    left = asyncio.ensure_future(reader.read())
    while not left.done():
        writer.write(b".")
        await asyncio.wait([left], timeout=0.01)
    await left


async def floods(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send far more than anybody wants to read."""
    writer.write(b"HTTP/1.1 500 Oh\r\ncontent-length: 50000000\r\n\r\n")
    for _part in range(50):
        writer.write(b"x" * 1_000_000)
        await writer.drain()


async def is_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the request and never answer."""
    del writer
    await reader.read()


async def hangs_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close the connection without a word."""


async def is_no_http(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak another language."""
    writer.write(b"220 mail.example ESMTP\r\n")


@asynccontextmanager
async def receiver(
    answer: Answering, *, greeting: bytes = b""
) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Yield the URL of a server that answers everybody alike, and the requests that it got.

    It says *greeting* before it is asked anything.
    """
    got: list[bytes] = []
    visits: list[asyncio.Future[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            got.append(await _request(reader))
            await answer(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(visited, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook", got
    finally:
        server.close()
        await asyncio.gather(*visits)


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    return head + await reader.readexactly(length)


async def attempt(answer: Answering, *, timeout_seconds: float = 30.0) -> Outcome:
    async with (
        receiver(answer) as (url, _),
        GuardedClient(HERE) as client,
    ):
        return await send(client, Message(url, b"{}"), timeout_seconds=timeout_seconds, now=0)


@pytest.mark.parametrize(
    ("answer", "verdict", "slows", "retry_after"),
    [
        (plain("200 OK", body=b"thanks"), "delivered", "one waits", None),
        (plain("204 No Content"), "delivered", "one waits", None),
        (plain("301 Moved", "location: http://127.0.0.1/"), "retry", "one waits", None),
        (plain("400 Bad Request"), "retry", "one waits", None),
        (plain("404 Not Found"), "retry", "one waits", None),
        (plain("410 Gone"), "disable", "one waits", None),
        (plain("429 Slow Down", "retry-after: 7"), "retry", "all wait", 7 * SECOND),
        (
            plain("503 Later", "retry-after: Thu, 01 Jan 1970 01:00:00 GMT"),
            "retry",
            "all wait",
            HOUR,
        ),
        (plain("500 Oh", "retry-after: soon"), "retry", "one waits", None),
        (plain("500 Oh", "webhook-delivery: abort-message"), "abort", "one waits", None),
        (plain("200 OK", "webhook-delivery: disable"), "disable", "one waits", None),
    ],
)
async def test_answers_and_what_they_come_to(
    answer: Answering, verdict: str, slows: str, retry_after: int | None
) -> None:
    outcome = await attempt(answer)

    assert outcome.verdict == verdict
    assert outcome.slows == (slows == "all wait")
    assert outcome.retry_after == retry_after
    assert outcome.address == "127.0.0.1"
    assert (outcome.failure is None) == (verdict == "delivered")


@pytest.mark.parametrize(
    ("answer", "timeout_seconds", "failure"),
    [
        (is_silent, 0.2, "timeout"),
        (drips, 0.2, "timeout"),
        (hangs_up, 30.0, "protocol_error"),
        (is_no_http, 30.0, "protocol_error"),
    ],
    ids=["silence", "a drip", "hanging up", "no HTTP"],
)
async def test_receivers_that_do_not_answer(
    answer: Answering, timeout_seconds: float, failure: str
) -> None:
    outcome = await attempt(answer, timeout_seconds=timeout_seconds)

    assert (outcome.verdict, outcome.failure, outcome.status) == ("retry", failure, None)
    assert outcome.reason


async def test_a_flood_is_read_no_further_than_is_kept() -> None:
    outcome = await attempt(floods)

    assert outcome.status == 500
    assert len(outcome.answer) == ANSWER_OCTETS_MAX


async def test_a_redirect_is_not_followed() -> None:
    async with (
        receiver(plain("200 OK")) as (elsewhere, visits),
        receiver(plain("302 Found", f"location: {elsewhere}")) as (url, got),
        GuardedClient(HERE) as client,
    ):
        outcome = await send(client, Message(url, b"{}"), timeout_seconds=30, now=0)

    assert outcome.verdict == "retry"
    assert (len(got), visits) == (1, [])


async def test_the_body_goes_out_octet_for_octet() -> None:
    body = '{"name":"山田 \\u0000","n":1.0}'.encode()
    async with (
        receiver(plain("200 OK")) as (url, got),
        GuardedClient(HERE) as client,
    ):
        message = Message(url, body, {"content-type": "application/json", "webhook-id": "tr_1"})
        await send(client, message, timeout_seconds=30, now=0)

    head, _, sent = got[0].partition(b"\r\n\r\n")
    assert sent == body
    assert b"webhook-id: tr_1" in head


async def test_a_name_that_nobody_has() -> None:
    async with GuardedClient(HERE) as client:
        message = Message("http://nobody.invalid/", b"{}")
        outcome = await send(client, message, timeout_seconds=30, now=0)

    assert outcome.failure == "dns_error"


async def test_a_port_at_which_nobody_listens() -> None:
    async with receiver(plain("200 OK")) as (url, _):
        pass
    async with GuardedClient(HERE) as client:
        outcome = await send(client, Message(url, b"{}"), timeout_seconds=30, now=0)

    assert outcome.failure == "connect_error"


async def test_a_server_without_tls_behind_https() -> None:
    async with (
        receiver(plain("200 OK"), greeting=b"220 mail.example ESMTP\r\n") as (url, _),
        GuardedClient(HERE) as client,
    ):
        message = Message(url.replace("http:", "https:"), b"{}")
        outcome = await send(client, message, timeout_seconds=30, now=0)

    assert outcome.failure == "tls_error"


def says(*octets: bytes, closes: bool = True) -> Answering:
    """Answer with those very octets, in as many pieces."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in octets:
            writer.write(piece)
            await writer.drain()
        if not closes:
            await reader.read()

    return answer


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (says(b"HTTP/1.1 200 OK\r\n\r\nto the end"), 200, b"to the end"),
        (says(b"HTTP/1.1 2", b"04 None", b"\r\n\r", b"\n", closes=False), 204, b""),
        (
            says(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 201 A\r\ncontent-length: 1\r\n\r\nx"),
            201,
            b"x",
        ),
        (
            says(b"HTTP/1.1 500 A\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"),
            500,
            b"ab",
        ),
        (says(b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok and more"), 200, b"ok"),
    ],
    ids=["until the end", "in pieces", "after a 100", "in chunks", "with too much"],
)
async def test_answers_of_every_shape(answer: Answering, status: int, body: bytes) -> None:
    outcome = await attempt(answer)

    assert (outcome.status, outcome.answer) == (status, body)


@pytest.mark.parametrize(
    "answer",
    [
        says(b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n"),
        says(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"),
        says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\nab"),
        says(b"HTTP/1.1 200 OK\r\nx: " + b"y" * (HEAD_OCTETS_MAX + 1), closes=False),
        says(b"HTTP/1.1 200 OK\r\n"),
    ],
    ids=["another protocol", "cut off", "of two lengths", "an endless head", "no end of the head"],
)
async def test_answers_that_are_none(answer: Answering) -> None:
    outcome = await attempt(answer)

    assert (outcome.verdict, outcome.failure, outcome.status) == ("retry", "protocol_error", None)


async def test_a_connection_carries_one_request_after_another() -> None:
    async with receiving() as there, GuardedClient(HERE) as client:
        for number in range(3):
            message = Message(there.url, b"{}", {"webhook-id": f"tr_{number}"})
            await send(client, message, timeout_seconds=30, now=0)

        assert [one.id for one in there.came] == ["tr_0", "tr_1", "tr_2"]
        assert there.connections == 1


async def test_a_connection_that_ended_meanwhile_costs_no_attempt() -> None:
    async with receiving() as there, GuardedClient(HERE) as client:
        message = Message(there.url, b"{}", {"webhook-id": "tr_1"})
        await send(client, message, timeout_seconds=30, now=0)
        there.hangs_up_next = True

        outcome = await send(client, message, timeout_seconds=30, now=0)

        assert outcome.verdict == "delivered"
        assert there.connections == 2


async def test_an_attempt_that_is_given_up_ends_its_connection() -> None:
    async with receiver(is_silent) as (url, got), GuardedClient(HERE) as client:
        outcome = await send(client, Message(url, b"{}"), timeout_seconds=0.2, now=0)

    assert (outcome.failure, len(got)) == ("timeout", 1)  # the receiver saw the end, or waits here
