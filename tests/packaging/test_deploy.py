"""What stands in deploy/ fits the code: variables are settings, and a process has time to end."""

import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from service.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "stagefold.service"


def _yaml(path: Path) -> dict[str, object]:
    found: dict[str, object] = YAML(typ="safe").load(path)
    return found


@pytest.mark.parametrize("name", ["compose.yaml", "stagefold.service"])
def test_variables_are_settings(name: str) -> None:
    known = {f"{PREFIX}{field.name.upper()}" for field in fields(Settings)}
    lines = (DEPLOY / name).read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))

    used = set(re.findall(rf"{PREFIX}[A-Z_]+", text))

    assert used
    assert used <= known


def test_containers_run_without_rights_and_stop_after_the_drain() -> None:
    services = _yaml(DEPLOY / "compose.yaml")["services"]
    ours = [one for name, one in services.items() if name != "database"]  # type: ignore[attr-defined]  # as written

    assert len(ours) > 1
    for one in ours:
        assert one["read_only"]
        assert one["cap_drop"] == ["ALL"]
        assert int(one["stop_grace_period"].removesuffix("s")) > _seconds_to_stop()


def test_systemd_waits_for_the_drain() -> None:
    (seconds,) = re.findall(
        r"^TimeoutStopSec=(\d+)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE
    )

    assert int(seconds) > _seconds_to_stop()


def _seconds_to_stop() -> float:
    settings = Settings()
    return settings.notice_seconds + settings.drain_seconds


def test_systemd_takes_the_unit_without_a_word(tmp_path: Path) -> None:
    judge = shutil.which("systemd-analyze")
    if judge is None:
        pytest.skip("needs systemd-analyze (Debian: apt-get install systemd)")
    unit = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8").replace("/opt/stagefold/bin/stagefold", sys.executable)
    unit.write_text(text, encoding="utf-8")

    told = subprocess.run([judge, "verify", str(unit)], capture_output=True, text=True, check=False)

    assert (told.returncode, told.stdout + told.stderr) == (0, "")
