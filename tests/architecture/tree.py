"""The files of this tree as the architecture tests see them: all of them, none left out."""

import ast
import io
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "migrations", "projections", "service", "stagefold")
PYTHON_FOLDERS = (*PACKAGES, "tests", "benchmarks")
FOREIGN = {"__pycache__", "build", "dist", "node_modules"}  # never in git; made by tools
TEXT_SUFFIXES = {
    "", ".css", ".dockerfile", ".html", ".j2", ".js", ".json", ".mako", ".md", ".py", ".sh",
    ".sql", ".svg", ".toml", ".txt", ".yaml", ".yml",
}  # fmt: skip

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    """Return the path of a file as it is written in messages."""
    return path.relative_to(ROOT).as_posix()


def listed(breaches: list[str]) -> str:
    """Return every breach on a line of its own, as the message of a failed test."""
    return f"{len(breaches)} found\n" + "\n".join(breaches)


@cache
def python_files(*folders: str) -> tuple[Path, ...]:
    """Return the Python files below *folders*; without folders all of ours, `dev` included."""
    found = [path for folder in folders or PYTHON_FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return tuple(sorted(found)) if folders else (ROOT / "dev", *sorted(found))


@cache
def text_files() -> tuple[Path, ...]:
    """Return every text file that belongs to the tree, hidden tool folders aside."""
    return tuple(sorted(_text_files(ROOT)))


def _text_files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        hidden = path.name.startswith(".") and path.name not in {".ci", ".dockerignore", ".github"}
        if hidden or path.name in FOREIGN:
            continue
        if path.is_dir():
            yield from _text_files(path)
        elif path.suffix in TEXT_SUFFIXES:
            yield path


@cache
def parse(path: Path) -> ast.Module:
    """Return the syntax tree of one Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(path: Path) -> list[Function]:
    """Return every function and method in a file, nested ones included."""
    return [node for node in ast.walk(parse(path)) if isinstance(node, Function)]


def comments(path: Path) -> list[tuple[int, str]]:
    """Return the comments of a Python file with their line numbers."""
    reader = io.StringIO(path.read_text(encoding="utf-8")).readline
    return [
        (token.start[0], token.string)
        for token in tokenize.generate_tokens(reader)
        if token.type == tokenize.COMMENT
    ]
