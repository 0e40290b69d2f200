"""Libraries for browsers, unchanged, in a real Chromium, on a page of another origin than ours.

What they do is what `docs/clients.md` says; its snippets are the pages. Each library tells once
from a page that stays, and once from a page that is left at that moment.
"""

from __future__ import annotations

import functools
import http.server
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.architecture.documents import Block
from tests.clients.installing import NotInstalledError, install_packages, snippets
from tests.http.serving import ADMIN_KEY, ANSWER_SECONDS_MAX, PATIENT, Server, serving

pytestmark = pytest.mark.browser

Found = TypeVar("Found")
LEFT = "left"
LIBRARIES = snippets("html")
AUTHORIZED = {"Authorization": f"Bearer {ADMIN_KEY}"}
PERSON = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36"
)
"""posthog-js tells nothing of robots, and takes a browser that says it is headless for one."""


@dataclass(frozen=True, slots=True)
class Sayings:
    """How a library is spoken to.

    Attributes:
        ready: Resolves when it is there.
        changes: Pairs to replace in its snippet, for a page that is left.
    """

    ready: str
    tell: str
    identify: str
    changes: tuple[str, str] = ("", "")


_SEGMENT = (
    "analytics.track({type!r}, {{amount: 3}})",
    "analytics.identify({who!r}, {{plan: 'pro'}})",
)
SAYINGS = {
    "@segment/analytics-next": Sayings("analytics.ready()", *_SEGMENT),
    "@rudderstack/analytics-js": Sayings(
        "new Promise(done => analytics.ready(done))",
        *_SEGMENT,
        ("{ getSourceConfig", "{ useBeacon: true, getSourceConfig"),
    ),
    "posthog-js": Sayings(
        "new Promise(done => setTimeout(done))",
        "analytics.capture({type!r}, {{amount: 3}})",
        _SEGMENT[1],
        ("{ api_host", "{ disable_compression: true, api_host"),
    ),
}


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[tuple[str, Path]]:
    """Return address and folder of a site that has the libraries, or leave the tests out."""
    cache = request.config.cache
    assert cache is not None
    wanted = [f"{name}@{one.words[1]}" for name, one in LIBRARIES.items()]
    try:
        folder = install_packages("js", cache.mkdir("pages"), wanted).folder
    except NotInstalledError as error:
        pytest.skip(str(error))
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}", folder
        served.shutdown()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Serve over an empty store."""
    with serving(MODELS="none", **PATIENT) as found:
        yield found


@pytest.fixture(scope="module")
def browser(chromium_path: Path) -> Iterator[Browser]:
    """Return a running Chromium that does not say that it is one of a test."""
    flags = ["--disable-blink-features=AutomationControlled", "--disable-background-networking"]
    flags += ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium_path, args=flags)
        yield running
        running.close()


@pytest.mark.parametrize("ending", ["stays", LEFT])
@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_works_unchanged_in_a_page(
    name: str, ending: str, site: tuple[str, Path], server: Server, browser: Browser
) -> None:
    address, folder = site
    says, who = SAYINGS[name], f"{name.rpartition('/')[2]}-{ending}"
    page_file = folder / f"{who}-{os.getpid()}.html"
    page_file.write_text(_page(LIBRARIES[name], says, server, _key(server, address), ending))
    with browser.new_context(user_agent=PERSON) as context:
        page = context.new_page()
        heard = _listen(page)
        page.goto(f"{address}/{page_file.name}")
        page.evaluate(f"() => {says.ready}")
        page.evaluate(f"() => {{ {says.tell.format(type=who)} }}")
        page.evaluate(f"() => {{ {says.identify.format(who=who)} }}")
        if ending == LEFT:
            page.goto("about:blank")
        events = _until(lambda: _told(server, who))
    page_file.unlink()

    told, identified = events
    assert told["properties"]["amount"] == 3
    assert told["anonymous_id"] == identified["anonymous_id"]
    assert identified["traits"]["plan"] == "pro"
    assert not heard


def _key(server: Server, origin: str) -> str:
    body = {"name": "page", "scopes": ["events:write"], "origins": [origin]}
    made = httpx.post(f"{server.url}/v1/api-keys", json=body, headers=AUTHORIZED)
    key: str = made.json()["key"]
    return key


def _page(snippet: Block, says: Sayings, server: Server, key: str, ending: str) -> str:
    """Return the page that the snippet makes, with our key and our address."""
    text = snippet.text.replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")
    if ending == LEFT:
        text = text.replace(*says.changes)
    return f"<!doctype html><title>shop</title><script>const KEY = {key!r};</script>{text}"


def _listen(page: Page) -> list[str]:
    """Return the list that fills with errors of the page, a missing icon aside."""
    heard: list[str] = []

    def hear(text: str, where: str) -> None:
        if not re.search(r"favicon", where):
            heard.append(f"{where}: {text}")

    page.on(
        "console",
        lambda said: hear(said.text, said.location["url"]) if said.type == "error" else None,
    )
    page.on("pageerror", lambda error: hear(str(error), "page"))
    return heard


def _told(server: Server, who: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the event and what was said of the person, once both are there, each once."""
    answer = httpx.get(f"{server.url}/v1/events?limit=500", headers=AUTHORIZED)
    found: list[dict[str, Any]] = answer.json()["data"]
    told = [each for each in found if each["type"] == who]
    identified = [
        each
        for each in found
        if each["type"] == "$identify" and each.get("customer_id") == who and each.get("traits")
    ]
    assert len(told) <= 1
    assert len(identified) <= 1
    return (told[0], identified[0]) if told and identified else None


def _until(look: Callable[[], Found | None]) -> Found:
    """Return what *look* finds, as soon as it finds something."""
    end = time.monotonic() + ANSWER_SECONDS_MAX
    while time.monotonic() < end:
        if (found := look()) is not None:
            return found
    raise AssertionError("nothing came in time")
