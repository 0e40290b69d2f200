"""Commands and the audit log: whose log tells of a change that was made by the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from service.cli import app
from service.cli.edge import TENANT
from tests.cli.calling import answer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a data folder with the tenant acme in its database."""
    here = tmp_path / "here"
    answer("tenants", "create", "acme", "--name", "Acme Inc.", STAGEFOLD_DATA_DIR=str(here))
    return here


def log_of(folder: Path, tenant: str) -> list[dict[str, Any]]:
    """Return what the audit log of a tenant tells, the newest first."""
    log: list[dict[str, Any]] = answer(
        "audit-log", "--tenant", tenant, STAGEFOLD_DATA_DIR=str(folder)
    )["data"]
    return log


def test_what_is_done_for_a_tenant_stands_in_that_tenants_own_log(folder: Path) -> None:
    """Who answers for the tenant sees it, and an erasure there forgets the names in it."""
    chosen = ("--tenant", "acme")
    made = answer("keys", "create", "--name", "x", *chosen, STAGEFOLD_DATA_DIR=str(folder))
    answer("keys", "revoke", made["id"], *chosen, STAGEFOLD_DATA_DIR=str(folder))

    revoked, created = log_of(folder, "acme")

    assert revoked["actor"].startswith("cli:")
    assert revoked["before"] == created["after"]
    assert len(log_of(folder, "default")) == 1  # the tenant was made


def test_what_is_done_for_no_tenant_by_name_stands_in_the_operators_log(folder: Path) -> None:
    answer("keys", "create", "--name", "x", STAGEFOLD_DATA_DIR=str(folder))

    assert len(log_of(folder, "default")) == 2
    assert log_of(folder, "acme") == []


def test_every_command_with_a_tenant_names_it_alike() -> None:
    """The log is chosen by that name, so a command that named it otherwise would be lost there."""
    named = {
        each.name
        for command in _leaves(typer.main.get_command(app))
        for each in command.params
        if "--tenant" in each.opts
    }

    assert named == {TENANT}


def _leaves(command: Any) -> Iterator[Any]:  # noqa: ANN401 -- of the library that Typer brings along
    children = getattr(command, "commands", {})
    if not children:
        yield command
    for child in children.values():
        yield from _leaves(child)
