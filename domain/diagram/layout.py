"""Where everything of a drawing goes: stages in a row, ways over and under them in lanes.

Ways forward run above the row, ways back below it. Each takes the nearest lane in which it meets no
other, short ones first, so that lines nest and never lie upon each other. A transition from nearly
everywhere is drawn once, as a stub over its target; stubs of one target stand upon each other.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from domain.diagram.words import title_in, trigger_words
from domain.model import Model, Rule

MARGIN: Final = 24
GAP: Final = 76
STAGE_HEIGHT: Final = 64
STAGE_WIDTH_MIN: Final = 132
STAGE_WIDTH_MAX: Final = 220
LANE_HEIGHT: Final = 38
TITLE_SIZE: Final = 14
LABEL_SIZE: Final = 11
STUB_WIDTH: Final = 160
STUB_SOURCES_MIN: Final = 4

_WIDE: Final = frozenset("WF")


@dataclass(frozen=True, slots=True)
class Box:
    """A stage: its title in lines, and the rectangle it takes."""

    stage_id: str
    lines: tuple[str, ...]
    kind: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Way:
    """A transition between two stages, or from many into one (then `source` is -1).

    Attributes:
        start: Horizontal place where it leaves its source.
        end: Horizontal place where it enters its target.
        lane: From 0, next to the stages; above them where it leads forward, else below.
        rests_on: Of a stub: the lane of the one beneath it, -1 where that is the stage itself.
    """

    rule: Rule
    source: int
    target: int
    name: str
    words: str
    start: float
    end: float
    lane: int
    rests_on: int = -1

    @property
    def is_stub(self) -> bool:
        """Whether it comes from many stages at once."""
        return self.source < 0

    @property
    def is_forward(self) -> bool:
        """Whether it runs above the stages."""
        return self.source < self.target

    @property
    def is_timed(self) -> bool:
        """Whether time alone makes it happen."""
        return self.rule.trigger.kind in ("after", "at")


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole picture in user units, origin at the top left."""

    boxes: tuple[Box, ...]
    ways: tuple[Way, ...]
    width: float
    height: float
    row: float


@dataclass(frozen=True, slots=True)
class _Span:
    rule: Rule
    source: int
    target: int

    @property
    def is_above(self) -> bool:
        return self.source < self.target

    @property
    def reach(self) -> tuple[int, int]:
        """The columns between which it runs."""
        if self.source < 0:
            return self.target, self.target
        return min(self.source, self.target), max(self.source, self.target)


def layout_of(model: Model, language: str) -> Layout:
    """Return where the parts of *model* go, with texts in *language*."""
    boxes = _boxes(model, language)
    spans = sorted(_spans(model), key=lambda span: (span.reach[1] - span.reach[0], span.reach))
    ways = _ways(spans, _ports(spans, boxes), language)
    above, below = (
        max((way.lane + 1 for way in ways if way.is_forward is is_above), default=0)
        for is_above in (True, False)
    )
    row = MARGIN + above * LANE_HEIGHT + LANE_HEIGHT / 2
    height = row + STAGE_HEIGHT + below * LANE_HEIGHT + LANE_HEIGHT / 2 + MARGIN
    return Layout(boxes, ways, boxes[-1].x + boxes[-1].width + MARGIN, height, row)


def _ways(spans: list["_Span"], ports: list[tuple[float, float]], language: str) -> tuple[Way, ...]:
    ways: list[Way] = []
    taken: dict[bool, list[list[tuple[float, float]]]] = {True: [], False: []}
    for span, (start, end) in zip(spans, ports, strict=True):
        lane = _lane(taken[span.is_above], *sorted((start, end)))
        name, words = span.rule.id, trigger_words(span.rule.trigger, language)
        beneath = [way.lane for way in ways if way.is_stub and way.target == span.target]
        rests_on = max(beneath, default=-1) if span.source < 0 else -1
        ways.append(
            Way(span.rule, span.source, span.target, name, words, start, end, lane, rests_on)
        )
    return tuple(ways)


def text_width(text: str, size: float) -> float:
    """Return about how wide *text* is: full-width signs take one em, others somewhat over half."""
    wide = sum(unicodedata.east_asian_width(sign) in _WIDE for sign in text)
    return size * (wide + 0.58 * (len(text) - wide))


def fitted(text: str, size: float, width: float) -> str:
    """Return *text*, cut with an ellipsis where it would be wider than *width*."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(f"{text}…", size) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def _boxes(model: Model, language: str) -> tuple[Box, ...]:
    boxes: list[Box] = []
    x = float(MARGIN)
    for stage in model.stages:
        lines = _wrapped(title_in(stage.title, language, stage.id))
        wanted = max(text_width(line, TITLE_SIZE) for line in lines) + 32
        width = min(max(wanted, STAGE_WIDTH_MIN), STAGE_WIDTH_MAX)
        boxes.append(Box(stage.id, lines, stage.kind, x, width))
        x += width + GAP
    return tuple(boxes)


def _wrapped(title: str) -> tuple[str, ...]:
    """Return *title* in one or two lines that fit a stage."""
    room = STAGE_WIDTH_MAX - 32
    if text_width(title, TITLE_SIZE) <= room:
        return (title,)
    first, rest = "", title
    breaks = [place for place, sign in enumerate(title) if sign in " （/・-"]
    for place in breaks:
        if text_width(title[:place], TITLE_SIZE) <= room:
            first, rest = title[:place].rstrip(), title[place:].lstrip()
    if not first:
        first = fitted(title, TITLE_SIZE, room).rstrip("…")
        rest = title[len(first) :]
    return (first, fitted(rest, TITLE_SIZE, room))


def _spans(model: Model) -> Iterable[_Span]:
    order = {stage.id: place for place, stage in enumerate(model.stages)}
    for rule in model.transitions:
        target = order[rule.target]
        is_general = len(rule.sources) >= max(STUB_SOURCES_MIN, len(order) - 2)
        sources = (-1,) if is_general else tuple(order[source] for source in rule.sources)
        for source in sources:
            yield _Span(rule, source, target)


def _ports(spans: list[_Span], boxes: tuple[Box, ...]) -> list[tuple[float, float]]:
    """Return where each of *spans* begins and ends, spread along the edges of the stages.

    Along an edge, ways that come in stand on the side they come from, and a longer way stands
    outside a shorter one, so that they nest.
    """
    edges: dict[tuple[int, bool], list[tuple[tuple[int, int, int], int, bool]]] = {}
    for number, span in enumerate(spans):
        near, far = (0, 2) if span.is_above else (2, 0)
        turn = number if span.is_above else -number
        arrival = (near, -span.source, turn) if span.source >= 0 else (1, 0, 0)
        edges.setdefault((span.target, span.is_above), []).append((arrival, number, False))
        if span.source >= 0:
            departure = (far, -span.target, -turn)
            edges.setdefault((span.source, span.is_above), []).append((departure, number, True))
    places: dict[tuple[int, bool], float] = {}
    for (column, _), ends in edges.items():
        ranks = sorted({rank for rank, _, _ in ends})
        for rank, number, is_start in ends:
            share = (ranks.index(rank) + 1) / (len(ranks) + 1)
            places[number, is_start] = boxes[column].x + boxes[column].width * share
    return [
        (places.get((number, True), places[number, False]), places[number, False])
        for number in range(len(spans))
    ]


def _lane(lanes: list[list[tuple[float, float]]], low: float, high: float) -> int:
    """Return the first of *lanes* with room from *low* to *high*, which is then taken."""
    if low == high:  # a stub needs room for its words
        low, high = low - STUB_WIDTH / 2, high + STUB_WIDTH / 2
    for number, lane in enumerate(lanes):
        if all(high + 8 <= begin or end + 8 <= low for begin, end in lane):
            lane.append((low, high))
            return number
    lanes.append([(low, high)])
    return len(lanes) - 1
