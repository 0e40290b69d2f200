"""A model as a Mermaid state diagram, for documents that render Mermaid."""

import re
from typing import Final

from domain.diagram.words import title_in, trigger_words
from domain.model import Model

LABEL_LENGTH_MAX: Final = 80

_unsafe = re.compile(r"[^\w \-,./、。・（）ー]").sub


def mermaid(model: Model, language: str = "en") -> str:
    """Return *model* as `stateDiagram-v2` text; titles in *language* where there are any."""
    numbers = {stage.id: f"s{index}" for index, stage in enumerate(model.stages)}
    lines = ["stateDiagram-v2", "    direction LR"]
    for stage in model.stages:
        title = escaped(title_in(stage.title, language, stage.id))
        lines.append(f'    state "{title}" as {numbers[stage.id]}')
    lines.append(f"    [*] --> {numbers[model.initial]}")
    for rule in model.transitions:
        label = escaped(f"{rule.id}: {trigger_words(rule.trigger, language)}")
        target = numbers[rule.target]
        lines += [f"    {numbers[source]} --> {target} : {label}" for source in rule.sources]
    for kind in ("stopped", "final"):
        members = [numbers[stage.id] for stage in model.stages if stage.kind == kind]
        if members:
            style = "stroke-dasharray: 4 3" if kind == "stopped" else "stroke-width: 3px"
            lines += [f"    classDef {kind} {style}", f"    class {','.join(members)} {kind}"]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return *text* on one line, with every sign that means something to Mermaid as its code."""
    line = " ".join(text.split())
    if len(line) > LABEL_LENGTH_MAX:
        line = f"{line[: LABEL_LENGTH_MAX - 1]}…"
    return _unsafe(lambda found: f"#{ord(found.group())};", line)
