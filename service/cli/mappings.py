"""What the columns of a file mean, said on the command line: a mapping file, options, or both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.exits import CommandError

if TYPE_CHECKING:
    from domain.document import Problem
    from service.imports.plan import Plan


def kind_of(text: str | None) -> object:
    """Return the event type, or the column that has it, of `column:name`."""
    if text is not None and text.startswith("column:"):
        return {"column": text.removeprefix("column:")}
    return text


def property_of(text: str) -> tuple[str, object]:
    """Return name and column of `name=column` or `name=column:type`."""
    from service.imports.plan import VALUE_TYPES

    name, mark, column = text.partition("=")
    if not (name and mark and column):
        message = f"--property: expected name=column or name=column:type, found {text}"
        raise CommandError(message, code="bad_property")
    head, mark, kind = column.rpartition(":")
    return name, {"column": head, "type": kind} if mark and kind in VALUE_TYPES else column


def document_of(file: Path, mapping: Path | None, options: dict[str, object]) -> dict[str, object]:
    """Return what the columns of *file* mean: the mapping, options having the last word."""
    from domain.document import ModelError
    from service.modelling.model_files import read_model_text

    try:
        document = read_model_text(mapping.read_bytes(), mapping.suffix) if mapping else {}
    except ModelError as error:
        raise bad_plan(file, tuple(map(_of_mapping, error.problems))) from None
    for name, value in options.items():
        former = document.get(name)
        if isinstance(value, dict) and isinstance(former, dict):
            document[name] = {**former, **value}
        elif value:
            document[name] = value
    return document


def plan_of(file: Path, document: dict[str, object], *, is_read_here: bool) -> Plan:
    """Return the plan that *document* describes.

    Raises:
        CommandError: It is not clear, or *is_read_here* and nothing here reads that format.
    """
    from service.imports.parquet import check_readable
    from service.imports.plan import PlanError, read_plan

    try:
        plan = read_plan(document, name=file.name)
        if is_read_here:
            check_readable(plan)
    except PlanError as error:
        raise bad_plan(file, error.problems) from None
    return plan


def _of_mapping(problem: Problem) -> str:
    """Return what is wrong with a mapping file; its reader speaks of models elsewhere."""
    if problem.code == "not_a_mapping":
        return "expected `customer_id: name of a column` and more at the top of the file"
    return str(problem)


def bad_plan(file: Path, problems: tuple[str, ...]) -> CommandError:
    """Return the error that names everything that is wrong with a mapping."""
    return CommandError(
        f"how to read {file.name} is not clear",
        code="bad_mapping",
        cure="docs/imports.md shows mappings; options of stagefold import --help do the same",
        details=problems,
    )
