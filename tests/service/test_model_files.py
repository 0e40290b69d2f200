"""Model files are read as YAML 1.2 or JSON, and what YAML could smuggle in is refused by line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.document import ModelError, Problem, parse_model
from service.modelling.model_files import FILE_BYTES_MAX, read_located, read_model_text

MODEL = """\
model: shop            # a comment
title: {en: Shop, ja: 店}
stages:
  - {id: visitor}
  - {id: buyer}
transitions:
  - id: first-order
    from: visitor
    to: buyer
    on: order_completed
"""


def problem_of(text: str | bytes, kind: str = "application/yaml") -> Problem:
    """Return the one reason why *text* cannot be read."""
    with pytest.raises(ModelError) as caught:
        read_model_text(text, kind)
    (problem,) = caught.value.problems
    return problem


def test_a_model_file_is_read() -> None:
    model = parse_model(read_model_text(MODEL, ".yaml"))

    assert [rule.trigger.types for rule in model.transitions] == [("order_completed",)]


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json; charset=utf-8", ".json", "application/problem+json"],
)
def test_json_is_read_by_its_media_type(kind: str) -> None:
    assert read_model_text(b'\xef\xbb\xbf{"on": [1.5, null, true]}', kind) == {
        "on": [1.5, None, True],
    }


@pytest.mark.parametrize("kind", ["application/yaml", "text/x-yaml", ".yml", "YAML"])
def test_yaml_is_read_by_its_media_type(kind: str) -> None:
    assert read_model_text("on: [1.5, null, true]", kind) == {"on": [1.5, None, True]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("2026-03-02", "2026-03-02"),
        ("2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z"),
        ("12:30:00", "12:30:00"),
        ("90d", "90d"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("<<", "<<"),
        ("'true'", "true"),
        ('"7"', "7"),
        ("|\n  7", "7"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("7", 7),
        ("-7", -7),
        ("0.25", 0.25),
        (".5e1", 5.0),
        ("[]", []),
        ("{}", {}),
    ],
)
def test_a_yaml_scalar_is_what_yaml_1_2_says_and_never_a_date(text: str, value: object) -> None:
    found = read_model_text(f"key: {text}", "yaml")["key"]

    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("a: 1\na: 2", "repeated_key", (2, 1)),
        ("a:\n  b: 1\n  b: 2", "repeated_key", (3, 3)),
        ("a: &x [1]\nb: *x", "alias", (1, 4)),
        ("a: *x", "alias", (1, 4)),
        ("a: !!python/object:os.system ls", "tag", (1, 4)),
        ("a: !!str 3", "tag", (1, 4)),
        ("a: 1\n---\nb: 2", "many_documents", (2, 1)),
        ("? [a]\n: 1", "key_not_text", (1, 3)),
        ("a: b: c", "bad_yaml", (1, 5)),
        ("a: [1", "bad_yaml", (1, 6)),
        ("\ta: 1", "bad_yaml", (1, 1)),
        ("[" * 20_000, "too_deep", (1, 18)),
        ("a: [" + "1," * 41_000 + "]", "too_large", (1, 79_999)),
    ],
)
def test_yaml_beyond_what_a_model_needs_is_refused_by_line(
    text: str,
    code: str,
    place: tuple[int, int],
) -> None:
    problem = problem_of(text)

    assert (problem.code, (problem.line, problem.column)) == (code, place)


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("", "yaml", "not_a_mapping"),
        ("- a", "yaml", "not_a_mapping"),
        ("model", "yaml", "not_a_mapping"),
        ("a: \x01", "yaml", "bad_yaml"),
        ("[]", "json", "not_a_mapping"),
        ('{"a": 1,}', "json", "bad_json"),
        ('{"a": NaN}', "json", "bad_json"),
        ('{"a": ' + "9" * 5000 + "}", "json", "bad_json"),
        ('{"a": {"b": 1, "b": 2}}', "json", "repeated_key"),
        ("[" * 100_000, "json", "too_deep"),
        ("a: 1", "toml", "unknown_format"),
        (b"\xff\xfea", "yaml", "not_utf8"),
        ("x" * (FILE_BYTES_MAX + 1), "yaml", "too_large"),
        ("購" * (FILE_BYTES_MAX // 3 + 1), "json", "too_large"),
    ],
)
def test_text_that_is_no_mapping_is_refused(text: str | bytes, kind: str, code: str) -> None:
    assert problem_of(text, kind).code == code


def test_a_laugh_is_not_multiplied_into_a_billion() -> None:
    laughs = 'a: &a ["lol"]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]'

    assert problem_of(laughs).code == "alias"


def test_a_problem_is_found_in_the_file() -> None:
    text = MODEL.replace("buyer\n    on", "byer\n    on") + "    when: signals.x >\n"
    read = read_located(text, "yaml")
    with pytest.raises(ModelError) as caught:
        parse_model(read.document)

    located = read.locate(caught.value.problems)

    assert [(problem.path, problem.line, problem.column) for problem in located] == [
        ("transitions[0].to", 9, 5),
        ("transitions[0].when", 11, 5),
    ]
    assert located[1].message.startswith("at 1:")


def test_something_missing_is_found_at_what_lacks_it() -> None:
    read = read_located("model: m\nstages:\n  - {id: a}\n  - {title: B}", "yaml")

    (located,) = read.locate([Problem("stages[1].id", "missing", "expected `id:`")])

    assert (located.line, located.column) == (4, 5)


def test_a_problem_of_no_known_place_stays_as_it_is() -> None:
    problem = Problem("", "missing", "expected something")

    assert read_located("a: 1", "yaml").locate([problem]) == (problem,)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(alphabet="abc", min_size=1), json_values))
def test_json_means_the_same_when_read_as_yaml(document: dict[str, object]) -> None:
    """YAML 1.2 is a superset of JSON, and ours within its bounds too."""
    text = json.dumps(document)

    assert read_model_text(text, "yaml") == read_model_text(text, "json") == document


@given(st.text(alphabet="ab:-[]{}&*!|>?#'\"%@`, \n\t~", max_size=40))
def test_no_text_is_met_with_anything_but_a_mapping_or_a_problem(text: str) -> None:
    """Arbitrary punctuation never raises anything else."""
    try:
        document = read_model_text(text, "yaml")
    except ModelError as error:
        document = {problem.code: problem.message for problem in error.problems}

    assert isinstance(document, dict)
