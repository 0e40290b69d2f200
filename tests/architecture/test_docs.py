"""What the documents promise is true: blocks run, links lead somewhere, nothing is left out.

A block opened with ```` ```python run ```` is executed; the blocks of one page share their names.
"""

import contextlib
import doctest
import io
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from itertools import chain
from pathlib import Path

import pytest
import typer

from service.cli import app
from service.settings import PREFIX, Settings
from tests.architecture.documents import Block, blocks, documents, links, prose_of_all
from tests.architecture.tree import ROOT, listed, name_of, python_files, text_files

SETTING = re.compile(r"\bSTAGEFOLD_[A-Z][A-Z0-9_]*\b")
ALL_BLOCKS = [block for path in documents() for block in blocks(path)]


def _of(*languages: str) -> list[Block]:
    return [block for block in ALL_BLOCKS if block.language in languages]


def test_every_python_block_compiles() -> None:
    breaches = [breach for block in _of("python", "py") if (breach := _compile_error(block))]

    assert not breaches, listed(breaches)


def _compile_error(block: Block) -> str | None:
    try:
        compile(block.text, block.name, "exec")
    except SyntaxError as error:
        return f"{block.name}: {error}"
    return None


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_the_marked_python_blocks_of_a_page_run(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}

    for block in blocks(path):
        if "run" in block.words:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(block.text, block.name, "exec"), names)  # noqa: S102 - our own documents


def test_every_interactive_session_shows_what_happens() -> None:
    runner = doctest.DocTestRunner(verbose=False)
    parser = doctest.DocTestParser()

    for block in _of("pycon"):
        runner.run(parser.get_doctest(block.text, {}, block.name, str(block.path), block.line))

    assert runner.summarize(verbose=False).failed == 0


def test_every_json_block_is_json() -> None:
    breaches = [breach for block in _of("json") if (breach := _json_error(block))]

    assert not breaches, listed(breaches)


def _json_error(block: Block) -> str | None:
    try:
        json.loads(block.text)
    except ValueError as error:
        return f"{block.name}: {error}"
    return None


def test_every_link_inside_the_tree_leads_to_a_file() -> None:
    breaches = [
        f"{name_of(path)}: {target}"
        for path in documents()
        for target in links(path)
        if not re.match(r"[a-z]+:|#", target) and not (path.parent / target.split("#")[0]).exists()
    ]

    assert not breaches, listed(breaches)


def test_every_setting_is_documented() -> None:
    """A setting that is read in the code and explained nowhere is a trap."""
    undocumented = _settings() - set(SETTING.findall(prose_of_all()))

    assert not undocumented, listed(sorted(undocumented))


def _settings() -> set[str]:
    """Return the variables that the service reads: the fields that say how they are read."""
    return {f"{PREFIX}{field.name.upper()}" for field in fields(Settings) if field.metadata}


def test_every_setting_named_in_the_tree_exists() -> None:
    """A name that was changed in the code must not live on in a page or a container."""
    known = _settings() | _switches_of_tests()
    breaches = [
        f"{name_of(path)}: {name}"
        for path in text_files()
        if path.relative_to(ROOT).parts[0] != "tests"  # tests also try names that do not exist
        for name in sorted(set(SETTING.findall(path.read_text(encoding="utf-8"))) - known)
    ]

    assert not breaches, listed(breaches)


def _switches_of_tests() -> set[str]:
    """Return the variables by which tests are told to do more than usual."""
    read = re.compile(r'environ\.get\(\s*"(STAGEFOLD_[A-Z_]+)"')
    texts = (path.read_text(encoding="utf-8") for path in python_files("tests"))
    return {name for text in texts for name in read.findall(text)}


def test_every_command_is_documented() -> None:
    text = prose_of_all()

    missing = [
        command
        for command in _commands(typer.main.get_command(app), "stagefold")
        if command not in text
    ]

    assert not missing, listed(missing)


def _commands(command: object, name: str) -> Iterator[str]:
    """Yield the full names of a command and the commands below it, groups left out."""
    children: dict[str, object] = getattr(command, "commands", {})
    if not children:
        yield name
    for child_name, child in children.items():
        yield from _commands(child, f"{name} {child_name}")


def test_the_readme_gives_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert "./dev demo" in readme
    assert "./dev test" in readme


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {
        name: each for name, each in project["optional-dependencies"].items() if name != "dev"
    }
    needed = {_name(each) for each in (*project["dependencies"], *chain(*extras.values()))}
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| ")]

    told = {words[0] for row in rows for cell in row[1:3] if (words := cell.split())}

    assert needed | extras.keys() <= {word.strip("`") for word in told}


def _name(requirement: str) -> str:
    """Return the package that *requirement* asks for."""
    found = re.match(r"[\w.-]+", requirement)
    assert found
    return found.group()
