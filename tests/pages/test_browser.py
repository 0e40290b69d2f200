"""The pages in a real browser: accessible in both themes, narrow and wide, quiet, within policy."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.architecture.tree import ROOT

pytestmark = pytest.mark.browser

Theme = Literal["light", "dark"]

PAGES = (
    "/",
    "/?model=cpm-10&lang=ja",
    "/?model=health&as_of=2020-01-01",
    "/customers?model=health&stage=at_risk",
    "/customers?q=nobody",
    "/customers/c-0013?model=health",
    "/customers/c-0013?lang=ja",
    "/accounts/a-001",
    "/docs",
    "/login",
)
OPEN_SOME = "all => all.slice(0, 8).forEach(each => each.open = true)"
NARROW, WIDE = (390, 844), (1_440, 900)
START_SECONDS = 300
PAGE_SECONDS = 120


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a served demo."""
    script = str(Path(__file__).with_name("serve_demo.py"))
    environment = {key: text for key, text in os.environ.items() if key != "STAGEFOLD_DATA_DIR"}
    folder = tmp_path_factory.mktemp("demo")
    complaints = (folder / "stderr.txt").open("w+", encoding="utf-8")
    server = subprocess.Popen(
        [sys.executable, script, str(folder)],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=complaints,
        text=True,
    )
    assert server.stdout is not None
    try:
        address = _address(iter(server.stdout.readline, ""))
        complaints.seek(0)
        assert address, complaints.read()[-2_000:]
        yield address
    finally:
        server.terminate()
        server.wait(START_SECONDS)
        server.stdout.close()
        complaints.close()


def _address(lines: Iterator[str]) -> str | None:
    """Return the address that the demo tells; None if it ended before."""
    for line in lines:
        found = re.search(r"Open\s+(http://\S+)/", line)
        if found:
            return found[1]
    return None


@pytest.fixture(scope="module")
def axe() -> str:
    """Return the text of axe-core."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("no axe-core found; cure: pip install axe-playwright-python")
    return Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser(chromium_path: Path) -> Iterator[Browser]:
    """Return a running Chromium."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium_path, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield running
        running.close()


def _context(
    browser: Browser, theme: Theme, size: tuple[int, int], *, scripts: bool = True
) -> BrowserContext:
    context = browser.new_context(
        color_scheme=theme,
        viewport={"width": size[0], "height": size[1]},
        java_script_enabled=scripts,
        reduced_motion="reduce",
    )
    context.set_default_timeout(PAGE_SECONDS * 1_000)
    return context


def _listen(page: Page) -> list[str]:
    """Return the list that fills with whatever the console complains of."""
    heard: list[str] = []
    page.on(
        "console",
        lambda said: heard.append(said.text) if said.type in {"error", "warning"} else None,
    )
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


@pytest.mark.parametrize(
    ("theme", "size"), [("light", NARROW), ("dark", WIDE)], ids=["light-narrow", "dark-wide"]
)
def test_pages_are_accessible_quiet_and_fit_their_window(
    demo: str, browser: Browser, axe: str, theme: Theme, size: tuple[int, int]
) -> None:
    breaches: list[str] = []
    with _context(browser, theme, size) as context:
        page = context.new_page()
        heard = _listen(page)
        for path in PAGES:
            page.goto(demo + path)
            page.locator("details").evaluate_all(OPEN_SOME)
            width = page.evaluate("document.documentElement.scrollWidth")
            if width > size[0]:
                breaches.append(f"{path}: {width} px wide")
            page.evaluate(axe)
            found = page.evaluate("axe.run()")
            assert "color-contrast" in {each["id"] for each in found["passes"]}
            breaches += [f"{path}: {_told(violation)}" for violation in found["violations"]]
            breaches += [f"{path}: {said}" for said in heard]
            heard.clear()

    assert not breaches, "\n".join(breaches)


def _told(violation: dict[str, object]) -> str:
    nodes = violation["nodes"]
    assert isinstance(nodes, list)
    return f"{violation['id']}: {violation['help']} ({nodes[0]['html'][:160]})"


def test_pages_work_without_scripts(demo: str, browser: Browser) -> None:
    with _context(browser, "light", WIDE, scripts=False) as context:
        page = context.new_page()
        page.goto(f"{demo}/?lang=en")
        page.get_by_role("link", name="Customer health").click()
        page.get_by_label("As of").fill("2030-01-01")
        page.get_by_role("button", name="Show").click()
        told = page.get_by_text("if nothing happens").count()
        page.get_by_label("Find a customer").fill("c-0013")
        page.get_by_label("Find a customer").press("Enter")

        assert told == 1
        assert page.url.endswith("/customers/c-0013")
        assert page.get_by_role("heading", name="Timeline").count() == 1


def test_a_board_keeps_itself_fresh(demo: str, browser: Browser) -> None:
    """The trickle brings an event three times a second; the board must show one soon."""
    with _context(browser, "light", WIDE) as context:
        page = context.new_page()
        page.goto(f"{demo}/?model=typical-journey-5&lang=en")
        board = page.locator("[data-live]")
        before = board.inner_text()

        page.wait_for_function(
            "before => document.querySelector('[data-live]').innerText !== before", arg=before
        )

        assert page.get_by_role("button", name="Live").get_attribute("aria-pressed") == "false"


def test_a_slash_leads_to_the_search(demo: str, browser: Browser) -> None:
    with _context(browser, "light", WIDE) as context:
        page = context.new_page()
        page.goto(demo)

        page.keyboard.press("/")

        assert page.evaluate("document.activeElement.id") == "q"


def test_a_board_moves_as_soon_as_something_happens(demo: str, browser: Browser) -> None:
    """It is told, by one stream; it does not have to ask again and again."""
    with _context(browser, "light", WIDE) as context:
        page = context.new_page()
        heard = _listen(page)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.resource_type))
        page.goto(f"{demo}/?model=typical-journey-5&lang=en")
        page.wait_for_function("() => document.querySelectorAll('.arrived').length > 0")

        assert asked.count("eventsource") == 1
        assert not heard
