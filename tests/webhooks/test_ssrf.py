"""Nothing inside is reached through a webhook: every address and spelling, by every way there is.

A way is how somebody gets at an address: written into the URL, behind a name, behind a name that
was good when it was looked at (rebinding), or in the answer of a good receiver (redirect). Each is
tried where a URL comes in (create, change) and where one is used (test, delivery). A real server
listens on this machine; every connection that is begun is written down, and there must be none.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

import pytest

from projections.registers.register import put
from projections.webhooks.rows import ENDPOINTS
from service.webhooks.addresses import Address, parse_networks
from service.webhooks.hooks import hooks_of
from service.webhooks.targets import Guard, resolve
from service.webhooks.terms import terms_of
from service.webhooks.transport import GuardedClient, connect
from service.webhooks.wire import Wire
from tests.http.conftest import Api, MakeApi, client_of
from tests.webhooks.hooking import Hooked
from tests.webhooks.receiving import Received, receiving
from tests.webhooks.test_targets import REFUSED

pytestmark = pytest.mark.anyio

GOOD_NETWORK = "127.0.0.2/32"
GOOD_ADDRESS = "127.0.0.2"
GOOD_NAME = "good.example"
SPELLINGS = [
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7F.0x0.0x0.0x1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "0.0",
    "127.0.0.1.",
    "%31%32%37.0.0.1",
    "127%2e0%2e0%2e1",
    "\uff11\uff12\uff17.0.0.1",
    "\u2460\u2461\u2466.0.0.1",
    "127\u30020\u30020\u30021",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "good.example@127.0.0.1",
    "127.0.0.1#@good.example",
    "good.example\\@127.0.0.1",
    "127.0.0.1\t",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::0001]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7F00:1]",
    "[::ffff:0x7f.1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[fe80::1%25eth0]",
    "[::1%25lo]",
]
LITERALS = [
    *(f"[{each}]" if ":" in each else each for each in REFUSED if "%" not in each),
    *SPELLINGS,
]


@dataclass(slots=True)
class Lines:
    """Really connects, and writes down where to."""

    begun: list[str] = field(default_factory=list)

    async def __call__(
        self, address: str, port: int, tls: ssl.SSLContext | None, name: str
    ) -> Wire:
        self.begun.append(address)
        return await connect(address, port, tls, name)


@dataclass(slots=True)
class Names:
    """Looks names up in a book; what is not in it is looked up as the system does."""

    book: dict[str, Sequence[str]] = field(default_factory=dict)

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        if host in self.book:
            return [ip_address(each) for each in self.book[host]]
        if host.endswith(".example"):
            raise OSError("nobody has that name")
        return await resolve(host, port)


@dataclass(frozen=True, slots=True)
class World:
    """An application, whom it may connect to, and what it has connected to."""

    hooked: Hooked
    names: Names
    lines: Lines
    knocks: list[object]
    port: int

    @property
    def api(self) -> Api:
        """The application."""
        return self.hooked.api

    def url(self, host: str) -> str:
        """Return a URL at the port where a server listens on this machine."""
        return f"http://{host}:{self.port}/hook"

    async def known(self, host: str) -> str:
        """Return the id of an endpoint at *host*, let in when it was still good."""
        made = await self.hooked.endpoint(self.url(GOOD_NAME), types=["customer.stage.changed"])
        store, tenant = self.api.services.store, "default"
        standing = await self.api.services.hooks.endpoints.find(tenant, made["id"])
        terms = replace(terms_of(standing.endpoint.terms), url=self.url(host))
        await store.carry(put(ENDPOINTS, replace(standing.endpoint, terms=terms.text)))
        return str(made["id"])

    def assert_untouched(self) -> None:
        """Assert that nobody was connected to."""
        assert self.lines.begun == []
        assert self.knocks == []


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[int, list[object]]]:
    """Listen at every address of this machine, and note who knocks."""
    knocks: list[object] = []

    async def knocked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        knocks.append(reader)
        writer.close()

    is_dual = socket.has_dualstack_ipv6()
    there = socket.create_server(
        ("::" if is_dual else "127.0.0.1", 0),
        family=socket.AF_INET6 if is_dual else socket.AF_INET,
        dualstack_ipv6=is_dual,
    )
    server = await asyncio.start_server(knocked, sock=there)
    port = there.getsockname()[1]
    async with server:
        yield port, knocks


@pytest.fixture
async def world(make_api: MakeApi) -> AsyncIterator[World]:
    """Return an application that may reach one address of this machine, and all that is public."""
    api = await make_api(STAGEFOLD_WEBHOOK_ALLOW_CIDRS=GOOD_NETWORK)
    names, lines = Names({GOOD_NAME: [GOOD_ADDRESS]}), Lines()
    services = api.services
    guard = Guard(parse_networks([GOOD_NETWORK]))
    hooks = hooks_of(
        services.settings,
        services.store,
        services.clock,
        services.randomness,
        leases=services.leases,
        progress=services.progress,
        client=GuardedClient(guard, look_up=names, connect=lines),
        look_up=names,
    )
    guarded = replace(services, hooks=hooks)
    async with listening() as (port, knocks), client_of(guarded) as client:
        yield World(Hooked(Api(client, guarded, api.clock)), names, lines, knocks, port)
        await hooks.close()


def by_name(world: World) -> list[str]:
    """Return names for all addresses: each alone, behind a good one, and before a good one."""
    hosts = []
    for number, address in enumerate(REFUSED):
        for kind, addresses in {
            "alone": [address],
            "second": ["1.1.1.1", address],
            "first": [address, "1.1.1.1"],
        }.items():
            hosts.append(f"{kind}-{number}.example")
            world.names.book[hosts[-1]] = addresses
    return hosts


async def test_nobody_is_told_who_is_inside_by_what_is_created(world: World) -> None:
    let_in = []
    for host in [*LITERALS, *by_name(world)]:
        answer = await world.api.client.post("/v1/webhook-endpoints", json={"url": world.url(host)})
        if answer.status_code != 422:
            let_in.append((host, answer.text))

    assert let_in == []
    world.assert_untouched()


async def test_nobody_is_told_who_is_inside_by_what_is_changed(world: World) -> None:
    made = await world.hooked.endpoint(world.url(GOOD_NAME))
    let_in = []
    for host in [*LITERALS, *by_name(world)]:
        answer = await world.api.client.patch(
            f"/v1/webhook-endpoints/{made['id']}",
            json={"url": world.url(host)},
            headers={"If-Match": '"1"'},
        )
        if answer.status_code != 422:
            let_in.append((host, answer.text))

    assert let_in == []
    world.assert_untouched()


async def test_a_test_reaches_nobody_inside(world: World) -> None:
    """Neither an endpoint that was let in under other settings, nor a name that has moved."""
    let_in = []
    for host in [*LITERALS, *by_name(world)]:
        endpoint = await world.known(host)
        path = f"/v1/webhook-endpoints/{endpoint}"
        answer = await world.api.client.post(f"{path}/test", json={})
        if answer.status_code != 422:
            let_in.append((host, answer.text))
        await world.api.client.delete(path)

    assert let_in == []
    world.assert_untouched()


async def test_a_delivery_reaches_nobody_inside(world: World) -> None:
    """Neither to an endpoint that was let in under other settings, nor to a name that has moved."""
    hosts = [*LITERALS, *by_name(world)]
    endpoints = {await world.known(host): host for host in hosts}
    await world.hooked.post("/v1/events", {"id": "e-1", "type": "seen", "customer_id": "ann"})

    await world.hooked.deliver()

    failures: dict[str, str] = {}
    for endpoint, host in endpoints.items():
        told = await world.hooked.get("/v1/deliveries", endpoint=endpoint)
        (one,) = told["data"]
        failures[host] = one["failure"]
    assert failures.keys() == set(hosts)
    assert set(failures.values()) <= {"blocked_address", "bad_url", "dns_error"}
    assert {failures[host] for host in by_name(world)} == {"blocked_address"}
    world.assert_untouched()


async def test_a_name_that_is_good_at_every_look_but_the_last_gains_nothing(world: World) -> None:
    """Its address changes between the check of a test and the connection of the same test."""
    looks = [[GOOD_ADDRESS], [GOOD_ADDRESS], ["127.0.0.1"]]
    made = await world.hooked.endpoint(world.url(GOOD_NAME))
    names = world.names

    class Turning(dict[str, Sequence[str]]):
        def __getitem__(self, host: str) -> Sequence[str]:
            return looks.pop(0) if len(looks) > 1 else looks[0]

    names.book = Turning({GOOD_NAME: ()})
    looks.pop(0)
    tried = await world.hooked.post(f"/v1/webhook-endpoints/{made['id']}/test", {})

    assert (tried["delivered"], tried["failure"]) == (False, "blocked_address")
    world.assert_untouched()


async def test_no_redirect_is_followed_wherever_it_leads(world: World) -> None:
    targets = [world.url(host) for host in LITERALS] + ["//127.0.0.1/", "file:///etc/passwd"]
    left = iter([each for each in targets if each.isascii() and each.isprintable()])
    count = sum(each.isascii() and each.isprintable() for each in targets)

    def redirects(_: Received) -> tuple[int, dict[str, str]]:
        return 307, {"location": next(left)}

    async with receiving(GOOD_ADDRESS) as there:
        there.answers = redirects
        made = await world.hooked.endpoint(f"http://{GOOD_NAME}:{there.port}/hook")
        for _ in range(count):
            tried = await world.hooked.post(f"/v1/webhook-endpoints/{made['id']}/test", {})
            assert (tried["delivered"], tried["status"]) == (False, 307)

    assert len(there.came) == count
    assert set(world.lines.begun) == {GOOD_ADDRESS}
    assert world.knocks == []
