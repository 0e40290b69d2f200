"""What a rebuild changes: who stands where by the generation before, and by the new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from projections.answers import Page
from projections.log import SubjectKey

Matrix = Sequence[tuple[str | None, str | None, int]]
"""Stage before, stage by the new generation, and how many; None where a subject is in neither."""

After = tuple[int | str, ...]
"""Where a page of changes begins: what the page before it named."""

Stay = tuple[str, int]
"""A stage, and when it was entered."""

_decode = msgspec.json.Decoder(tuple[int, list[tuple[str | None, str | None, int]]]).decode


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
        changes: Those who stand elsewhere, in order of storage; None where the rows of the old
            generation are removed, or were never there.
    """

    generation: int
    old: int | None
    as_of: int
    matrix: Matrix
    changes: Page[Restaged] | None


def report_text(as_of: int, matrix: Matrix) -> str:
    """Return a matrix as text, to be kept with its generation."""
    return msgspec.json.encode((as_of, matrix)).decode()


def report_of(text: str) -> tuple[int, Matrix]:
    """Return when a matrix was drawn, and the matrix, that *text* holds."""
    return _decode(text)
