"""What can go wrong with a condition.

ConditionError
├── CelSyntaxError   the text is not a condition
├── CelCheckError    it is one, but cannot mean anything in this environment
└── CelError         it means something, but not for these values
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

FindingCode = Literal[
    "unknown_name",
    "unknown_function",
    "type_mismatch",
    "wrong_arity",
    "invalid_constant",
]


def line_and_column(source: str, offset: int) -> tuple[int, int]:
    """Return where in *source* the character *offset* stands: line and column, both from 1."""
    before = source[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


class ConditionError(Exception):
    """A condition that cannot be read, checked or evaluated."""

    code: ClassVar[str] = "condition"


class CelSyntaxError(ConditionError):
    """The text is not a condition of the language, or exceeds one of its bounds."""

    code: ClassVar[str] = "syntax"

    def __init__(self, message: str, line: int, column: int) -> None:
        """Point at *line* and *column*, both from 1."""
        super().__init__(f"line {line}, column {column}: {message}")
        self.message = message
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason why a condition cannot be compiled, and where: line and column from 1."""

    code: FindingCode
    message: str
    line: int
    column: int


class CelCheckError(ConditionError):
    """The names or types of a condition do not fit its environment; carries every finding."""

    code: ClassVar[str] = "check"

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        """Carry *findings*, in source order."""
        super().__init__(
            "; ".join(f"line {one.line}, column {one.column}: {one.message}" for one in findings)
        )
        self.findings = findings


class CelError(ConditionError):
    """A condition has no value for the values at hand; it then counts as not matched."""

    code: ClassVar[str] = "evaluation"
