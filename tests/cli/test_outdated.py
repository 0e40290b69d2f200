"""What another engine folded is not folded on, and how that is cured."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from service.cli.exits import Exit
from tests.cli.calling import call

MODELS = Path(__file__).parents[2] / "domain" / "models"
LINE = (
    '{"id": "1", "type": "order_completed", "customer_id": "ann",'
    ' "occurred_at": "2026-01-01T00:00:00Z"}'
)


def test_what_another_engine_folded_is_folded_anew_before_anything_else(tmp_path: Path) -> None:
    environ = {"STAGEFOLD_DATA_DIR": str(tmp_path), "STAGEFOLD_MODELS": "health,growth"}
    (tmp_path / "events.ndjson").write_text(LINE)
    call("import", str(tmp_path / "events.ndjson"), **environ)
    with closing(sqlite3.connect(tmp_path / "stagefold.db")) as connection, connection:
        connection.execute("UPDATE generations SET engine = 99 WHERE model = 'health'")

    refused = call("customer", "show", "ann", **environ)
    cured = call("rebuild", "outdated", **environ)
    answered = call("customer", "show", "ann", **environ)

    assert refused.exit_code == Exit.UNAVAILABLE
    assert "stagefold rebuild outdated" in refused.output
    assert "health version 1: active" in cured.output
    assert answered.exit_code == 0


def test_every_tenants_models_are_told_at_their_end(tmp_path: Path) -> None:
    """A ready-made model is not begun a second time because its old stages are gone."""
    environ = {"STAGEFOLD_DATA_DIR": str(tmp_path), "STAGEFOLD_MODELS": "health,growth"}
    (tmp_path / "events.ndjson").write_text(LINE)
    call("import", str(tmp_path / "events.ndjson"), **environ)
    call("tenants", "create", "acme", **environ)
    call("model", "publish", str(MODELS / "six-stage.yaml"), "--tenant", "acme", **environ)
    with closing(sqlite3.connect(tmp_path / "stagefold.db")) as connection, connection:
        connection.execute("UPDATE generations SET engine = 99")

    cured = json.loads(call("rebuild", "outdated", "--json", **environ).stdout)["data"]

    assert [(each["tenant"], each["model"], each["status"]) for each in cured] == [
        ("default", "health", "active"),
        ("default", "growth", "active"),
        ("acme", "six-stage", "active"),
    ]
