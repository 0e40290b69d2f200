"""A model as one SVG: no scripts, no fonts, no links, every text escaped, told in words as well.

Colours are custom properties (`--sf-ink` and its kin), so a page can set them; without a page the
drawing follows the reader's light or dark preference. A page whose policy forbids style elements
takes the drawing without one and puts `DIAGRAM_CSS` into its own sheet.
"""

from html import escape
from typing import Final

from domain.diagram.layout import (
    LABEL_SIZE,
    LANE_HEIGHT,
    STAGE_HEIGHT,
    STUB_WIDTH,
    TITLE_SIZE,
    Box,
    Layout,
    Way,
    fitted,
    layout_of,
)
from domain.diagram.words import title_in
from domain.model import Model

_RADIUS: Final = 10

DIAGRAM_CSS: Final = f"""\
.stagefold-diagram {{
  --ink: var(--sf-ink, #1d2733); --muted: var(--sf-muted, #5b6875);
  --surface: var(--sf-surface, #ffffff); --edge: var(--sf-edge, #93a1af);
  --forward: var(--sf-forward, #1f6f54); --back: var(--sf-back, #a8502a);
  --paper: var(--sf-paper, Canvas); color-scheme: light dark;
}}
@supports (color: light-dark(#000, #fff)) {{
  .stagefold-diagram {{
    --ink: var(--sf-ink, light-dark(#1d2733, #e8edf2));
    --muted: var(--sf-muted, light-dark(#5b6875, #9fb0bf));
    --surface: var(--sf-surface, light-dark(#ffffff, #18222c));
    --edge: var(--sf-edge, light-dark(#93a1af, #5d6f80));
    --forward: var(--sf-forward, light-dark(#1f6f54, #6fc7a4));
    --back: var(--sf-back, light-dark(#a8502a, #e59a73));
  }}
}}
.stagefold-diagram text {{ font-family: system-ui, sans-serif; fill: var(--ink); }}
.stagefold-diagram .stage rect {{ fill: var(--surface); stroke: var(--edge); stroke-width: 1.5; }}
.stagefold-diagram .stage text {{
  font-size: {TITLE_SIZE}px; font-weight: 600; text-anchor: middle;
}}
.stagefold-diagram .stopped rect {{ stroke-dasharray: 5 4; }}
.stagefold-diagram .final rect {{ stroke-width: 3.5; }}
.stagefold-diagram .initial rect {{ stroke: var(--ink); stroke-width: 2; }}
.stagefold-diagram .way path {{ fill: none; stroke: var(--line); stroke-width: 1.6; }}
.stagefold-diagram .way .head {{ fill: var(--line); stroke: none; }}
.stagefold-diagram .way {{ --line: var(--forward); }}
.stagefold-diagram .back {{ --line: var(--back); }}
.stagefold-diagram .stub {{ --line: var(--muted); }}
.stagefold-diagram .timed path {{ stroke-dasharray: 6 4; }}
.stagefold-diagram .way text {{
  font-size: {LABEL_SIZE}px; text-anchor: middle;
  paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round;
}}
.stagefold-diagram .way .words {{ fill: var(--muted); }}
"""


def svg(model: Model, language: str = "en", *, with_style: bool = True) -> str:
    """Return *model* as an SVG document; titles in *language* where there are any."""
    layout = layout_of(model, language)
    title = _text(title_in(model.title, language, model.key))
    name = f"sf-{model.hash[:8]}-{_attribute(language)}"
    width, height = round(layout.width), round(layout.height)
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="stagefold-diagram" role="img" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'aria-labelledby="{name}-title {name}-desc" lang="{_attribute(language)}">'
    )
    parts = [
        opening,
        f'<title id="{name}-title">{title}</title>',
        f'<desc id="{name}-desc">{_text(_description(model, layout.ways, language))}</desc>',
        f"<style>{DIAGRAM_CSS}</style>" if with_style else "",
        *(_way(way, layout, language) for way in layout.ways),
        *(_stage(box, layout, is_initial=box.stage_id == model.initial) for box in layout.boxes),
        "</svg>\n",
    ]
    return "\n".join(part for part in parts if part)


def _description(model: Model, all_ways: tuple[Way, ...], language: str) -> str:
    """Return the whole drawing in sentences, for those who hear it."""
    titles = [title_in(stage.title, language, stage.id) for stage in model.stages]
    separator = "、" if language == "ja" else ", "
    ways = [
        f"{_origin(way, titles, language)} → {titles[way.target]}: {way.name} ({way.words})"
        for way in all_ways
    ]
    return separator.join(titles) + ". " + "; ".join(ways)


def _stage(box: Box, layout: Layout, *, is_initial: bool) -> str:
    kinds = " ".join(["stage", box.kind, *(["initial"] if is_initial else [])])
    middle, center = box.x + box.width / 2, layout.row + STAGE_HEIGHT / 2
    top = center + TITLE_SIZE * 0.36 - (len(box.lines) - 1) * TITLE_SIZE * 0.65
    lines = [
        f'<text x="{middle:.1f}" y="{top + index * TITLE_SIZE * 1.3:.1f}">{_text(line)}</text>'
        for index, line in enumerate(box.lines)
    ]
    return (
        f'<g class="{kinds}" data-stage="{_attribute(box.stage_id)}">'
        f'<rect x="{box.x:.1f}" y="{layout.row:.1f}" width="{box.width:.1f}" '
        f'height="{STAGE_HEIGHT}" rx="{_RADIUS}"/>{"".join(lines)}</g>'
    )


def _origin(way: Way, titles: list[str], language: str) -> str:
    """Return where *way* comes from, in words: a title, or how many stages."""
    if not way.is_stub:
        return titles[way.source]
    count = len(way.rule.sources)
    if count >= len(titles) - 1:
        return "全ステージ" if language == "ja" else "any stage"
    return f"{count}ステージ" if language == "ja" else f"{count} stages"


def _way(way: Way, layout: Layout, language: str) -> str:
    edge = layout.row if way.is_forward else layout.row + STAGE_HEIGHT
    away = -1 if way.is_forward else 1
    level = _level(way.lane, edge, away)
    line = _stub(way, edge, level) if way.is_stub else _bent(way, edge, level)
    name = way.name
    if way.is_stub:
        name = f"{_origin(way, [box.stage_id for box in layout.boxes], language)} · {way.name}"
    head = _head(way.end, edge, away) if way.rests_on < 0 else ""
    room = STUB_WIDTH if way.is_stub else max(abs(way.end - way.start) - 12, 48)
    x = f"{(way.start + way.end) / 2:.1f}"
    return (
        f'<g class="{_kinds(way)}" data-rule="{_attribute(way.name)}">'
        f"<title>{_text(_told(way))}</title>"
        f'<path d="{line}"/>{head}'
        f'<text x="{x}" y="{level - 4:.1f}">{_text(fitted(name, LABEL_SIZE, room))}</text>'
        f'<text class="words" x="{x}" y="{level + 12:.1f}">'
        f"{_text(fitted(way.words, LABEL_SIZE, room))}</text></g>"
    )


def _kinds(way: Way) -> str:
    direction = "stub" if way.is_stub else "forward" if way.is_forward else "back"
    return f"way {direction} timed" if way.is_timed else f"way {direction}"


def _told(way: Way) -> str:
    told = f"{way.name}: {way.words}"
    return f"{told} ({', '.join(way.rule.sources)} → {way.rule.target})"


def _level(lane: int, edge: float, away: int) -> float:
    return edge + away * (lane + 0.75) * LANE_HEIGHT


def _bent(way: Way, edge: float, level: float) -> str:
    """Return the path up to the lane, along it, and to the turn towards the target."""
    side = 1 if way.end > way.start else -1
    radius = min(_RADIUS, abs(way.end - way.start) / 2)
    turn = radius if level < edge else -radius
    return (
        f"M{way.start:.1f} {edge:.1f} V{level + turn:.1f} "
        f"Q{way.start:.1f} {level:.1f} {way.start + side * radius:.1f} {level:.1f} "
        f"H{way.end - side * radius:.1f} "
        f"Q{way.end:.1f} {level:.1f} {way.end:.1f} {level + turn:.1f} "
        f"V{edge - 6 if level < edge else edge + 6:.1f}"
    )


def _stub(way: Way, edge: float, level: float) -> str:
    """Return the path from below the words of a stub to the stage, or to the stub beneath."""
    below = edge - 6 if way.rests_on < 0 else _level(way.rests_on, edge, -1) - 16
    return f"M{way.end:.1f} {level + 17:.1f} V{below:.1f}"


def _head(x: float, edge: float, away: int) -> str:
    base = edge + away * 8
    return (
        f'<path class="head" d="M{x:.1f} {edge:.1f} L{x - 4.5:.1f} {base:.1f} '
        f'L{x + 4.5:.1f} {base:.1f} Z"/>'
    )


def _text(text: str) -> str:
    """Return *text* as XML character data; signs that XML cannot hold become U+FFFD."""
    return escape("".join(sign if _is_xml(sign) else "\ufffd" for sign in text), quote=False)


def _attribute(text: str) -> str:
    return escape("".join(sign for sign in text if sign.isalnum() or sign in "-_"))


def _is_xml(sign: str) -> bool:
    return (
        sign in "\t\n\r"
        or " " <= sign <= "\ud7ff"
        or "\ue000" <= sign <= "\ufffd"
        or ("\U00010000" <= sign <= "\U0010ffff")
    )
