"""The clients of other products, unchanged, as they come from their registries, against our server.

All clients of a language run at once, each twice: once with everything well, and once through a
server that answers its first request with 429, and its second with 503 after it was carried out.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.clients.faults import SPOILED, Faulty, faulty
from tests.clients.installing import Installed, NotInstalledError, install, snippets
from tests.clients.scenarios import SCENARIOS, THEN, Scenario
from tests.http.serving import ADMIN_KEY, Server, serving

RUN_SECONDS_MAX = 180
ADDRESS = "http://127.0.0.1:8080"
AUTHORIZED = {"Authorization": f"Bearer {ADMIN_KEY}"}
PRELUDE = {
    "python": """
from datetime import datetime
KEY, WHO, VISITOR = {key!r}, {who!r}, {visitor!r}
TRAITS, COMPANY = {{"email": "a@example.com", "plan": "pro"}}, {{"name": "Initech"}}
ORDER = {{"order_id": "o-1", "revenue": 39.95}}
THEN = datetime.fromisoformat("{then}")
""",
    "js": """
const KEY = {key!r}, WHO = {who!r}, VISITOR = {visitor!r}, THEN = {then!r};
const TRAITS = {{ email: "a@example.com", plan: "pro" }}, COMPANY = {{ name: "Initech" }};
const ORDER = {{ order_id: "o-1", revenue: 39.95 }};
""",
}


@dataclass(frozen=True, slots=True)
class Run:
    """A client that is running: what it does, for whom, and its process."""

    scenario: Scenario
    who: str
    process: subprocess.Popen[str]
    spoiler: Faulty | None

    @property
    def name(self) -> str:
        """What a failure is called."""
        return f"{self.scenario.title}{', let down at first' if self.spoiler else ''}"


@pytest.fixture
def server() -> Iterator[Server]:
    """Serve over an empty store."""
    with serving(MODELS="none") as found:
        yield found


def clients(language: str, request: pytest.FixtureRequest) -> Installed:
    """Return the clients of *language*, or leave the test out with the cure."""
    cache = request.config.cache
    assert cache is not None
    try:
        return install(language, cache.mkdir("clients"))
    except NotInstalledError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("language", ["python", "js"])
def test_clients_work_unchanged(
    language: str,
    server: Server,
    request: pytest.FixtureRequest,
    subtests: pytest.Subtests,
) -> None:
    installed = clients(language, request)
    key = _write_key(server)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, installed.folder / f"run-{os.getpid()}", ignore_errors=True)
        runs = list(_started(installed, server, key, stack))
        for run in runs:
            with subtests.test(run.name):
                said, _ = run.process.communicate(timeout=RUN_SECONDS_MAX)
                assert run.process.returncode == 0, said
                assert run.spoiler is None or run.spoiler.seen > SPOILED
                assert _told(_events(server, run.who), run) == _wanted(run)


def _write_key(server: Server) -> str:
    body = {"name": "clients", "scopes": ["events:write"]}
    made = httpx.post(f"{server.url}/v1/api-keys", json=body, headers=AUTHORIZED)
    key: str = made.json()["key"]
    return key


def _started(installed: Installed, server: Server, key: str, stack: ExitStack) -> Iterator[Run]:
    """Start every client of the language, well and let down, all at once."""
    scenarios = [one for one in SCENARIOS if one.language == installed.language]
    for number, scenario in enumerate(scenarios):
        for is_let_down in (False, True) if scenario.repeats else (False,):
            spoiler = stack.enter_context(faulty(server.port)) if is_let_down else None
            port = spoiler.server_port if spoiler else server.port
            who = f"user-{number}-{int(is_let_down)}"
            process = _process(installed, who, _program(scenario, who, key, port))
            stack.callback(_end, process)
            yield Run(scenario, who, process, spoiler)


def _process(installed: Installed, name: str, program: str) -> subprocess.Popen[str]:
    folder = installed.folder / f"run-{os.getpid()}"  # below it, so that node finds the clients
    folder.mkdir(exist_ok=True)
    script = folder / f"{name}.{'mjs' if installed.language == 'js' else 'py'}"
    script.write_text(program, encoding="utf-8")
    return subprocess.Popen(
        installed.command(script),
        env=installed.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


def _program(scenario: Scenario, who: str, key: str, port: int) -> str:
    """Return the snippet of the page, pointed at *port*, and what the scenario adds to it."""
    snippet = snippets(scenario.language)[scenario.client].text
    assert ADDRESS in snippet
    before, after = scenario.variant
    assert before in snippet
    prelude = PRELUDE[scenario.language].format(
        key=key, who=who, visitor=f"visitor-{who}", then=THEN
    )
    client = snippet.replace(ADDRESS, f"http://127.0.0.1:{port}").replace(
        before, after or before, 1
    )
    imports, rest = _parted(client) if scenario.language == "js" else ("", client)
    return f"{imports}{prelude}{rest}{scenario.calls}"


def _parted(client: str) -> tuple[str, str]:
    head, _, rest = client.partition("\n\n")
    return f"{head}\n", rest


def _events(server: Server, who: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{server.url}/v1/events?limit=500", headers=AUTHORIZED)
    found: list[dict[str, Any]] = answer.json()["data"]
    return [event for event in found if who in json.dumps(event)]


def _told(events: Sequence[dict[str, Any]], run: Run) -> list[tuple[str, str, bool]]:
    """Return type and customer of each event, and whether it says what is expected of it."""
    words = {
        (kind, who.format(who=run.who)): word.format(who=run.who)
        for kind, who, word in run.scenario.expected
    }
    found = []
    for event in events:
        who = event.get("customer_id") or f"anon:{event['anonymous_id']}"
        said = json.dumps([event["properties"], event.get("account_id")], ensure_ascii=False)
        found.append((event["type"], who, words.get((event["type"], who), "?") in said))
    return sorted(found)


def _wanted(run: Run) -> list[tuple[str, str, bool]]:
    return sorted((kind, who.format(who=run.who), True) for kind, who, _ in run.scenario.expected)
