"""The page of docs/live.md that listens, in a real browser."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import sync_playwright

from tests.architecture.documents import blocks
from tests.architecture.tree import ROOT
from tests.http.conftest import did
from tests.http.serving import ADMIN_KEY, ANSWER_SECONDS_MAX, Server, serving
from tests.live.test_served import until_open

pytestmark = pytest.mark.browser

NEW_TOKEN = """async () => {
  const asked = {method: "POST", body: "{}", headers: {authorization: `Bearer ${key}`, "content-type": "application/json"}};
  return (await (await fetch("/v1/stream-tokens", asked)).json()).token;
}"""  # noqa: E501 -- a page


def seen(server: Server, customer: str) -> None:
    """Let a customer be seen."""
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    event = did("page_viewed", customer)
    answer = httpx.post(
        f"{server.url}/v1/events", json=event, headers=headers, timeout=ANSWER_SECONDS_MAX
    )
    assert answer.status_code == 201


def test_the_page_of_the_document_hears_what_happens(chromium_path: Path) -> None:
    block = next(one for one in blocks(ROOT / "docs" / "live.md") if one.language == "javascript")
    listen = block.text.replace("export function", "function")
    page_code = f"""(key) => {{
      {listen}
      window.told = [];
      return listen("", {NEW_TOKEN}, (message) => window.told.push(message.data.customer_id));
    }}"""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with serving() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=arguments)
        page = browser.new_page()
        page.set_default_timeout(ANSWER_SECONDS_MAX * 1_000)
        page.goto(f"{server.url}/login")
        page.evaluate(page_code, ADMIN_KEY)
        until_open(server, 1)
        seen(server, "ann")

        page.wait_for_function("() => window.told.length > 0")

        assert page.evaluate("window.told") == ["ann"]
        browser.close()
