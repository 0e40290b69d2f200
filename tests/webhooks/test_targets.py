"""A webhook reaches the public internet and what the operator allows; nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from service.webhooks.addresses import Address, parse_networks, refusal_of
from service.webhooks.sending import Message, Outcome, send
from service.webhooks.targets import Guard, TargetError, check_target, parse_target
from service.webhooks.transport import GuardedClient
from service.webhooks.wire import Wire

pytestmark = pytest.mark.anyio

REFUSED = [
    "0.0.0.0",  # noqa: S104 -- an address that must be refused
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.9",
    "192.0.0.170",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.1.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1%eth0",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "126.255.255.255",
    "128.0.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2001:4860:4860::8888",
    "2a00:1450:4001:82a::200e",
    "::ffff:1.1.1.1",
]
SPELLINGS = ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "0", "localhost", "[::1]"]
"""Hosts that a resolver takes for this machine."""


class Book:
    """Names with addresses, another list at each call, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = [[ip_address(text) for text in each] for each in answers]
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        del host, port
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Lines:
    """Notes where connections were opened, and opens none."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    async def __call__(self, address: str, port: int, tls: object, name: str) -> Wire:
        del port, tls, name
        self.opened.append(address)
        raise ConnectionRefusedError("nobody is there")


async def sent_to(url: str, book: Book, lines: Lines) -> Outcome:
    """Return what became of sending to *url*, its name looked up in *book*."""
    async with GuardedClient(Guard(), look_up=book, connect=lines) as client:
        return await send(client, Message(url, b"{}"), timeout_seconds=30, now=0)


@pytest.mark.parametrize("text", REFUSED)
def test_addresses_that_are_not_public_are_refused(text: str) -> None:
    assert refusal_of(ip_address(text)) is not None


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_let_through(text: str) -> None:
    assert refusal_of(ip_address(text)) is None


@pytest.mark.parametrize("text", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_a_network_that_the_operator_allows_is_reached(text: str) -> None:
    allowed = parse_networks(["10.1.0.0/16"])

    assert refusal_of(ip_address(text), allowed) is None
    assert refusal_of(ip_address("10.2.0.1"), allowed) is not None


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_this_machine_is_let_through(host: str) -> None:
    with pytest.raises(TargetError) as caught:
        await check_target(f"http://{host}:8080/", Guard())

    assert caught.value.code == "blocked_address"
    assert "STAGEFOLD_WEBHOOK_ALLOW_CIDRS" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "http://good.example\\@127.0.0.1/",
        "http://127.0.0.1:80\\@good.example/",
        "http://user@good.example/",
        "http://user:secret@good.example/",
        "http://good.example/#part",
        "http://good.example/a b",
        "http://good.example/\n",
        "http://good.example:22/",
        "http://good.example:0/",
        "http://good.example:99999/",
        "ftp://good.example/",
        "file:///etc/passwd",
        "unix:///run/socket",
        "//good.example/",
        "good.example",
        "http://",
        "http://" + "a" * 2_000,
        "http://0177.0.0.1/",
    ],
)
def test_a_url_that_could_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse_target(text)

    assert caught.value.code == "bad_url"


async def test_one_bad_address_among_good_ones_is_enough() -> None:
    lines = Lines()

    outcome = await sent_to("http://two.example/", Book(["1.1.1.1", "10.0.0.1"]), lines)

    assert (outcome.failure, lines.opened) == ("blocked_address", [])


async def test_a_name_that_changes_its_mind_gains_nothing() -> None:
    """Let through when it was entered, it is looked up and checked again at the connection."""
    book, lines = Book(["1.1.1.1"], ["127.0.0.1"]), Lines()

    await check_target("http://rebinding.example/", Guard(), book)
    outcome = await sent_to("http://rebinding.example/", book, lines)

    assert book.asked == 2
    assert (outcome.failure, lines.opened) == ("blocked_address", [])


async def test_connections_go_to_the_addresses_that_were_checked_one_after_another() -> None:
    lines = Lines()

    outcome = await sent_to("http://good.example/", Book(["1.1.1.1", "1.0.0.1"]), lines)

    assert outcome.failure == "connect_error"
    assert lines.opened == ["1.1.1.1", "1.0.0.1"]


@pytest.mark.parametrize("host", SPELLINGS)
async def test_sending_to_this_machine_opens_no_connection(host: str) -> None:
    """A server really listens there; nobody knocks."""
    knocks: list[object] = []

    async def knocked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        knocks.append(reader)
        writer.close()

    server = await asyncio.start_server(knocked, "127.0.0.1", 0)
    async with server, GuardedClient(Guard()) as client:
        port = server.sockets[0].getsockname()[1]
        message = Message(f"http://{host}:{port}/", b"{}")
        outcome = await send(client, message, timeout_seconds=30, now=0)

    assert outcome.failure == "blocked_address"
    assert knocks == []


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    lines = Lines()

    await sent_to("http://good.example/", Book(["1.1.1.1"]), lines)

    assert lines.opened == ["1.1.1.1"]


async def test_a_header_field_cannot_hold_another_one() -> None:
    message = Message("http://good.example/", b"{}", {"x-a": "b\r\nhost: 127.0.0.1"})
    lines = Lines()

    async with GuardedClient(Guard(), look_up=Book(["1.1.1.1"]), connect=lines) as client:
        outcome = await send(client, message, timeout_seconds=30, now=0)

    assert (outcome.failure, lines.opened) == ("bad_url", [])
