"""No sentence is missing, none is left over, and every cause that there is can be told."""

from __future__ import annotations

import inspect
import re
from typing import get_args

from domain.transitions import CauseKind
from service.cli import telling
from service.cli.words import WORDS


def test_the_words_are_those_that_are_said() -> None:
    source = inspect.getsource(telling)
    written = set(re.findall(r"""["']([a-z_]+(?:\.[a-z_]+)*)["']""", source))
    causes = {f"why.{kind}" for kind in get_args(CauseKind)}

    assert set(WORDS) == (written | causes) & set(WORDS)
    assert set(re.findall(r"""say\(speaker, ["']([^"']+)["']""", source)) <= set(WORDS)
    assert causes <= set(WORDS)


def test_both_languages_fill_in_the_same_names() -> None:
    for english, japanese in WORDS.values():
        assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", japanese))
