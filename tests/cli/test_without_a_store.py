"""Commands that need no database: help, versions, models, settings, and asking a server."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import typer

from service.cli import app
from service.modelling.model_files import load_ready_models
from service.settings import Settings, variable_of
from tests.cli.calling import PROGRAM, answer, call, run

ESCAPE = "\x1b["


def commands(command: object, *names: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command."""
    children: dict[str, object] = getattr(command, "commands", {})
    if not children:
        yield names
    for name, child in children.items():
        yield from commands(child, *names, name)


COMMANDS = sorted(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_help_of_a_command_has_an_example(words: tuple[str, ...]) -> None:
    result = call(*words, "--help")

    assert result.exit_code == 0
    assert re.search(rf"Examples:\n +.*stagefold {' '.join(words)}\b", result.stdout)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_list_of_commands_cuts_no_sentence(words: tuple[str, ...]) -> None:
    listing = call(*words[:-1], "--help").stdout

    line = next(line for line in listing.splitlines() if line.startswith(f"  {words[-1]} "))
    assert not line.endswith("...")


def test_the_version_is_that_of_the_package() -> None:
    assert call("--version").stdout == f"stagefold {version('stagefold')}\n"


def test_help_imports_nothing_heavy() -> None:
    """What is imported is what a user waits for; a clock would measure the machine."""
    heavy = (
        "sqlalchemy",
        "fastapi",
        "starlette",
        "rich",
        "structlog",
        "ruamel",
        "asyncio",
        "uvicorn",
    )
    script = (
        "import sys; sys.argv = ['stagefold', '--help']\n"
        "from service.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print('loaded:', [name for name in {heavy!r} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert "loaded: []" in done.stdout


@pytest.mark.parametrize("words", [("nonsense",), ("model", "check"), ("serve", "--port", "x"), ()])
def test_a_wrong_call_ends_with_two(words: tuple[str, ...]) -> None:
    assert call(*words).exit_code == 2


# ---------------------------------------------------------------- models


def test_every_ready_made_model_is_listed() -> None:
    listing = call("model", "list").stdout

    assert [line.split()[0] for line in listing.splitlines()[1:]] == list(load_ready_models())


@pytest.mark.parametrize(
    ("environment", "title"),
    [
        ({"LANG": "ja_JP.UTF-8"}, "顧客の健全性"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, "Customer health"),
        ({"LANG": "de_DE.UTF-8"}, "Customer health"),
    ],
)
def test_titles_are_in_the_language_of_the_environment(
    environment: dict[str, str], title: str
) -> None:
    clean = {"LC_ALL": "", "LC_MESSAGES": "", "LANG": ""}

    assert title in call("model", "list", **{**clean, **environment}).stdout


def test_a_language_can_be_asked_for() -> None:
    assert "顧客の健全性" in call("model", "list", "--language", "ja", LANG="en_US.UTF-8").stdout
    assert call("model", "list", "--language", "tlh").exit_code == 2


def test_the_models_in_json_have_a_stable_shape() -> None:
    rows = answer("model", "list")["data"]

    health = next(row for row in rows if row["model"] == "health")
    assert list(health) == ["model", "title", "subject", "stages", "hash"]
    assert health["stages"] == ["healthy", "at_risk", "dormant", "churned", "won_back"]


def test_a_sound_model_passes(tmp_path: Path) -> None:
    found = answer("model", "check", sound(tmp_path))

    assert found == {
        "file": str(tmp_path / "shop.yaml"),
        "model": "shop",
        "hash": found["hash"],
        "errors": 0,
        "warnings": 0,
        "findings": [],
    }


def sound(folder: Path, *, condition: str = "signals.orders >= 2") -> Path:
    """Return a file with a model of two stages."""
    path = folder / "shop.yaml"
    path.write_text(
        "model: shop\nsubject: customer\ninitial: new\n"
        "signals: {orders: {count: order_completed}}\n"
        "stages: [{id: new}, {id: loyal, kind: final}]\n"
        f"transitions:\n  - {{id: again, from: new, to: loyal, when: {condition}}}\n"
    )
    return path


def test_a_broken_model_is_refused_with_the_line_and_a_cure(tmp_path: Path) -> None:
    found = answer("model", "check", sound(tmp_path, condition="signals.order >= 2"), status=1)

    (finding,) = [each for each in found["findings"] if each["severity"] == "error"]
    assert list(finding) == ["severity", "path", "code", "message", "line", "column"]
    assert finding["path"].startswith("transitions[0]")
    assert "orders" in finding["message"]


def test_a_file_that_is_no_model_is_told_in_full(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text("model: shop\nstages: 3\nstagse: []\n")

    result = call("model", "check", path)

    assert result.exit_code == 1
    assert "did you mean" in result.stdout
    assert "no model: " in result.stdout.splitlines()[-1]


def test_warnings_fail_only_a_strict_check(tmp_path: Path) -> None:
    path = sound(tmp_path)
    path.write_text(path.read_text().replace(", kind: final", ""))

    assert call("model", "check", path).exit_code == 0
    assert call("model", "check", path, "--strict").exit_code == 1


def test_a_model_is_drawn_for_documents_and_for_screens(tmp_path: Path) -> None:
    drawn = call("model", "diagram", sound(tmp_path)).stdout
    picture = call("model", "diagram", "health", "--format", "svg", "--language", "ja").stdout

    assert drawn.startswith("stateDiagram-v2\n")
    assert ET.fromstring(picture).tag.endswith("svg")  # noqa: S314 -- our own picture
    assert "休眠" in picture


def test_a_model_that_does_not_exist_ends_with_four() -> None:
    result = call("model", "diagram", "helth")

    assert result.exit_code == 4
    assert "health" in result.stderr


# ---------------------------------------------------------------- settings


def test_every_setting_is_shown_and_secrets_are_masked() -> None:
    secret = "s" * 40

    rows = answer("config", "show", STAGEFOLD_API_KEY=secret, STAGEFOLD_PORT="81")["data"]

    by_name = {row["variable"]: row for row in rows}
    assert set(by_name) >= {variable_of(name) for name in ("host", "port", "data_dir", "api_key")}
    assert len(by_name) == sum(
        bool(each.metadata) for each in Settings.__dataclass_fields__.values()
    )
    assert by_name["STAGEFOLD_API_KEY"]["value"] == "********"
    assert by_name["STAGEFOLD_PORT"] == {
        "variable": "STAGEFOLD_PORT",
        "value": 81,
        "origin": "environment",
        "about": by_name["STAGEFOLD_PORT"]["about"],
    }
    assert secret not in json.dumps(rows)


def test_the_password_of_a_database_is_masked() -> None:
    url = "postgresql://ann:hunter2@db.example/stagefold"

    result = call("config", "show", "--changed", "--json", STAGEFOLD_DATABASE_URL=url)

    assert "hunter2" not in result.output
    assert "postgresql://ann:********@db.example/stagefold" in result.output


def test_a_misspelled_setting_is_named() -> None:
    assert "STAGEFOLD_PROT" in call("config", "show", STAGEFOLD_PROT="81").stderr


def test_settings_that_cannot_be_used_are_all_named_and_end_with_two() -> None:
    result = call("config", "show", STAGEFOLD_PORT="http", STAGEFOLD_LOG_LEVEL="loud")

    assert result.exit_code == 2
    assert "STAGEFOLD_PORT: expected a whole number" in result.stderr
    assert "STAGEFOLD_LOG_LEVEL: expected one of" in result.stderr
    assert "Traceback" not in result.output


# ---------------------------------------------------------------- reading makes nothing


@pytest.mark.parametrize(
    "words",
    [
        ("customer", "show", "ann"),
        ("customer", "why", "ann"),
        ("model", "list", "--active"),
        ("keys", "list"),
        ("keys", "revoke", "abcdefgh"),
        ("doctor",),
    ],
    ids=" ".join,
)
def test_reading_where_nothing_is_makes_no_database(words: tuple[str, ...], tmp_path: Path) -> None:
    folder = tmp_path / "nowhere"

    error = answer(*words, status=3, STAGEFOLD_DATA_DIR=str(folder))["error"]

    assert error["code"] == "no_database"
    assert str(folder) in error["message"]
    assert "STAGEFOLD_DATA_DIR" in error["cure"]
    assert not folder.exists()


# ---------------------------------------------------------------- health


class Ready(BaseHTTPRequestHandler):
    """Answers `/readyz` with the status of its server."""

    status = 200

    def do_GET(self) -> None:
        """Answer."""
        body = {"checks": [{"name": "store", "ok": self.status == 200, "found": "position 3"}]}
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@pytest.fixture(params=[200, 503])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    """Return the address of a server, and the status that it answers with."""
    handler = type("Handler", (Ready,), {"status": request.param})
    with HTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", request.param
        running.shutdown()
        thread.join()


def test_health_is_what_the_server_says_of_itself(server: tuple[str, int]) -> None:
    url, status = server
    ready = status == 200

    found = answer("health", "--url", url, status=0 if ready else 1)

    assert found == {
        "url": url,
        "ready": ready,
        "status": status,
        "checks": [{"name": "store", "ok": ready, "found": "position 3"}],
    }


def test_health_asks_the_server_of_the_settings(server: tuple[str, int]) -> None:
    url, status = server

    result = call("health", STAGEFOLD_HOST="0.0.0.0", STAGEFOLD_PORT=url.rpartition(":")[2])  # noqa: S104 -- as a container listens

    assert result.exit_code == (0 if status == 200 else 1)


def test_health_of_nobody_ends_with_three() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

        result = call("health", "--url", url)

    assert result.exit_code == 3
    assert "stagefold serve" in result.stderr


def test_an_address_of_another_kind_is_refused() -> None:
    assert call("health", "--url", "file:///etc/passwd").exit_code == 2


# ---------------------------------------------------------------- the program


def test_nothing_is_coloured_where_no_terminal_is(tmp_path: Path) -> None:
    done = run("model", "list", folder=tmp_path, FORCE_COLOR="1")

    assert ESCAPE not in done.stdout
    assert done.returncode == 0


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*PROGRAM, "model", "diagram", "health", "--format", "svg"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""},
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        said = program.stderr.read().decode()

    assert said == ""
    assert program.returncode == 0
