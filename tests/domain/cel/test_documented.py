"""The page on conditions leaves nothing out."""

import re
from pathlib import Path

import pytest

from domain.cel import containers, macros, parser, regex
from domain.cel.functions import FUNCTIONS
from domain.cel.parser import parse

PAGE = (Path(__file__).parents[3] / "docs" / "cel.md").read_text(encoding="utf-8")
BOUNDS = {
    "characters of a condition": parser.SOURCE_MAX,
    "parts (names": parser.NODES_MAX,
    "brackets inside": parser.NESTING_MAX,
    "operations inside": parser.DEPTH_MAX,
    "macros inside": parser.MACRO_NESTING_MAX,
    "items a macro": macros.MACRO_ITEMS_MAX,
    "nesting that": containers.DEPTH_MAX,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_documented(name: str) -> None:
    assert f"{name}(" in PAGE


@pytest.mark.parametrize(("bound", "most"), BOUNDS.items())
def test_every_bound_is_documented(bound: str, most: int) -> None:
    assert re.search(rf"^\| {re.escape(bound)}.*\| {most:,} \|$", PAGE, re.MULTILINE)


def test_the_bounds_of_patterns_are_documented() -> None:
    assert f"at most {regex.PATTERN_MAX} characters, the text at most {regex.TEXT_MAX:,}" in re.sub(
        r"\s+", " ", PAGE
    )


def test_every_example_at_the_top_can_be_read() -> None:
    (examples,) = re.findall(r"```cel\n(.*?)```", PAGE, re.DOTALL)

    assert len([parse(line) for line in examples.splitlines()]) == 3
