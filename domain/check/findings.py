"""What a look at a whole model finds: errors, which keep it from being published, and warnings."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from domain.document.problems import Problem

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found in a model.

    Attributes:
        path: Where, such as `transitions[3].when`.
        code: Stable name of the kind of finding, such as `timeless_loop`.
        line: Line within the expression, from 1, where the finding is about a part of one.
        column: Likewise.
    """

    severity: Severity
    path: str
    code: str
    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """Return the finding as one line for people."""
        place = self.path or "document"
        if self.line is not None:
            place += f" (line {self.line}, column {self.column})"
        return f"{self.severity}: {place}: {self.message}"


def error(path: str, code: str, message: str) -> Finding:
    """Return a finding that keeps the model from being published."""
    return Finding("error", path, code, message)


def warning(path: str, code: str, message: str) -> Finding:
    """Return a finding that somebody should know about."""
    return Finding("warning", path, code, message)


def of_problem(problem: Problem) -> Finding:
    """Return the finding that a *problem* of the document is."""
    place = (problem.line, problem.column)
    return Finding("error", problem.path, problem.code, problem.message, *place)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return *findings* with the errors first, otherwise as they were found."""
    return tuple(sorted(findings, key=lambda finding: finding.severity))
