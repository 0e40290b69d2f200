"""Judging a whole model before it is published: everything that is wrong, and what looks it."""

from domain.check.conditions import check_conditions
from domain.check.findings import Finding, Severity, in_order, of_problem
from domain.check.proofs import proofs_of
from domain.check.rules import check_rules
from domain.check.structure import check_structure
from domain.document import ModelError, parse_model
from domain.model import Model

__all__ = ["Finding", "Severity", "check_document", "check_model"]


def check_model(model: Model) -> tuple[Finding, ...]:
    """Return everything found in *model*, errors first; one with errors cannot be compiled."""
    proofs = proofs_of(model)
    findings = [
        *check_conditions(model, proofs),
        *check_structure(model, proofs),
        *check_rules(model, proofs),
    ]
    return in_order(findings)


def check_document(document: object) -> tuple[Model | None, tuple[Finding, ...]]:
    """Return the model that *document* describes, and everything found in either.

    The model is None where the document is not one; its problems are then the findings.
    """
    try:
        model = parse_model(document)
    except ModelError as error:
        return None, tuple(of_problem(problem) for problem in error.problems)
    return model, check_model(model)
