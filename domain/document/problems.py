"""What is wrong with a model document: every problem at once, each with its place and its cure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

PROBLEMS_MAX: Final = 200
_SHOWN_LENGTH_MAX: Final = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps a document from being a model.

    Attributes:
        path: Where, such as `transitions[3].when`; empty for the whole document.
        code: Stable name of the kind of problem, such as `unknown_stage`.
        message: What was expected, what was found, and a cure where one is known.
        line: For expressions the line within the expression, for text that could not be read
            at all the line of the file; from 1.
        column: Likewise, from 1.
    """

    path: str
    code: str
    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """Return the problem as one line for people."""
        place = self.path or "document"
        if self.line is not None:
            place += f" (line {self.line}, column {self.column})"
        return f"{place}: {self.message}"


class ModelError(ValueError):
    """A document is not a model; `problems` says everything that is wrong with it."""

    code: Final = "invalid_model"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        heading = "model document: 1 problem" if count == 1 else f"model document: {count} problems"
        super().__init__("\n".join([heading, *map(str, self.problems)]))

    def __reduce__(self) -> tuple[type["ModelError"], tuple[tuple[Problem, ...]]]:
        """Pickle by the problems, so that the error crosses process borders."""
        return (type(self), (self.problems,))


@dataclass(slots=True)
class Problems:
    """The problems found so far, at most `PROBLEMS_MAX` of them."""

    found: list[Problem] = field(default_factory=list)

    def add(self, problem: Problem) -> None:
        """Take *problem* in, unless there are enough already."""
        if len(self.found) < PROBLEMS_MAX:
            self.found.append(problem)

    def note(self, path: str, code: str, message: str) -> None:
        """Take in a problem without a line."""
        self.add(Problem(path, code, message))

    def raise_if_any(self) -> None:
        """Raise `ModelError` with all problems, if there are any."""
        if self.found:
            raise ModelError(self.found)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean …?)` where a known name resembles *name*, else an empty text."""
    close = get_close_matches(name[:_SHOWN_LENGTH_MAX], list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


def shown(value: object) -> str:
    """Return *value* as it is shown in a message: quoted, and never long."""
    match value:
        case None:
            return "nothing"
        case dict():
            return f"a mapping of {len(value)}"
        case list():
            return f"a list of {len(value)}"
        case str() if len(value) > _SHOWN_LENGTH_MAX:
            return f"{value[:_SHOWN_LENGTH_MAX]!r}…"
    return repr(value)


def listed(names: Iterable[str], *, limit: int = 12) -> str:
    """Return *names* as people list them, the first *limit* of them."""
    everything = list(names)
    text = ", ".join(everything[:limit])
    return f"{text}, …" if len(everything) > limit else text or "none"
