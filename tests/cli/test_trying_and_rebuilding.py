"""Models tried, activated and rolled back, and rebuilds watched, from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.cli.progress import Meter, Pace
from tests.cli.calling import call

SHOP = """\
model: shop
initial: visitor
signals: {orders: {count: ordered}}
stages: [{id: visitor}, {id: buyer}, {id: loyal}]
transitions:
  - {id: first, from: visitor, to: buyer, on: ordered}
  - {id: often, from: buyer, to: loyal, when: signals.orders >= 3}
"""
EAGER = SHOP.replace(">= 3", ">= 2")


class Shop:
    """A folder with a database in it: customer n has ordered n times."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file("shop.yaml", SHOP)
        self.file("eager.yaml", EAGER)
        lines = [
            {"id": f"o{n}-{m}", "type": "ordered", "customer_id": f"c{n}"}
            | {"occurred_at": f"2026-01-0{m + 1}T00:00:00Z"}
            for n in range(1, 5)
            for m in range(n)
        ]
        orders = self.file("orders.ndjson", "\n".join(map(json.dumps, lines)))
        self.call("import", orders)
        self.call("model", "publish", folder / "shop.yaml")

    def file(self, name: str, text: str) -> Path:
        """Return a file of that name that holds *text*."""
        path = self.folder / name
        path.write_text(text)
        return path

    def call(self, *arguments: str | Path, status: int = 0) -> str:
        """Return what the program says on standard output."""
        settings = {"STAGEFOLD_DATA_DIR": str(self.folder / "data"), "STAGEFOLD_MODELS": "none"}
        done = call(*arguments, **settings, LC_ALL="C")
        assert done.exit_code == status, f"{arguments}\n{done.output}"
        return done.stdout

    def answer(self, *arguments: str | Path, status: int = 0) -> Any:  # noqa: ANN401 -- JSON
        """Return the JSON document that the program prints."""
        return json.loads(self.call(*arguments, "--json", status=status))

    def stage(self, customer: str) -> str:
        """Return where *customer* stands."""
        found: str = self.answer("customer", "show", customer)["stages"][0]["stage"]
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Return an installation with ten orders and one model."""
    return Shop(tmp_path)


def test_a_document_is_tried_and_nothing_is_stored(shop: Shop) -> None:
    found = shop.answer("model", "backtest", shop.folder / "eager.yaml", "--changes", "9")

    assert (found["status"], found["done"], found["against_version"]) == ("done", 10, 1)
    assert {"from": "buyer", "to": "loyal", "count": 1} in found["result"]["matrix"]
    assert [each["customer_id"] for each in found["changes"]] == ["c2"]
    assert shop.answer("model", "list", "--active")["data"][0]["version"] == 1
    assert shop.stage("c2") == "buyer"


def test_a_trial_in_words_shows_the_matrix(shop: Shop) -> None:
    told = shop.call("model", "backtest", shop.folder / "eager.yaml", "--changes", "9")

    assert told.splitlines() == [
        "shop against version 1: 4 customers, 1 would change",
        "OLD STAGE  NEW STAGE  COUNT",
        "buyer      buyer      1",
        "buyer      loyal      1",
        "loyal      loyal      2",
        "ID  OLD STAGE  BY     NEW STAGE  BY",
        "c2  buyer      first  loyal      often",
    ]


@pytest.mark.parametrize(
    ("options", "code"), [(("--sample", "0"), "bad_sample"), (("--as-of", "soon"), "bad_instant")]
)
def test_a_trial_is_asked_for_rightly(shop: Shop, options: tuple[str, ...], code: str) -> None:
    error = shop.answer("model", "backtest", shop.folder / "eager.yaml", *options, status=2)[
        "error"
    ]

    assert error["code"] == code


def test_a_version_is_activated_and_rolled_back(shop: Shop) -> None:
    shop.call("model", "publish", shop.folder / "eager.yaml")
    eager = shop.stage("c2")

    back = shop.answer("model", "rollback", "shop")
    rolled = shop.stage("c2")
    forth = shop.call("model", "activate", "shop", "2")

    assert (eager, rolled, shop.stage("c2")) == ("loyal", "buyer", "loyal")
    assert (back["status"], back["model_version"], back["done"]) == ("active", 1, 10)
    assert forth == "shop version 2 is active; 10 events folded\n"


def test_what_cannot_be_rolled_back_or_found_says_so(shop: Shop) -> None:
    refused = shop.answer("model", "rollback", "shop", status=1)["error"]
    no_model = shop.answer("model", "activate", "none", "1", status=4)["error"]
    no_version = shop.answer("model", "activate", "shop", "9", status=4)["error"]

    assert refused["code"] == "rollback_refused"
    assert {no_model["code"], no_version["code"]} == {"model_not_found"}


def test_a_rebuild_is_run_to_its_end_and_listed(shop: Shop) -> None:
    made = shop.answer("rebuild", "start", "shop")

    listed = shop.answer("rebuild", "status")["data"]
    one = shop.answer("rebuild", "status", made["id"])
    words = shop.call("rebuild", "status", made["id"]).splitlines()
    assert (made["status"], made["done"], made["seconds_left"]) == ("active", 10, 0)
    assert [each["status"] for each in listed] == ["active", "retired"]
    assert one == made == listed[0]
    assert words[0].split("  ")[0] == "ID"
    assert words[1].split()[:6] == [made["id"], "shop", "1", "active", "10", "10"]


def test_a_rebuild_is_looked_at_and_then_put_to_use(shop: Shop) -> None:
    shop.call("model", "put", shop.folder / "eager.yaml")
    began = shop.call("rebuild", "start", "shop", "--version", "2", "--no-activate").splitlines()
    number = began[1].rsplit(" ", 1)[1]

    diff = shop.answer("rebuild", "diff", number)
    words = shop.call("rebuild", "diff", number).splitlines()
    before = shop.stage("c2")
    told = shop.call("rebuild", "activate", number)

    assert began[0] == "shop version 2 is ready; 10 events folded"
    assert diff["changed"] == sum(
        cell["count"] for cell in diff["matrix"] if cell["from"] != cell["to"]
    )
    assert words[0].split() == ["BEFORE", "AFTER", "HOW", "MANY"]
    assert told == f"rebuild {number} of shop is active\n"
    assert (before, shop.stage("c2")) == ("buyer", "loyal")


def test_a_rebuild_that_has_ended_cannot_be_cancelled(shop: Shop) -> None:
    ended = shop.answer("rebuild", "cancel", "1", status=1)["error"]
    missing = shop.answer("rebuild", "cancel", "99", status=4)["error"]
    unknown = shop.answer("rebuild", "status", "99", status=4)["error"]

    assert ended["code"] == "rebuild_ended"
    assert {missing["code"], unknown["code"]} == {"rebuild_not_found"}


def test_elsewhere_than_at_a_terminal_a_job_tells_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Meter() as meter:
        for seconds in (1.0, 6.0, 7.0):
            meter.show_job("rebuild 7 of shop", Pace(0.25, 1_000.0, seconds))

    told = capsys.readouterr().err
    assert told == "25%: rebuild 7 of shop; 1,000 events/s, about 18 s left\n"


def test_a_model_of_a_tenant_is_stored_rebuilt_and_rolled_back_apart(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.call("tenants", "create", "acme")
    for name in ("shop.yaml", "eager.yaml"):
        shop.call("model", "publish", tmp_path / name, "--tenant", "acme")

    rebuilt = shop.answer("rebuild", "start", "shop", "--tenant", "acme")
    back = shop.answer("model", "rollback", "shop", "--tenant", "acme")
    ours = shop.answer("model", "versions", "shop")["data"]
    theirs = shop.answer("model", "versions", "shop", "--tenant", "acme")["data"]

    assert (rebuilt["model_version"], back["model_version"]) == (2, 1)
    assert [each["version"] for each in ours] == [1]
    assert {each["version"]: each["state"] for each in theirs}[1] == "active"
    shop.call("rebuild", "status", rebuilt["id"], status=4)
    assert shop.answer("rebuild", "status", rebuilt["id"], "--tenant", "acme")["model"] == "shop"


def test_nothing_is_stored_for_a_tenant_that_does_not_exist(tmp_path: Path) -> None:
    shop = Shop(tmp_path)

    for command in ("publish", "put"):
        refused = shop.answer(
            "model", command, tmp_path / "shop.yaml", "--tenant", "nobody", status=4
        )
        assert refused["error"]["code"] == "tenant_not_found"
