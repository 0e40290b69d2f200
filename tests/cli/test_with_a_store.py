"""Commands over a database: what they say, to people and, in documented shapes, to programs."""

from __future__ import annotations

import gzip
import json
import sqlite3
import stat
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import call

ORDERS = "no,buyer,day,total\n1,ann,2025-01-10,40\n2,bob,2025-01-15,25.50\n3,ann,2025-02-01,12\n"
COLUMNS = (
    *("--source", "shop", "--type", "order_completed", "--customer-id", "buyer", "--id", "no"),
    *("--occurred-at", "day", "--time-format", "%Y-%m-%d", "-p", "amount=total:number"),
)
AS_OF = ("--as-of", "2025-02-10")


class Installation:
    """A folder with a database in it, and the program that looks after it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "installation"
        self.files = folder

    def call(self, *arguments: str | Path, status: int = 0) -> tuple[str, str]:
        """Return what the program says on standard output and on standard error."""
        settings = {"STAGEFOLD_DATA_DIR": str(self.folder), "STAGEFOLD_MODELS": "cpm-10,health"}
        done = call(*arguments, **settings, LC_ALL="C")
        assert done.exit_code == status, f"{arguments}\n{done.output}"
        assert "Traceback" not in done.stderr
        return done.stdout, done.stderr

    def answer(self, *arguments: str | Path, status: int = 0) -> Any:  # noqa: ANN401 -- JSON
        """Return the JSON document that the program prints."""
        return json.loads(self.call(*arguments, "--json", status=status)[0])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Return an installation with three orders in it."""
    shop = Installation(tmp_path_factory.mktemp("shop"))
    orders = shop.files / "orders.csv"
    orders.write_text(ORDERS)
    shop.call("import", orders, *COLUMNS)
    return shop


def shape(members: Mapping[str, object]) -> list[str]:
    """Return the names of *members*."""
    return list(members)


def test_an_import_tells_what_became_of_every_line(shop: Installation) -> None:
    orders = shop.files / "more.csv"
    orders.write_text(ORDERS + "4,cy,soon,1\n")

    found = shop.answer("import", orders, *COLUMNS, status=1)

    seconds, rate = found.pop("seconds"), found.pop("events_per_second")
    assert found == {
        "file": str(orders),
        "lines": 5,
        "accepted": 0,
        "duplicate": 3,
        "rejected": 1,
        "reasons": {"bad_cell": 1},
        "warned": 0,
        "rejected_file": f"{orders}.rejected.ndjson",
        "position": 3,
        "resumed_at_line": 0,
    }
    assert isinstance(seconds, float)
    assert isinstance(rate, float)


def test_an_import_in_words_names_reasons_and_the_file_to_look_into(shop: Installation) -> None:
    orders = shop.files / "bad.csv"
    orders.write_text("no,buyer,day,total\n9,cy,soon,1\n")

    out, _ = shop.call("import", orders, *COLUMNS, status=1)

    assert "bad.csv: 0 accepted, 0 duplicate, 1 rejected" in out
    assert "1 x bad_cell" in out
    assert "bad.csv.rejected.ndjson" in out


def test_a_mapping_that_cannot_be_used_is_told_in_full(shop: Installation) -> None:
    mapping = shop.files / "mapping.yaml"
    mapping.write_text("formt: csv\ncustomer_id: buyer\n")

    error = shop.answer("import", shop.files / "orders.csv", "-m", mapping, status=2)["error"]

    assert error["code"] == "bad_mapping"
    assert [each.partition(":")[0] for each in error["details"]] == ["formt", "type", "occurred_at"]


@pytest.mark.parametrize(
    ("text", "detail"),
    [("customer_id: [", "line 1"), ("- customer_id", "expected `customer_id: name of a column`")],
    ids=["no YAML", "a list"],
)
def test_a_mapping_that_is_none_says_where(shop: Installation, text: str, detail: str) -> None:
    mapping = shop.files / "broken.yaml"
    mapping.write_text(text)

    error = shop.answer("import", shop.files / "orders.csv", "-m", mapping, status=2)["error"]

    assert detail in error["details"][0]


def test_a_column_that_the_file_lacks_is_named_with_those_it_has(shop: Installation) -> None:
    _, err = shop.call(
        "import", shop.files / "orders.csv", *COLUMNS, "--account-id", "firm", status=2
    )

    assert "column 'firm': expected one of no, buyer, day, total" in err


def test_a_packed_file_that_breaks_off_is_told(shop: Installation) -> None:
    file = shop.files / "events.ndjson.gz"
    file.write_bytes(gzip.compress(b'{"type":"visit","customer_id":"dee"}\n' * 9_000)[:-40])

    error = shop.answer("import", file, status=1)["error"]

    assert error["code"] == "unreadable_file"
    assert "get a whole copy" in error["cure"]


def test_a_customer_is_shown_as_the_api_shows_them(shop: Installation) -> None:
    found = shop.answer("customer", "show", "ann", *AS_OF)

    assert shape(found) == [
        *("id", "aliases", "first_seen_at", "last_event_at", "events", "traits", "stages"),
    ]
    stages = {stage["model"]: stage for stage in found["stages"]}
    assert set(stages) >= {"cpm-10", "health"}
    assert stages["cpm-10"]["stage"] == "toddler_active"
    assert stages["cpm-10"]["next"] == {
        "stage": "toddler_left",
        "at": "2025-09-29T00:00:00Z",
        "rule": "toddler-left",
    }


def test_one_model_can_be_asked_for(shop: Installation) -> None:
    found = shop.answer("customer", "show", "ann", "--model", "health")

    assert [stage["model"] for stage in found["stages"]] == ["health"]
    shop.call("customer", "show", "ann", "--model", "helth", status=4)


def test_why_names_rule_evidence_event_and_what_comes_next(shop: Installation) -> None:
    out, _ = shop.call("customer", "why", "ann", *AS_OF, "--model", "cpm-10")

    assert "Toddling active customer (toddler_active)" in out
    assert "Rule toddler" in out
    assert "order_completed 3" in out
    assert "signals.orders = 2" in out
    assert (
        "Toddling customer who left (toddler_left) on 29 Sep 2025 00:00, if nothing happens" in out
    )


def test_why_speaks_japanese(shop: Installation) -> None:
    out, _ = shop.call("customer", "why", "ann", *AS_OF, "--language", "ja")

    assert "よちよち現役客 (toddler_active)" in out
    assert "何も起こらなければ 2025年9月29日 00:00 によちよち離脱客" in out


def test_why_can_tell_every_rule_clause_by_clause(shop: Installation) -> None:
    out, _ = shop.call("customer", "why", "ann", *AS_OF, "--model", "cpm-10", "--rules")

    assert "toddler-left → toddler_left: not met · due 29 Sep 2025 00:00" in out
    assert "signals.orders == 1 = false  (signals.orders = 2)" in out


def test_why_in_json_adds_the_rules(shop: Installation) -> None:
    found = shop.answer("customer", "why", "ann", *AS_OF)

    assert found["as_of"] == "2025-02-10T00:00:00Z"
    rule = next(each for each in found["rules"]["cpm-10"] if each["rule"] == "toddler-left")
    assert shape(rule) == [
        *("rule", "to", "kind", "on", "matched", "clauses", "due_at", "holds_since", "changes_at"),
    ]


def test_a_customer_whom_nobody_named_ends_with_four(shop: Installation) -> None:
    error = shop.answer("customer", "show", "ANN", status=4)["error"]

    assert shape(error) == ["code", "message", "cure", "details"]
    assert error["code"] == "customer_not_found"
    assert "upper and lower case" in error["cure"]


def test_a_time_that_is_none_ends_with_two(shop: Installation) -> None:
    _, err = shop.call("customer", "show", "ann", "--as-of", "yesterday", status=2)

    assert "--as-of" in err
    assert "yesterday" in err


def test_a_published_model_takes_the_past_in(shop: Installation) -> None:
    model = shop.files / "shop.yaml"
    model.write_text(
        "model: shop\nsubject: customer\ninitial: new\nsignals: {n: {count: order_completed}}\n"
        "stages: [{id: new}, {id: loyal, kind: final}]\n"
        "transitions: [{id: again, from: new, to: loyal, when: signals.n >= 2}]\n"
    )

    found = shop.answer("model", "publish", model)

    assert shape(found)[:3] == ["model", "version", "hash"]
    assert (found["state"], found["created_by"]) == ("active", "command-line")
    assert (found["version"], found["active"]) == (1, True)
    shown = shop.answer("customer", "show", "ann", "--model", "shop")
    assert shown["stages"][0]["stage"] == "loyal"
    assert shop.answer("model", "publish", model)["version"] == 1
    active = shop.answer("model", "list", "--active")["data"]
    assert {each["model"]: each["version"] for each in active} == {
        "cpm-10": 1,
        "health": 1,
        "shop": 1,
    }


def test_a_broken_model_is_not_published(shop: Installation) -> None:
    model = shop.files / "broken.yaml"
    model.write_text("model: shop\nstages: []\n")

    error = shop.answer("model", "publish", model, status=1)["error"]

    assert error["code"] == "model_invalid"
    assert error["details"]


def test_a_key_is_shown_once_and_can_be_taken_back(shop: Installation) -> None:
    made = shop.answer("keys", "create", "--name", "shop", "--scope", "events:write")

    assert made["key"].startswith(f"sfk_{made['id']}_")
    assert made["scopes"] == ["events:write"]
    listed = shop.answer("keys", "list")["data"]
    assert made["id"] in {each["id"] for each in listed}
    assert made["key"] not in json.dumps(listed)
    assert shop.answer("keys", "revoke", made["id"])["revoked_at"] is not None
    assert f"revoked {made['created_at'][:10]}" in shop.call("keys", "list")[0]


def test_a_key_is_rotated_and_held_to_what_it_was_told(shop: Installation) -> None:
    terms = ("--event-type", "order.*", "--network", "10.0.0.0/8", "--events-per-second", "5")
    made = shop.answer("keys", "create", "--name", "till", *terms)

    rotated = shop.answer("keys", "rotate", made["id"], "--overlap", "1h")

    assert rotated["id"] == made["id"]
    assert rotated["key"] != made["key"]
    assert (rotated["event_types"], rotated["events_per_second"]) == (["order.*"], 5)
    assert rotated["overlap_until"] is not None


def test_a_tenant_is_made_and_has_keys_of_its_own(shop: Installation) -> None:
    made = shop.answer("tenants", "create", "acme", "--name", "Acme Inc.")
    shop.answer("keys", "create", "--name", "till", "--tenant", "acme")

    listed = shop.answer("keys", "list", "--tenant", "acme")["data"]

    assert [each["name"] for each in listed] == ["first", "till"]
    assert made["admin_key"]["key"].startswith("sfk_")
    tenants = shop.answer("tenants", "list")["data"]
    assert [each["id"] for each in tenants] == ["default", "acme"]
    missing = shop.answer("keys", "create", "--name", "x", "--tenant", "nobody", status=4)
    assert missing["error"]["code"] == "tenant_not_found"


def test_commands_are_noted_too(shop: Installation) -> None:
    made = shop.answer("keys", "create", "--name", "till")
    shop.answer("keys", "revoke", made["id"])
    shop.answer("keys", "list")

    revoked, created = shop.answer("audit-log")["data"][:2]

    assert revoked["actor"].startswith("cli:")
    assert revoked["before"] == created["after"]
    assert "REVOKE" not in shop.call("audit-log", "--since", "2000-01-01")[0].upper().split("\n")[0]


def test_only_the_key_itself_stands_on_standard_output(shop: Installation) -> None:
    out, err = shop.call("keys", "create", "--name", "till")

    assert len(out.split()) == 1
    assert out.strip() not in err


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("keys", "revoke", "zzzzzzzz"), 4),
        (("keys", "create", "--name", "x", "--scope", "events:read"), 2),
        (("keys", "create", "--name", "x", "--expires-at", "soon"), 2),
    ],
    ids=["a key that is not there", "a scope that is none", "a time that is none"],
)
def test_keys_are_asked_for_rightly(
    shop: Installation, words: tuple[str, ...], status: int
) -> None:
    shop.call(*words, status=status)


def test_the_doctor_finds_a_sound_installation_sound(shop: Installation) -> None:
    found = shop.answer("doctor", "--thorough")

    assert shape(found) == ["ok", "checks"]
    assert found["ok"]
    assert {shape(each)[0] for each in found["checks"]} == {"name"}
    assert {"runtime", "settings", "disk", "key", "store", "projection", "sweeper", "data"} <= {
        each["name"] for each in found["checks"]
    }


def test_the_doctor_finds_an_open_key_and_tells_the_cure(shop: Installation) -> None:
    key = shop.folder / "api-key"
    mode = stat.S_IMODE(key.stat().st_mode)
    key.chmod(0o644)

    out, _ = shop.call("doctor", status=1)

    key.chmod(mode)
    assert f"cure: chmod 600 {key}" in out
    assert "1 error\n" in out


def test_the_doctor_finds_what_is_broken_in_the_data(tmp_path: Path) -> None:
    shop = Installation(tmp_path)
    orders = shop.files / "orders.csv"
    orders.write_text(ORDERS)
    shop.call("import", orders, *COLUMNS)
    with closing(sqlite3.connect(shop.folder / "stagefold.db")) as database:
        database.execute("DROP TRIGGER IF EXISTS events_no_delete")
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute("DELETE FROM events WHERE position = 2")
        database.commit()

    found = shop.answer("doctor", "--thorough", status=1)

    assert any(each["severity"] == "error" for each in found["checks"])


def test_migrating_says_where_the_schema_is(tmp_path: Path) -> None:
    shop = Installation(tmp_path)

    made = shop.answer("migrate")

    assert shape(made) == ["database", "revision"]
    assert made == shop.answer("migrate")
    assert (shop.folder / "stagefold.db").exists()


def test_a_database_that_is_none_ends_with_three(tmp_path: Path) -> None:
    shop = Installation(tmp_path)
    shop.folder.mkdir()
    (shop.folder / "stagefold.db").write_bytes(b"this is no database\n" * 100)

    _, err = shop.call("keys", "list", status=3)

    assert "doctor" in err
