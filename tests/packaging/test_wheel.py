"""The wheel is what users run: it is built through the sdist, installed, and run elsewhere."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import threading
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLAT_PACKAGES = ("domain", "migrations", "openapi", "projections", "service")
START_SECONDS_MAX = 300

pytestmark = pytest.mark.packaging


def _run(*command: str | Path, cwd: Path) -> str:
    """Return what *command* prints; a failure carries all of its output."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _build(kind: str, source: Path, target: Path) -> Path:
    _run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", target, cwd=source)
    return next(target.iterdir())


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel made from the sdist, as an installer without wheels would make it."""
    sdist = _build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    return _build("wheel", next(unpacked.iterdir()), tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the commands' folder of an environment that holds the wheel and our dependencies."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    packages = _run(python, "-c", "import site; print(*site.getsitepackages())", cwd=home).strip()
    # Path files are not read twice over, so the checkout's editable install stays out of sight.
    dependencies = Path(sysconfig.get_path("purelib"))
    Path(packages, "dependencies.pth").write_text(f"{dependencies}\n")
    _install(wheel, python)
    return home / "bin"


def _install(wheel: Path, python: Path) -> None:
    """Install without network: by uv where .venv has it, else by pip."""
    uv = Path(sys.executable).parent / "uv"
    if uv.exists():
        command: list[str | Path] = [
            uv,
            "pip",
            "install",
            "--quiet",
            "--offline",
            "--python",
            python,
        ]
    else:
        command = [sys.executable, "-m", "pip", "--python", python, "install", "--no-index"]
    _run(*command, "--no-deps", wheel, cwd=python.parent)


def test_site_packages_gets_one_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        top_names = {name.split("/")[0] for name in archive.namelist()}

    assert {name for name in top_names if not name.endswith(".dist-info")} == {"stagefold"}


def test_every_file_of_our_packages_is_in_the_wheel(wheel: Path) -> None:
    """Models, migrations, templates and schemas are needed at run time as much as modules."""
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())

    wanted = {
        f"stagefold/_app/{path.relative_to(ROOT).as_posix()}"
        for package in FLAT_PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert wanted - packed == set()


def test_the_licence_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_core_comes_from_the_wheel_and_not_from_the_checkout(installed: Path) -> None:
    found = _run(
        installed / "python",
        "-c",
        "import stagefold, domain; print(domain.__file__)",
        cwd=Path("/"),
    )

    assert "stagefold/_app/domain" in found


def test_the_installed_command_knows_its_version(installed: Path) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    said = _run(installed / "stagefold", "--version", cwd=Path("/"))

    assert version["version"] in said


def test_the_installed_command_finds_its_ready_made_models(installed: Path) -> None:
    listed = _run(installed / "stagefold", "model", "list", cwd=Path("/"))

    assert all(path.stem in listed for path in (ROOT / "domain" / "models").glob("*.yaml"))


def test_the_installed_server_starts_answers_and_drains(installed: Path, tmp_path: Path) -> None:
    """From an empty folder: schema, models, key, health, and an orderly end at SIGTERM."""
    env = {"PATH": os.defpath, "STAGEFOLD_DATA_DIR": str(tmp_path), "STAGEFOLD_PORT": "0"}
    with subprocess.Popen(
        [installed / "stagefold", "serve"], cwd="/", env=env, stderr=subprocess.PIPE, text=True
    ) as server:
        watchdog = threading.Timer(START_SECONDS_MAX, server.kill)
        watchdog.start()
        said = _said_until_ready(server)
        port = {"STAGEFOLD_PORT": said[-1].split("127.0.0.1:")[1].split()[0].rstrip("/")}
        asked = subprocess.run([installed / "stagefold", "health"], env=env | port, check=False)
        server.terminate()
        server.communicate()
        watchdog.cancel()

    assert (asked.returncode, server.returncode) == (0, 0), said


def _said_until_ready(server: subprocess.Popen[str]) -> list[str]:
    """Return the lines up to the one that tells the address; the watchdog bounds the wait."""
    said = []
    for line in server.stderr or ():
        said.append(line)
        if "listens on" in line:
            return said
    raise AssertionError("".join(said))
