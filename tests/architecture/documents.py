"""The documents of the tree, taken apart: fenced blocks and links."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.tree import ROOT, name_of

FENCE = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(<?(?P<target>[^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: where it stands, its language, the words after it, and its text."""

    path: Path
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    @property
    def name(self) -> str:
        """Where it is, as written in messages."""
        return f"{name_of(self.path)}:{self.line}"


def documents() -> list[Path]:
    """Return every Markdown page of the tree, the README first."""
    return [*sorted(ROOT.glob("*.md"), reverse=True), *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(path: Path) -> list[Block]:
    """Return the fenced blocks of one page, in order."""
    source = path.read_text(encoding="utf-8")
    return [_block(path, source, match) for match in FENCE.finditer(source)]


def _block(path: Path, source: str, match: re.Match[str]) -> Block:
    language, *words = match["info"].split() or [""]
    body = re.sub(rf"^{match['indent']}", "", match["body"], flags=re.MULTILINE)
    line = source.count("\n", 0, match.start()) + 1
    return Block(path=path, line=line, language=language, words=tuple(words), text=body)


def links(path: Path) -> list[str]:
    """Return the targets of the inline links of one page, code aside."""
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", path.read_text(encoding="utf-8")))
    return [match["target"] for match in LINK.finditer(prose)]


def prose_of_all() -> str:
    """Return the text of every page, joined, to look words up in."""
    return "\n".join(path.read_text(encoding="utf-8") for path in documents())
