"""Diagrams are well-formed, complete, readable in two languages and safe against hostile titles."""

import re
from dataclasses import replace
from itertools import combinations, pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.diagram import DIAGRAM_CSS, mermaid, svg, title_in, trigger_words
from domain.diagram.layout import fitted, layout_of, text_width
from domain.document import parse_model
from domain.model import Model, Stage
from service.modelling.model_files import load_ready_models
from tests.domain.shop_document import shop, with_transition

NS = {"s": "http://www.w3.org/2000/svg"}
HOSTILE = """</title><script>alert("1")</script>&'--> [*] : "; %%{init}%% ]]>"""

every_model = pytest.mark.parametrize("model", load_ready_models().values(), ids=lambda m: m.key)
every_language = pytest.mark.parametrize("language", ["en", "ja", "xx"])


def drawn(model: Model, language: str = "en") -> ET.Element:
    """Return the drawing of *model* as a tree."""
    return ET.fromstring(svg(model, language))  # noqa: S314 -- our own output


def texts(tree: ET.Element, path: str) -> list[str]:
    """Return the texts of the elements at *path*."""
    return ["".join(found.itertext()) for found in tree.findall(path, NS)]


@every_language
@every_model
def test_a_drawing_shows_every_stage_and_every_transition(model: Model, language: str) -> None:
    tree = drawn(model, language)

    stages = [group.get("data-stage") for group in tree.findall("s:g[@data-stage]", NS)]
    rules = {group.get("data-rule") for group in tree.findall("s:g[@data-rule]", NS)}
    assert stages == [stage.id for stage in model.stages]
    assert rules == {rule.id for rule in model.transitions}


@every_model
def test_a_drawing_tells_itself_in_words(model: Model) -> None:
    tree = drawn(model, "ja")

    named = tree.get("aria-labelledby", "").split()
    told = [element for name in named for element in tree.findall(f"s:*[@id='{name}']", NS)]
    assert (tree.get("role"), tree.get("lang")) == ("img", "ja")
    assert [element.tag.partition("}")[2] for element in told] == ["title", "desc"]
    assert all(rule.id in (told[1].text or "") for rule in model.transitions)
    assert told[0].text == model.title["ja"]


@every_model
def test_no_two_lines_lie_upon_each_other(model: Model) -> None:
    ways = layout_of(model, "en").ways

    for one, other in combinations(ways, 2):
        if (one.is_forward, one.lane) == (other.is_forward, other.lane):
            low, high = sorted((one.start, one.end)), sorted((other.start, other.end))
            assert low[1] < high[0] or high[1] < low[0] or one.is_stub or other.is_stub


@every_model
def test_ways_between_the_same_stages_nest(model: Model) -> None:
    ways = [way for way in layout_of(model, "en").ways if not way.is_stub]

    for one, other in combinations(ways, 2):
        if (one.source, one.target) == (other.source, other.target):
            inner, outer = sorted((one, other), key=lambda way: way.lane)
            assert min(outer.start, outer.end) < min(inner.start, inner.end)
            assert max(inner.start, inner.end) < max(outer.start, outer.end)


@every_model
def test_longer_ways_into_a_stage_stand_outside_shorter_ones(model: Model) -> None:
    ways = [way for way in layout_of(model, "en").ways if not way.is_stub]

    for one, other in combinations(ways, 2):
        if one.target == other.target and one.is_forward and other.is_forward:
            near, far = sorted((one, other), key=lambda way: -way.source)
            assert near.source == far.source or near.end < far.end


@every_model
def test_stages_stand_in_a_row_within_the_picture(model: Model) -> None:
    layout = layout_of(model, "en")

    assert all(left.x + left.width < right.x for left, right in pairwise(layout.boxes))
    assert layout.boxes[-1].x + layout.boxes[-1].width < layout.width
    assert all(0 < way.start < layout.width for way in layout.ways)


def test_what_time_brings_about_is_dashed_and_says_its_duration() -> None:
    tree = drawn(load_ready_models()["growth"])

    dashed = [
        (group.get("data-rule"), texts(group, "s:text[@class='words']")[0])
        for group in tree.findall("s:g[@data-rule]", NS)
        if "timed" in str(group.get("class"))
    ]
    assert ("falls-dormant", "30 days since last_activity") in dashed
    assert "comes-back" not in {rule for rule, _ in dashed}
    assert "stroke-dasharray" in DIAGRAM_CSS


def test_returns_run_below_and_forward_ways_above() -> None:
    ways = {way.name: way for way in layout_of(load_ready_models()["health"], "en").ways}

    assert ways["falls-asleep"].is_forward
    assert not ways["recovered"].is_forward


def test_a_transition_from_nearly_everywhere_is_drawn_once() -> None:
    ways = [way for way in layout_of(load_ready_models()["cpm-10"], "en").ways if way.is_stub]

    assert [way.name for way in ways] == ["first", "toddler", "steady", "trend", "best"]
    assert all("any stage" in svg(load_ready_models()["cpm-10"]) for _ in ways)


def test_kinds_of_stages_can_be_told_apart() -> None:
    stages = [{"id": "a"}, {"id": "b", "kind": "stopped"}, {"id": "c", "kind": "final"}]

    classes = [
        group.get("class")
        for group in drawn(parse_model({"model": "m", "stages": stages})).findall("s:g", NS)
    ]

    assert classes == ["stage active initial", "stage stopped", "stage final"]


@pytest.mark.parametrize("title", [HOSTILE, "購入" * 90, "\ufffe\u202e", " a ", "x" * 200, "長 い"])
def test_a_hostile_title_is_only_text(title: str) -> None:
    stages = [{"id": "a", "title": {"en": title}}, {"id": "b"}]
    rules = [{"id": "t", "from": "a", "to": "b", "on": HOSTILE[:60]}]
    model = parse_model({"model": "m", "title": title, "stages": stages, "transitions": rules})

    tree = drawn(model)

    tags = {element.tag.partition("}")[2] for element in tree.iter()}
    assert tags == {"svg", "title", "desc", "style", "g", "rect", "path", "text"}
    assert all(
        "on" not in name[:2] and "href" not in name for el in tree.iter() for name in el.attrib
    )
    assert len(mermaid(model).splitlines()) == 6


@every_language
@every_model
def test_mermaid_names_every_stage_and_way(model: Model, language: str) -> None:
    lines = mermaid(model, language).splitlines()

    ways = [
        line for line in lines if re.fullmatch(r"    s\d+ --> s\d+ : [^:;]*(#\d+;[^:;]*)*", line)
    ]
    assert lines[:2] == ["stateDiagram-v2", "    direction LR"]
    assert len([line for line in lines if line.startswith("    state ")]) == len(model.stages)
    assert len(ways) == sum(len(rule.sources) for rule in model.transitions)
    assert sum(line.startswith("    [*] --> s") for line in lines) == 1


@given(st.text(min_size=1, max_size=60))
def test_no_sign_of_a_title_means_anything_to_mermaid(title: str) -> None:
    """Whatever a title holds, its line stays one line with one pair of quotes."""
    plain = parse_model({"model": "m", "stages": [{"id": "a"}]})
    model = replace(plain, stages=(Stage("a", {"en": title}),))

    lines = mermaid(model).splitlines()

    assert len(lines) == 4
    assert re.fullmatch(r'    state "(\w|[ \-,./、。・（）ー…]|#\d+;)*" as s0', lines[2])


def test_the_style_can_be_left_to_the_page() -> None:
    model = load_ready_models()["growth"]

    assert "<style>" in svg(model)
    assert "<style" not in svg(model, with_style=False)
    assert "style=" not in svg(model, with_style=False)


@pytest.mark.parametrize(
    ("keys", "english", "japanese"),
    [
        ({"on": "order"}, "order", "order"),
        ({"on": "*"}, "any event", "すべてのイベント"),
        ({"on": list("abcde")}, "a, b, c and 2 more", "a, b, c ほか2件"),
        ({"on": "a", "when": "1 <\n 2"}, "a if 1 < 2", "a（1 < 2 のとき）"),
        ({"when": "1 < 2", "for": "7d"}, "1 < 2, for 7 days", "1 < 2 が7日続く"),
        ({"after": "24h"}, "1 day in the stage", "開始から1日"),
        ({"after": "90m", "since": "last_order"}, "90 minutes since last_order",
         "last_order から90分"),
        ({"after": "1mo"}, "1 month in the stage", "開始から1か月"),
        ({"after": "2y"}, "2 years in the stage", "開始から2年"),
        ({"after": "P1M1D"}, "P1M1D in the stage", "開始からP1M1D"),
        ({"after": "PT0.5S"}, "PT0.5S in the stage", "開始からPT0.5S"),
        ({"at": "traits.end"}, "traits.end", "traits.end"),
        ({"at": "traits.end", "offset": "-60d"}, "60 days before traits.end",
         "traits.end の60日前"),
        ({"at": "traits.end", "offset": "12h"}, "12 hours after traits.end",
         "traits.end の12時間後"),
    ],
)  # fmt: skip
def test_a_trigger_in_words(keys: dict[str, object], english: str, japanese: str) -> None:
    trigger = parse_model(with_transition(**keys)).transitions[0].trigger

    assert (trigger_words(trigger, "en"), trigger_words(trigger, "ja")) == (english, japanese)


def test_a_title_falls_back_to_english_to_any_and_to_the_id() -> None:
    model = parse_model(shop())

    assert title_in(model.title, "ja", "shop") == "ECカスタマージャーニー"
    assert title_in(model.title, "fr", "shop") == "Online shop"
    assert title_in({"ja": "店"}, "fr", "shop") == "店"
    assert title_in({}, "fr", "shop") == "shop"


@given(st.text(max_size=60), st.floats(20, 400))
def test_a_cut_text_fits(text: str, width: float) -> None:
    """Cutting never makes a text wider than its room, and leaves what fits alone."""
    cut = fitted(text, 11, width)

    assert text_width(cut, 11) <= width
    assert cut == text or cut.endswith("…")


def test_stubs_of_one_target_stand_upon_each_other() -> None:
    stubs = [way for way in layout_of(load_ready_models()["b2b-6"], "en").ways if way.is_stub]

    assert [way.rests_on for way in stubs] == [-1, stubs[0].lane]
    assert stubs[0].end == stubs[1].end
