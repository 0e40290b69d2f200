"""Judging a whole model before it is published: everything that is wrong, and what looks it."""

from itertools import chain, islice
from typing import Final

from domain.check.conditions import check_conditions
from domain.check.findings import Finding, Severity, in_order, of_problem
from domain.check.proofs import proofs_of
from domain.check.rules import check_rules
from domain.check.structure import check_structure
from domain.document import ModelError, parse_model
from domain.model import Model

__all__ = ["FINDINGS_MAX", "Finding", "Severity", "check_document", "check_model"]


FINDINGS_MAX: Final = 500
"""Findings that each of the three looks at a model reports; nobody reads more."""


def check_model(model: Model) -> tuple[Finding, ...]:
    """Return everything found in *model*, errors first; one with errors cannot be compiled."""
    proofs = proofs_of(model)
    looks = (check_conditions, check_structure, check_rules)
    found = (islice(look(model, proofs), FINDINGS_MAX) for look in looks)
    return in_order(chain.from_iterable(found))


def check_document(document: object) -> tuple[Model | None, tuple[Finding, ...]]:
    """Return the model that *document* describes, and everything found in either.

    The model is None where the document is not one; its problems are then the findings.
    """
    try:
        model = parse_model(document)
    except ModelError as error:
        return None, tuple(of_problem(problem) for problem in error.problems)
    return model, check_model(model)
