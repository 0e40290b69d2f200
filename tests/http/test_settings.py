"""Settings: read once, every mistake told, secrets never shown; and logs that hold no key."""

from __future__ import annotations

import io
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
import structlog

from service import logs
from service.access.keys import new_token
from service.settings import Settings, SettingsError, variable_of
from tests.http.conftest import SeededRandomness

REFERENCE = Path(__file__).parents[2] / "docs" / "settings.md"
KEY = "k" * 32


def test_without_variables_there_are_defaults() -> None:
    settings = Settings.from_environment({"PATH": "x", "STAGEFOLD_PORT": ""})

    assert settings == Settings()
    assert settings.database == "sqlite:///stagefold-data/stagefold.db"


def test_variables_are_read_by_their_kind() -> None:
    settings = Settings.from_environment(
        {
            "STAGEFOLD_PORT": "0",
            "STAGEFOLD_DATA_DIR": "/tmp/x",  # noqa: S108 -- nothing is written there
            "STAGEFOLD_MODELS": "cpm-10, growth,",
            "STAGEFOLD_IDLE_SECONDS": "0.5",
            "STAGEFOLD_LOG_LEVEL": "DEBUG",
            "STAGEFOLD_TYPO": "1",
        }
    )

    assert (settings.port, settings.idle_seconds, settings.log_level) == (0, 0.5, "debug")
    assert settings.models == ("cpm-10", "growth")
    assert settings.database == "sqlite:////tmp/x/stagefold.db"
    assert settings.unknown == ("STAGEFOLD_TYPO",)


BAD = [
    ("STAGEFOLD_PORT", "65536"),
    ("STAGEFOLD_PORT", "-1"),
    ("STAGEFOLD_PORT", "٣"),
    ("STAGEFOLD_BATCH_EVENTS_MAX", "0"),
    ("STAGEFOLD_BATCH_EVENTS_MAX", "1e3"),
    ("STAGEFOLD_IDLE_SECONDS", "nan"),
    ("STAGEFOLD_IDLE_SECONDS", "inf"),
    ("STAGEFOLD_IDLE_SECONDS", "0"),
    ("STAGEFOLD_LOG_LEVEL", "loud"),
    ("STAGEFOLD_DATABASE_URL", "mysql://x"),
    ("STAGEFOLD_DATABASE_URL", "stagefold.db"),
    ("STAGEFOLD_API_KEY", "k" * 31),
    ("STAGEFOLD_API_KEY", "k" * 31 + "é"),
    ("STAGEFOLD_API_KEY", "k" * 20 + " " + "k" * 20),
]


@pytest.mark.parametrize(("variable", "value"), BAD)
def test_a_bad_value_is_named_with_what_was_expected(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({variable: value})

    (problem,) = caught.value.problems
    assert problem.startswith(f"{variable}: expected")
    assert "found" in problem


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"STAGEFOLD_PORT": "x", "STAGEFOLD_LOG_FORMAT": "y"})

    assert len(caught.value.problems) == 2


def test_a_key_is_shown_neither_by_errors_nor_by_repr() -> None:
    secret = "short-secret"

    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"STAGEFOLD_API_KEY": secret})

    assert secret not in str(caught.value)
    assert KEY not in repr(Settings(api_key=KEY))


def test_the_reference_tells_each_setting_with_its_default() -> None:
    rows = dict(
        re.findall(r"^\| `(STAGEFOLD_\w+)` \| ([^|]+) \|", REFERENCE.read_text(), re.MULTILINE)
    )
    declared = {variable_of(each.name): each for each in fields(Settings) if each.metadata}

    assert rows.keys() == declared.keys()
    for variable, told in rows.items():
        default = declared[variable].default
        if isinstance(default, int | float):
            assert float(told.strip("`")) == default


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_line_of_the_log_holds_a_key(form: str) -> None:
    token = new_token(SeededRandomness())
    stream = io.StringIO()
    logs.configure(Settings(log_format=form), stream)

    log = structlog.get_logger("test")
    log.info("request", header=f"Bearer {token}", nested=[{"key": token}])
    log.error("failed", note=token, exc_info=ValueError(f"bad key {token}"))

    said = stream.getvalue()
    assert token not in said
    assert "ValueError" in said
    if form == "json":
        assert [json.loads(line)["event"] for line in said.splitlines()] == ["request", "failed"]
