"""The budgets and manners of STYLE, so that review can speak about ideas instead.

Each test collects every breach in the tree and shows them all.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import (
    PACKAGES,
    Function,
    comments,
    functions,
    listed,
    name_of,
    parse,
    python_files,
    text_files,
)

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
UNSPLIT = {"by_hand"}
"""Functions of benchmarks that are a yardstick because they are one plain loop."""
POSITIONAL_MAX = 5
TEST_NAME_WORDS_MIN = 3

# The only places that may catch everything: the edge of a request, a worker loop, a command.
EDGES = {
    "service/http/problems.py",
    "service/workers/supervisor.py",
    "service/cli/edge.py",
}

# Character classes keep the patterns from finding themselves.
POSTPONED = re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b")
MACHINE_PATH = re.compile(r"(?<![\w.:/-])(/(home|root|Users|work|workspace)/\w|[A-Z]:\\Users)")
SILENCED = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma)\b")
SILENCED_WELL = re.compile(
    r"#\s*(?:noqa: ?[A-Z]+\d+(?:, ?[A-Z]+\d+)*"
    r"|type: ignore\[[\w, -]+\]"
    r"|pragma: no (?:cover|branch))"
    r"\W+\w.{3,}"
)
# Values that may change inside, each with its reason.
UNFROZEN = {
    "domain/check/proofs.py Proofs": "counts what it has compared; never leaves one check",
    "domain/document/problems.py Problems": "gathers what is wrong while one document is read",
    "domain/events.py Event": "made by the million; remembers its decoded properties",
    "domain/machine/handlers.py _Handler": "the fold's inner loop; never leaves one fold",
    "domain/machine/recorder.py Recorder": "the fold's inner loop; never leaves one fold",
    "projections/events/log.py NewEvent": "by the million; a frozen one takes four times as long",
    "projections/events/log.py Receipt": "made for each of them; the same",
}
VAGUE_WORDS = {"util", "utils", "manager", "helper", "helpers", "misc", "move", "moves"}


def test_files_stay_short_enough_to_be_read() -> None:
    breaches = [
        f"{name_of(path)}: {lines} lines"
        for path in python_files()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > FILE_LINES_MAX
    ]

    assert not breaches, listed(breaches)


def test_functions_fit_on_a_screen() -> None:
    breaches = [
        f"{name_of(path)}:{node.lineno} {node.name}: {length} lines"
        for path in python_files()
        for node in functions(path)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
        and node.name not in UNSPLIT
    ]

    assert not breaches, listed(breaches)


def test_functions_take_few_positional_arguments() -> None:
    breaches = [
        f"{name_of(path)}:{node.lineno} {node.name}: {len(names)} positional arguments"
        for path in python_files()
        for node in functions(path)
        if len(names := _positional(node)) > POSITIONAL_MAX
    ]

    assert not breaches, listed(breaches)


def _positional(node: Function) -> list[str]:
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def test_everything_public_says_what_the_caller_gets() -> None:
    breaches = [
        f"{name_of(path)}:{getattr(node, 'lineno', 1)} {getattr(node, 'name', 'module')}"
        for path in python_files(*PACKAGES)
        for node in _public(parse(path), in_adapter="service/adapters/" in name_of(path))
        if not ast.get_docstring(node)
    ]

    assert not breaches, listed(breaches)


def _public(
    node: ast.Module | ast.ClassDef, *, in_adapter: bool
) -> Iterator[ast.Module | ast.ClassDef | Function]:
    """Yield what needs a docstring; adapters do not repeat their port's method docstrings."""
    yield node
    for child in node.body:
        if isinstance(child, ast.ClassDef | Function) and not child.name.startswith("_"):
            if isinstance(child, ast.ClassDef):
                yield from _public(child, in_adapter=in_adapter)
            elif not (_is_overload(child) or (in_adapter and isinstance(node, ast.ClassDef))):
                yield child


def _is_overload(node: Function) -> bool:
    return any(ast.unparse(decorator).endswith("overload") for decorator in node.decorator_list)


def test_nothing_is_postponed_in_the_tree() -> None:
    breaches = _lines_matching(POSTPONED)

    assert not breaches, listed(breaches)


def test_no_file_knows_the_folders_of_one_machine() -> None:
    breaches = _lines_matching(MACHINE_PATH)

    assert not breaches, listed(breaches)


def _lines_matching(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name_of(path)}:{number}: {line.strip()[:120]}"
        for path in text_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]


def test_only_the_edges_catch_everything() -> None:
    breaches = [
        f"{name_of(path)}:{node.lineno}"
        for path in python_files(*PACKAGES)
        if name_of(path) not in EDGES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node)
    ]

    assert not breaches, listed(breaches)


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
    return bool(names & {"Exception", "BaseException"})


def test_every_silenced_rule_has_a_code_and_a_reason() -> None:
    breaches = [
        f"{name_of(path)}:{line}: {comment}"
        for path in python_files()
        for line, comment in comments(path)
        if SILENCED.search(comment) and not SILENCED_WELL.search(comment)
    ]

    assert not breaches, listed(breaches)


def test_names_say_what_things_are() -> None:
    """Vague words hide a missing concept, and a transition is never a 'move'."""
    breaches = [
        f"{name_of(path)}:{line} {name}"
        for path in python_files(*PACKAGES)
        for line, name in (*_defined(parse(path)), (1, path.stem))
        if _is_vague(name)
    ]

    assert not breaches, listed(breaches)


def _defined(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id


def _is_vague(name: str) -> bool:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().split("_")
    return bool(VAGUE_WORDS.intersection(words))


def test_values_of_the_core_are_frozen_and_slotted() -> None:
    breaches = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in python_files("domain", "projections")
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ClassDef)
        and _is_loose_dataclass(node, frozen=f"{name_of(path)} {node.name}" not in UNFROZEN)
    ]

    assert not breaches, listed(breaches)


def _is_loose_dataclass(node: ast.ClassDef, *, frozen: bool) -> bool:
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    wanted = {"slots=True", "frozen=True"} if frozen else {"slots=True"}
    return any(
        text.startswith("dataclass") and not all(word in text for word in wanted)
        for text in decorators
    )


def test_test_names_are_promises() -> None:
    """In a table of stories the promise is the name of the story, so its test may be brief."""
    breaches = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in _test_files()
        for node in functions(path)
        if node.name.startswith("test_")
        and not (ast.get_docstring(node) or _is_table(node))
        and len(node.name.split("_")) <= TEST_NAME_WORDS_MIN
    ]

    assert not breaches, listed(breaches)


def _is_table(node: Function) -> bool:
    return any("parametrize" in ast.unparse(decorator) for decorator in node.decorator_list)


def test_tests_neither_sleep_nor_mock() -> None:
    """Sleeping hides races and mocking hides contracts; move the clock, use the memory adapter."""
    breaches = [
        f"{name_of(path)}:{node.lineno} {text}"
        for path in _test_files()
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call | ast.Import | ast.ImportFrom)
        and (text := ast.unparse(node).split("\n")[0]).startswith(
            ("time.sleep(", "sleep(", "from unittest", "import unittest")
        )
    ]

    assert not breaches, listed(breaches)


def _test_files() -> list[Path]:
    return [path for path in python_files("tests") if path.name.startswith("test_")]
