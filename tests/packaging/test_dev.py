"""The `dev` command: it says what it offers, starts at once, and teaches what is missing."""

import importlib.util
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def dev() -> ModuleType:
    """Return `dev` as a module."""
    loader = SourceFileLoader("dev", str(ROOT / "dev"))
    spec = importlib.util.spec_from_loader("dev", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def empty_tree(dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a tree that `dev` takes for its own, with nothing installed."""
    for name in ("pyproject.toml", "uv.lock"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    monkeypatch.setattr(dev, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(dev, "BIN", tmp_path / ".venv/bin")
    monkeypatch.setattr(dev, "PYTHON", tmp_path / ".venv/bin/python")
    return tmp_path


def _dev(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "dev", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_names_every_command(arguments: tuple[str, ...]) -> None:
    done = _dev(*arguments)

    assert done.returncode == 0
    assert all(f"./dev {name}" in done.stdout for name in ("setup", "demo", "test", "check"))


def test_an_unknown_command_is_refused_with_the_help() -> None:
    done = _dev("tset")

    assert done.returncode == 2
    assert "./dev test" in done.stdout


def test_an_old_python_is_refused_with_the_cure(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "NEWER_PYTHONS", ())
    monkeypatch.setattr(dev, "OLDEST", (sys.version_info.major + 1, 0))

    with pytest.raises(SystemExit, match=r"needed, found 3\.\d+\.\d+\n +cure: apt-get install"):
        dev.require_python()


def test_a_python_without_ensurepip_is_refused_with_the_cure(
    dev: ModuleType, empty_tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    with pytest.raises(SystemExit, match=r"cure: apt-get install -y python3\.\d+-venv"):
        dev.make_venv()

    assert not (empty_tree / ".venv").exists()


def test_a_fresh_virtual_environment_is_made_and_kept(dev: ModuleType, empty_tree: Path) -> None:
    dev.make_venv()
    made = (empty_tree / ".venv/pyvenv.cfg").stat().st_mtime_ns

    dev.make_venv()

    assert (empty_tree / ".venv/pyvenv.cfg").stat().st_mtime_ns == made


@pytest.fixture
def installed(dev: ModuleType, empty_tree: Path, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return the record of installations, in place of the network: with test tools or without."""
    record: list[bool] = []

    def install(*, with_tests: bool) -> int:
        (empty_tree / ".venv/bin").mkdir(parents=True, exist_ok=True)
        dev.PYTHON.touch()
        record.append(with_tests)
        return 0

    monkeypatch.setattr(dev, "install", install)
    return record


def test_a_second_start_installs_nothing(dev: ModuleType, installed: list[bool]) -> None:
    dev.setup(with_tests=True)

    dev.setup(with_tests=True)
    dev.setup(with_tests=False)

    assert installed == [True]


def test_a_changed_lock_file_is_installed(
    dev: ModuleType, installed: list[bool], empty_tree: Path
) -> None:
    dev.setup(with_tests=True)
    (empty_tree / "uv.lock").write_text("something newer")

    dev.setup(with_tests=False)

    assert installed == [True, False]


def test_test_tools_are_added_where_they_are_missing(
    dev: ModuleType, installed: list[bool]
) -> None:
    dev.setup(with_tests=False)

    dev.setup(with_tests=True)

    assert installed == [False, True]


def test_a_foreign_virtual_environment_does_not_reach_the_commands(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "elsewhere")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("HOME", "")

    env = dev.environment()

    assert "elsewhere" not in env.values()
    assert env["UV_PROJECT_ENVIRONMENT"] == str(ROOT / ".venv")
    assert env["UV_CACHE_DIR"]
