"""A model as a picture: Mermaid text for documents, and an SVG that needs nothing else."""

from domain.diagram.drawing import DIAGRAM_CSS, svg
from domain.diagram.statechart import mermaid
from domain.diagram.words import title_in, trigger_words

__all__ = ["DIAGRAM_CSS", "mermaid", "svg", "title_in", "trigger_words"]
