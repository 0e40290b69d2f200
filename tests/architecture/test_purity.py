"""The core computes and nothing else: an allow-list of imports, and no way to the clock."""

import ast
import subprocess
import sys
from collections.abc import Iterator

from tests.architecture.tree import ROOT, listed, name_of, parse, python_files

ALLOWED = {
    "__future__", "abc", "ast", "base64", "bisect", "builtins", "calendar", "collections",
    "contextlib", "copy", "dataclasses", "datetime", "decimal", "difflib", "enum", "fractions",
    "functools", "graphlib", "hashlib", "heapq", "html", "itertools", "json", "keyword", "math",
    "operator", "re", "string", "struct", "textwrap", "types", "typing", "unicodedata",
    "zlib", "zoneinfo",
}  # fmt: skip
IMPURE_CALLS = {
    "__import__", "ctime", "getenv", "gmtime", "import_module", "input",
    "localtime", "monotonic", "now", "open", "perf_counter", "print", "randint", "random",
    "sleep", "time_ns", "today", "urandom", "utcnow", "uuid1", "uuid4",
}  # fmt: skip
WORLDLY_MODULES = ("asyncio", "logging", "random", "socket", "sqlite3", "subprocess", "uuid")


def test_the_core_imports_only_itself_and_computation() -> None:
    breaches = [
        f"{name_of(path)}:{line} imports {module}"
        for path in python_files("domain")
        for line, module in _imports(parse(path))
        if module.split(".")[0] not in ALLOWED | {"domain"}
    ]

    assert not breaches, listed(breaches)


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or "."


def test_nothing_below_the_service_reads_a_clock_or_a_die() -> None:
    breaches = [
        f"{name_of(path)}:{node.lineno} {ast.unparse(node.func)}()"
        for path in python_files("domain", "projections")
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call) and _called(node) in IMPURE_CALLS
    ]

    assert not breaches, listed(breaches)


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def test_importing_the_whole_core_brings_nothing_of_the_world() -> None:
    """A core that is shipped to other machines must not drag a runtime along, even indirectly."""
    modules = [
        name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path in python_files("domain")
    ]
    script = (
        f"import importlib, sys; sys.path.insert(0, {str(ROOT)!r})\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print(*sorted(sys.modules.keys() & set({WORLDLY_MODULES!r})))"
    )

    brought = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], check=False, capture_output=True, text=True
    )

    assert (brought.stderr, brought.stdout.split()) == ("", [])
