"""Erasing customers from the command line, and again after going back to a backup."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.calling import EVENTS, answer, call


def test_a_customer_is_erased_and_everything_else_still_verifies(folder: Path) -> None:
    answer("seal", STAGEFOLD_DATA_DIR=str(folder))

    erased = answer("customer", "erase", "c1", "--yes", STAGEFOLD_DATA_DIR=str(folder))

    assert (erased["mode"], erased["names"], erased["events"]) == ("anonymise", 1, 8)
    found = answer("verify", "--thorough", STAGEFOLD_DATA_DIR=str(folder))
    assert (found["ok"], found["projections"]["subjects"]) == (True, 5)
    shown = call("customer", "show", "c1", STAGEFOLD_DATA_DIR=str(folder))
    assert shown.exit_code == 4
    log = answer("audit-log", STAGEFOLD_DATA_DIR=str(folder))["data"]
    assert [one["target"] for one in log[:1]] == ["/v1/customers/{erased}"]
    assert "c1" not in str(log)


def test_a_program_must_say_yes(folder: Path) -> None:
    refused = answer("customer", "erase", "c1", STAGEFOLD_DATA_DIR=str(folder), status=2)

    assert refused["error"]["code"] == "not_confirmed"
    assert call("customer", "show", "c1", STAGEFOLD_DATA_DIR=str(folder)).exit_code == 0


def test_nobody_of_that_name_is_told_so(folder: Path) -> None:
    refused = answer("customer", "erase", "c9", "--yes", STAGEFOLD_DATA_DIR=str(folder), status=4)

    assert refused["error"]["code"] == "customer_not_found"


@pytest.mark.parametrize("mode", ["anonymise", "purge"])
def test_a_copy_holds_an_erasure_and_is_whole(folder: Path, tmp_path: Path, mode: str) -> None:
    there, file = tmp_path / "there", tmp_path / "copy.gz"
    chosen = ("--mode", mode, "--yes")
    answer("customer", "erase", "c1", *chosen, STAGEFOLD_DATA_DIR=str(folder))
    answer("export", file, STAGEFOLD_DATA_DIR=str(folder))

    restored = answer("restore", file, STAGEFOLD_DATA_DIR=str(there))

    assert (restored["differences"], restored["faults"]) == (0, [])
    found = answer("verify", "--thorough", STAGEFOLD_DATA_DIR=str(there))
    assert (found["ok"], found["projections"]["subjects"]) == (True, 5 - (mode == "purge"))


def test_after_going_back_to_a_backup_the_same_people_are_erased_again(
    folder: Path, tmp_path: Path
) -> None:
    there, file, listed = tmp_path / "there", tmp_path / "copy.gz", tmp_path / "erasures.json"
    answer("export", file, STAGEFOLD_DATA_DIR=str(folder))
    answer("customer", "erase", "c1", "--yes", STAGEFOLD_DATA_DIR=str(folder))
    purge = ("--mode", "purge", "--yes")
    answer("customer", "erase", "c2", *purge, STAGEFOLD_DATA_DIR=str(folder))
    listed.write_text(json.dumps(answer("customer", "erasures", STAGEFOLD_DATA_DIR=str(folder))))
    answer("restore", file, STAGEFOLD_DATA_DIR=str(there))

    again = answer("customer", "erase-again", listed, STAGEFOLD_DATA_DIR=str(there))
    repeated = answer("customer", "erase-again", listed, STAGEFOLD_DATA_DIR=str(there))

    assert (again, repeated) == ({"listed": 2, "erased": 2}, {"listed": 2, "erased": 0})
    for customer, status in (("c1", 4), ("c2", 4), ("c3", 0)):
        shown = call("customer", "show", customer, STAGEFOLD_DATA_DIR=str(there))
        assert shown.exit_code == status
    assert answer("verify", "--thorough", STAGEFOLD_DATA_DIR=str(there))["ok"]


def test_the_list_of_another_log_erases_nobody(folder: Path, tmp_path: Path) -> None:
    file, listed = tmp_path / "others.ndjson", tmp_path / "erasures.json"
    file.write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
    other = str(tmp_path / "other")
    answer("import", file, STAGEFOLD_DATA_DIR=other, STAGEFOLD_MODELS="growth")
    answer("customer", "erase", "c1", "--yes", STAGEFOLD_DATA_DIR=other)
    listed.write_text(json.dumps(answer("customer", "erasures", STAGEFOLD_DATA_DIR=other)))

    again = answer("customer", "erase-again", listed, STAGEFOLD_DATA_DIR=str(folder))

    assert again["erased"] == 0
