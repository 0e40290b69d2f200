"""No sentence is missing in either language, and none is kept that nobody says."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest

import service.cli.telling
import service.language.speaker
import service.pages
from domain.transitions import CauseKind
from service.language.words import EVENTS, WORDS
from service.modelling.model_files import load_ready_models

FOLDER = Path(service.pages.__file__).parent
OTHERS = (Path(service.cli.telling.__file__), Path(service.language.speaker.__file__))
SAID = re.compile(r"""(?:\.say\(|\.counted\(|_line\(speaker,)\s*['"]([a-z_.]+)['"]\s*[,)]""")
CHOSEN = re.compile(r"""say\(\s*'([a-z_.]+)' if [^)]*? else '([a-z_.]+)'""")
# Keys made of parts, where a template or a function joins them.
JOINED = re.compile(
    r"customers|accounts|models\.(customer|account)s|kind\.\w+|why\.\w+|missing\.\w+|as_of\.(ahead|then)"
    r"|rule\.(met|unmet)|company|list\.customer"
)


@pytest.mark.parametrize("catalogue", [WORDS, EVENTS], ids=["sentences", "events"])
def test_every_sentence_is_there_in_both_languages(
    catalogue: Mapping[str, tuple[str, str]],
) -> None:
    missing = [key for key, pair in catalogue.items() if not all(text.strip() for text in pair)]

    assert not missing


def test_both_languages_have_the_same_blanks_to_fill() -> None:
    different = [key for key, (en, ja) in WORDS.items() if _blanks(en) != _blanks(ja)]

    assert not different


def test_japanese_is_japanese() -> None:
    """A sentence copied over and not translated has no kana or kanji."""
    plain = [
        key
        for catalogue in (WORDS, EVENTS)
        for key, (_, ja) in catalogue.items()
        if not re.search(r"[぀-ヿ㐀-鿿、]", ja)
    ]

    assert not plain


def test_every_sentence_that_is_said_is_in_the_catalogue() -> None:
    assert _said() <= set(WORDS)


def test_no_sentence_is_kept_that_nobody_says() -> None:
    silent = {
        key
        for key in WORDS
        if key.removesuffix(".one") not in _said()
        and not JOINED.fullmatch(key.removesuffix(".one"))
    }

    assert not silent


def test_every_event_of_the_ready_made_models_has_a_name() -> None:
    types = {name for model in load_ready_models().values() for name in model.events.values()}

    assert types <= set(EVENTS)


def _blanks(text: str) -> set[str | None]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


def _said() -> set[str]:
    said: set[str] = set()
    for path in (*OTHERS, *FOLDER.glob("*.py"), *FOLDER.glob("templates/*.html")):
        text = path.read_text(encoding="utf-8")
        said.update(SAID.findall(text))
        for pair in CHOSEN.findall(text):
            said.update(pair)
    return said


def test_every_cause_can_be_told() -> None:
    assert {f"why.{kind}" for kind in get_args(CauseKind)} <= set(WORDS)
