"""What a reader wants to be told of; everything, if he says nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from service.live.frames import TYPES, Frame


@dataclass(frozen=True, slots=True)
class Wish:
    """A filter of streams: what is empty narrows nothing.

    Attributes:
        models: Keys of models.
        stages: Stages that were entered; of a correction, also the one before.
        customer_id: The customer it is about.
        types: Patterns of types in which `*` is any text.
    """

    models: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    customer_id: str = ""
    types: tuple[str, ...] = ()

    def among(self, frames: Iterable[Frame]) -> list[Frame]:
        """Return those of *frames* that are wanted."""
        types = {each for each in TYPES if not self.types or is_one_of(each, self.types)}
        return [
            frame
            for frame in frames
            if frame.type in types
            and (not self.models or frame.model in self.models)
            and (not self.stages or not set(self.stages).isdisjoint(frame.stages))
            and (not self.customer_id or self.customer_id in frame.customers)
        ]


def is_one_of(text: str, patterns: Sequence[str]) -> bool:
    """Return whether *text* is what one of *patterns* means."""
    return any(fnmatchcase(text, pattern) for pattern in patterns)
