"""Regular expressions: the syntax, the bounds, agreement with Python's, and no way to hang."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.cel.errors import CelError
from domain.cel.regex import compiled

MATCHES = [
    ("", "", True),
    ("a", "", False),
    ("b", "abc", True),
    ("^b", "abc", False),
    ("c$", "abc", True),
    (r"\Aa.c\z", "abc", True),
    ("a.c", "a\nc", False),
    ("gr(a|e)y", "grey", True),
    ("gr(?:a|e)y", "groy", False),
    ("(|a)b", "b", True),
    ("^a{2}$", "aa", True),
    ("^a{2,}$", "a", False),
    ("^a{2,3}$", "aaaa", False),
    ("^a{0}$", "", True),
    ("^(ab)+$", "ababab", True),
    ("^a+?b*?$", "aab", True),
    ("^[a-cx]+$", "abcx", True),
    ("^[^a-c]$", "b", False),
    ("^[]a]+$", "]a", True),
    ("^[a-]+$", "-a", True),
    (r"^[\d_]+$", "1_2", True),
    (r"^\d+-\w+\s\S\D\W$", "12-ab cd!", True),
    (r"^\t$", "\t", True),
    (r"\bis\b", "this is", True),
    (r"\bis\b", "this", False),
    (r"s\B", "is", False),
    (r"\.\*\+", ".*+", True),
    ("日.*🎌", "日本🎌", True),
    ("a**", "", True),
]


@pytest.mark.parametrize(("pattern", "text", "expected"), MATCHES)
def test_a_pattern_is_found_or_not(pattern: str, text: str, *, expected: bool) -> None:
    assert compiled(pattern).found_in(text) is expected


MALFORMED = [
    ("(", "in the pattern '(', at 2: a '(' is not closed"),
    (")", "in the pattern ')', at 1: a ')' closes nothing"),
    ("*a", "in the pattern '*a', at 1: there is nothing to repeat"),
    ("a{", "a repetition counts from 0 to 512"),
    ("a{2", "a repetition is written {2}, {2,} or {2,5}"),
    ("a{3,2}", "a repetition is written {2}, {2,} or {2,5}"),
    ("a{9999}", "a repetition counts from 0 to 512"),
    ("[a", "it ends too early"),
    ("[z-a]", "a range ends before it begins"),
    ("[a-\\d]", "a range ends before it begins"),
    ("[\\D]", "negated classes do not stand inside […]"),
    ("\\", "it ends too early"),
    ("\\1", "\\1 is not supported"),
    ("\\pL", "\\p is not supported"),
    ("(?i)a", "of the groups with '?', only (?:…) is supported"),
    ("(?=a)", "of the groups with '?', only (?:…) is supported"),
    ("(" * 17 + ")" * 17, "at most 16 groups stand inside one another"),
    ("a" * 257, "a pattern has at most 256 characters, found 257"),
    ("(a{100}){100}", "the pattern is too large: it has more than 512 steps"),
    ("((a?){500}){500}", "the pattern is too large: it has more than 512 steps"),
]


@pytest.mark.parametrize(("pattern", "message"), MALFORMED, ids=[one[0][:20] for one in MALFORMED])
def test_a_pattern_out_of_bounds_or_syntax_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(CelError, match=re.escape(message)):
        compiled(pattern)


def test_a_pattern_at_its_bounds_compiles() -> None:
    assert compiled("a{512}").found_in("a" * 512)
    assert compiled("(" * 16 + ")" * 16).found_in("")
    with pytest.raises(CelError, match="it has more than 512 steps"):
        compiled("ba{512}")


def test_a_text_beyond_its_bound_is_refused() -> None:
    assert compiled("a$").found_in("b" * 2047 + "a")
    with pytest.raises(CelError, match="no more than 2048 characters, found 2049"):
        compiled("a").found_in("b" * 2049)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)+$", "(a|aa)+$", "a*a*a*a*a*a*a*b", "(.*)*x"])
def test_patterns_that_hang_others_answer(pattern: str) -> None:
    """Python's own engine would need longer than the universe has lasted for the first."""
    assert compiled(pattern).found_in("a" * 2000 + "!") is False


ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "^", "$", "\\b", "\\w", "\\d"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}"])).map(
            lambda parts: f"(?:{parts[0]}){parts[1]}"
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=5 * settings().max_examples)
@given(PATTERNS, st.text("ab1! ", max_size=8))
def test_it_agrees_with_python_on_short_texts(pattern: str, text: str) -> None:
    """Python's `$` also matches before a last line feed; these texts have none."""
    assert compiled(pattern).found_in(text) == (re.search(pattern, text, re.ASCII) is not None)


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_pattern_compiles_or_is_refused(pattern: str, text: str) -> None:
    try:
        program = compiled(pattern)
    except CelError:
        return

    assert program.found_in(text) in {True, False}
