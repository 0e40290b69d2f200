"""The image is made the way the tests make the wheel, and runs with few rights."""

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from service.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
CONTINUED = re.compile(r"\\\n\s*")


def _instructions() -> list[tuple[str, str]]:
    text = CONTINUED.sub(" ", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def _all(word: str) -> list[str]:
    return [rest for found, rest in _instructions() if found == word]


def test_base_images_are_pinned_to_a_patch_version() -> None:
    images = [rest.split()[0] for rest in _all("FROM")]

    assert images
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", image) for image in images)


def test_the_image_runs_the_oldest_python_we_promise_or_newer() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = tuple(map(int, project["requires-python"].removeprefix(">=").split(".")))

    versions = re.findall(r"python:(\d+)\.(\d+)", " ".join(_all("FROM")))

    assert all(tuple(map(int, version)) >= oldest for version in versions)


def test_the_image_does_not_run_as_root() -> None:
    words = [word for word, _ in _instructions()]
    last_stage = _instructions()[len(words) - words[::-1].index("FROM") :]

    users = [rest for word, rest in last_stage if word == "USER"]

    assert users == ["10001:10001"]


@pytest.mark.parametrize("word", ["ENTRYPOINT", "CMD"])
def test_commands_are_in_exec_form_so_that_signals_arrive(word: str) -> None:
    commands = [json.loads(rest) for rest in _all(word)]

    assert all(isinstance(command, list) for command in commands)
    assert len(commands) == 1


def test_health_is_asked_without_a_shell_or_curl() -> None:
    (check,) = _all("HEALTHCHECK")

    assert json.loads(check.split("CMD ")[1]) == ["stagefold", "health"]


def test_variables_of_the_image_are_settings() -> None:
    known = {f"{PREFIX}{field.name.upper()}" for field in fields(Settings)}

    used = set(re.findall(rf"{PREFIX}[A-Z_]+", " ".join(_all("ENV"))))

    assert used
    assert used <= known


def test_dependencies_come_from_the_lock_file() -> None:
    synced = [rest for rest in _all("RUN") if "uv sync" in rest]

    assert synced
    assert all("--frozen --no-dev --no-editable" in rest for rest in synced)


def test_what_the_build_reads_is_not_ignored() -> None:
    allowed = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]

    assert {*wheel, "pyproject.toml", "uv.lock", "README.md", "LICENSE"} == allowed
