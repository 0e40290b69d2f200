"""An import by the id of an API key has the rights of that key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cli.calling import answer
from tests.cli.test_with_a_store import COLUMNS, ORDERS


def answer_in(folder: Path, *arguments: str | Path, status: int = 0) -> Any:  # noqa: ANN401 -- JSON
    """Return what the command prints over the database in *folder*."""
    return answer(*arguments, status=status, STAGEFOLD_DATA_DIR=str(folder / "installation"))


def test_an_import_by_a_key_has_its_tenant_source_and_event_types(tmp_path: Path) -> None:
    orders = tmp_path / "by_key.csv"
    orders.write_text(ORDERS)
    terms = ("--source", "till", "--event-type", "order_*", "--tenant", "firm")
    answer_in(tmp_path, "tenants", "create", "firm")
    made = ("keys", "create", "--name", "till", "--scope", "events:import", *terms)
    key = answer_in(tmp_path, *made)["id"]

    found = answer_in(tmp_path, "import", orders, *COLUMNS, "--key", key)
    other = answer_in(
        tmp_path, "import", orders, *COLUMNS, "--key", key, "--type", "visit", status=1
    )

    seen = answer_in(tmp_path, "event-types", "--tenant", "firm")["data"]
    assert found["accepted"] == 3
    assert other["reasons"] == {"type_not_allowed": 3}
    assert [(each["type"], each["count"]) for each in seen] == [("order_completed", 3)]


def test_an_import_by_a_key_that_may_not_import_is_refused(tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text(ORDERS)
    key = answer_in(tmp_path, "keys", "create", "--name", "web", "--scope", "events:write")["id"]

    refused = answer_in(tmp_path, "import", orders, *COLUMNS, "--key", key, status=2)
    unknown = answer_in(tmp_path, "import", orders, *COLUMNS, "--key", "nobody00", status=4)

    assert refused["error"]["code"] == "scope_missing"
    assert unknown["error"]["code"] == "api_key_not_found"
