"""Short words for tests of the check: documents to look at, and what is found in them."""

from collections.abc import Mapping
from itertools import pairwise

from domain.check import Finding, check_document

Found = tuple[str, str, str]


def found_in(document: object) -> list[Found]:
    """Return severity, path and code of everything found in *document*."""
    _, findings = check_document(document)
    return [(finding.severity, finding.path, finding.code) for finding in findings]


def of_code(document: object, code: str) -> list[Finding]:
    """Return the findings of one *code* in *document*."""
    _, findings = check_document(document)
    return [finding for finding in findings if finding.code == code]


def journey(*rules: Mapping[str, object], **changes: object) -> dict[str, object]:
    """Return a document of stages a, b and c that events lead round, with *rules* first."""
    ways = [
        {"id": f"{source}-{target}", "from": source, "to": target, "on": target}
        for source, target in pairwise("abca")
    ]
    numbered = [{"id": f"r{index}", **rule} for index, rule in enumerate(rules)]
    return {
        "model": "m",
        "signals": {
            "n": {"count": "x", "within": "30d"},
            "total": {"sum": "properties.v", "on": "x"},
            "first": {"first": "x"},
            "last": {"last": "x"},
            "here": {"count": "x", "scope": "stage"},
        },
        "stages": [{"id": "a"}, {"id": "b"}, {"id": "c"}],
        "transitions": [*numbered, *ways],
        **changes,
    }


def way(source: str, target: str, when: str | None = None, **keys: object) -> dict[str, object]:
    """Return a rule without its id."""
    condition = {} if when is None else {"when": when}
    return {"from": source, "to": target, **condition, **keys}
