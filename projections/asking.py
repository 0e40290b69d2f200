"""How pure code that needs stored rows asks for them: a script yields questions, its store answers.

The algorithms of append, sweep and rebuild are generators. They do no I/O: each `yield` names what
they need, whoever runs them looks it up and sends it back. So one text serves a dictionary, a
connection that blocks and one that is awaited.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from enum import Enum
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

Answer = TypeVar("Answer")
Result = TypeVar("Result")

Ref: TypeAlias = tuple[int, int]
"""Where a subject's rows are: its bucket and its number."""


class Everybody(Enum):
    """What stands in place of a tenant where rows of all of them are meant, or of none."""

    EVERYBODY = "everybody"


EVERYBODY: Final = Everybody.EVERYBODY
Whose: TypeAlias = str | Literal[Everybody.EVERYBODY]
"""On whose behalf rows are read: a tenant, or everybody; whoever reads has to say so."""


class Question(Generic[Answer]):
    """A lookup or a write that a script asks its store for; the parameter is the answer's type."""

    __slots__ = ()


class GiveTurn(Question[None]):
    """May others have a turn? Nothing is looked up; long computations ask it now and then."""

    __slots__ = ()


Script: TypeAlias = Generator[Question[Any], Any, Result]
"""An algorithm that asks; its return value is its outcome."""


def ask(question: Question[Answer]) -> Generator[Question[Answer], Answer, Answer]:
    """Return the answer to *question*; to be delegated to with `yield from`."""
    answer: Answer = yield question
    return answer


def run(script: Script[Result], answer: Callable[[Question[Any]], Any]) -> Result:
    """Return the outcome of *script*, each of its questions answered by *answer*."""
    try:
        question = next(script)
        while True:
            question = script.send(answer(question))
    except StopIteration as end:
        result: Result = end.value
        return result
