"""What a rebuild changes: who stands where by the generation before, and by the new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from projections.events.log import SubjectKey
from projections.reading.answers import Page

Matrix = Sequence[tuple[str | None, str | None, int]]
"""Stage before, stage by the new generation, and how many; None where a subject is in neither."""

After = tuple[int | str, ...]
"""Where a page of changes begins: what the page before it named."""

Stay = tuple[str, int]
"""A stage, and when it was entered."""

_Cells = list[tuple[str | None, str | None, int]]
_decode = msgspec.json.Decoder(tuple[int, _Cells | None]).decode


@dataclass(frozen=True, slots=True)
class Restaged:
    """A subject that the new generation has in another stage, or in one at all."""

    subject: SubjectKey
    old: Stay | None
    new: Stay | None


@dataclass(frozen=True, slots=True)
class Sides:
    """Which generations are laid side by side, and of whom."""

    old: int
    new: int
    tenant: str
    is_account: bool


@dataclass(frozen=True, slots=True)
class Diff:
    """What a generation changes.

    Attributes:
        old: The generation that it takes the place of; None where there was none.
        as_of: When the matrix was drawn.
        matrix: None where it took too long to draw at the activation, and was left out.
        changes: Those who stand elsewhere, in order of storage; None where the rows of the old
            generation are removed, or were never there.
    """

    generation: int
    old: int | None
    as_of: int
    matrix: Matrix | None
    changes: Page[Restaged] | None


def report_text(as_of: int, matrix: Matrix | None) -> str:
    """Return a matrix as text, to be kept with its generation; None says that it was left out."""
    return msgspec.json.encode((as_of, matrix)).decode()


def report_of(text: str) -> tuple[int, Matrix | None]:
    """Return when a matrix was drawn, and the matrix or None, that *text* holds."""
    return _decode(text)
