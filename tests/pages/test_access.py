"""Pages are seen by those who hold a key, and in the demo by its own machine; by nobody else."""

from __future__ import annotations

import httpx
import pytest

from domain.instants import HOUR
from service.pages.access import COOKIE
from tests.pages.conftest import ADMIN_KEY, Shop

pytestmark = pytest.mark.anyio

OWN = {"Origin": "http://shop.test"}


@pytest.fixture
async def stranger(shop: Shop) -> httpx.AsyncClient:
    """Return a browser without a session."""
    shop.client.cookies.clear()
    return shop.client


@pytest.mark.parametrize("path", ["/", "/customers", "/customers/ann?model=shop", "/accounts/x"])
async def test_a_stranger_is_asked_to_sign_in(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.get(path)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=%2F")


async def test_signing_in_leads_back_to_where_one_was(stranger: httpx.AsyncClient) -> None:
    form = {"key": ADMIN_KEY, "next": "/customers?model=shop"}

    answer = await stranger.post("/login", data=form, headers=OWN)

    assert (answer.status_code, answer.headers["location"]) == (303, "/customers?model=shop")
    assert (await stranger.get("/")).status_code == 200


async def test_the_session_is_out_of_reach_of_scripts_and_other_sites(
    stranger: httpx.AsyncClient,
) -> None:
    answer = await stranger.post("/login", data={"key": ADMIN_KEY}, headers=OWN)

    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    assert ADMIN_KEY not in cookie


async def test_over_https_the_session_stays_on_https(shop: Shop) -> None:
    transport = httpx.ASGITransport(app=shop.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://shop.test") as client:
        headers = {"Origin": "https://shop.test"}
        answer = await client.post("/login", data={"key": ADMIN_KEY}, headers=headers)

    assert "secure" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    "key", ["", "wrong", ADMIN_KEY[:-1], "sfk_aaaaaaaa_bbbb", "x" * 5_000, "\x00", "鍵"]
)
async def test_a_wrong_key_opens_nothing(stranger: httpx.AsyncClient, key: str) -> None:
    answer = await stranger.post("/login", data={"key": key}, headers=OWN)

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


async def test_a_key_that_may_not_read_customers_opens_nothing(shop: Shop) -> None:
    shop.client.cookies.clear()
    _, token = await shop.services.keys.create(
        tenant="default", name="writer", scopes=["events:write"]
    )

    answer = await shop.client.post("/login", data={"key": token}, headers=OWN)

    assert answer.status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.test"},
        {"Origin": "http://shop.test.evil.test"},
        {**OWN, "Sec-Fetch-Site": "cross-site"},
        {**OWN, "Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
async def test_only_our_own_form_signs_in(
    stranger: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await stranger.post("/login", data={"key": ADMIN_KEY}, headers=headers)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)", "x"]
)
async def test_signing_in_never_leads_off_the_site(
    stranger: httpx.AsyncClient, elsewhere: str
) -> None:
    form = {"key": ADMIN_KEY, "next": elsewhere}

    answer = await stranger.post("/login", data=form, headers=OWN)

    assert answer.headers["location"] == "/"


async def test_a_session_ends_after_twelve_hours(shop: Shop) -> None:
    shop.clock.instant += 12 * HOUR - 1
    before = await shop.client.get("/")
    shop.clock.instant += 1
    after = await shop.client.get("/")

    assert (before.status_code, after.status_code) == (200, 303)


async def test_revoking_the_key_ends_its_sessions(shop: Shop) -> None:
    (key,) = await shop.services.store.keys("default")

    await shop.services.store.revoke_key("default", key.id, shop.clock.now())

    assert (await shop.client.get("/")).status_code == 303


@pytest.mark.parametrize("change", ["key", "end", "signature", "cut"])
async def test_a_changed_cookie_opens_nothing(shop: Shop, change: str) -> None:
    cookie = shop.client.cookies[COOKIE]
    key, end, signature = cookie.rsplit(".", 2)
    forged = {
        "key": f"other.{end}.{signature}",
        "end": f"{key}.{int(end) + 1}.{signature}",
        "signature": f"{key}.{end}.{signature[:-1]}{'0' if signature[-1] != '0' else '1'}",
        "cut": f"{key}.{end}",
    }[change]
    shop.client.cookies.clear()

    answer = await shop.client.get("/", headers={"Cookie": f"{COOKIE}={forged}"})

    assert answer.status_code == 303


async def test_signing_out_takes_the_session_away(shop: Shop) -> None:
    answer = await shop.client.post("/logout", headers=OWN)

    assert answer.status_code == 303
    assert (await shop.client.get("/")).status_code == 303


@pytest.mark.parametrize(
    ("client", "host", "status"),
    [
        ("127.0.0.1", "localhost:8080", 200),
        ("127.0.0.1", "127.0.0.1:8080", 200),
        ("::1", "[::1]:8080", 200),
        ("127.0.0.1", "evil.test", 303),
        ("127.0.0.1", "localhost.evil.test", 303),
        ("192.0.2.7", "localhost:8080", 303),
    ],
)
async def test_the_demo_is_open_to_its_own_machine_only(
    shop: Shop, client: str, host: str, status: int
) -> None:
    """A foreign page that resolves its own name to 127.0.0.1 sends its own Host."""
    shop.app.state.pages_open = True
    transport = httpx.ASGITransport(app=shop.app, client=(client, 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as browser:
        answer = await browser.get("/", headers={"Host": host})

    assert answer.status_code == status


async def test_the_login_form_lets_browsers_name_their_origin(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/login")

    assert answer.headers["referrer-policy"] == "same-origin"
