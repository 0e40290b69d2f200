"""The commands that seal, verify, copy and restore, as people call them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.cli.calling import answer, call


def database(folder: Path) -> Path:
    """Return the database in a data folder."""
    return next(folder.glob("*.db"))


def change(folder: Path, statement: str) -> None:
    """Change the database in a data folder as nobody should."""
    with closing(sqlite3.connect(database(folder))) as connection:
        connection.execute("DROP TRIGGER events_never_change")
        connection.execute(statement)
        connection.commit()


def test_what_is_sealed_is_verified_against_its_anchor(folder: Path) -> None:
    sealed = answer("seal", STAGEFOLD_DATA_DIR=str(folder))

    found = answer(
        "verify", "--thorough", "--anchor", sealed["anchor"], STAGEFOLD_DATA_DIR=str(folder)
    )

    assert (sealed["from_position"], sealed["to_position"]) == (1, 40)
    assert (found["ok"], found["events"], found["anchor"]) == (True, 40, sealed["anchor"])
    assert found["projections"]["subjects"] == 5
    assert found["projections"]["differences"] == []


def test_a_changed_event_is_named_and_ends_with_one(folder: Path) -> None:
    answer("seal", STAGEFOLD_DATA_DIR=str(folder))
    change(folder, "UPDATE events SET occurred_at = occurred_at - 1 WHERE position = 7")

    result = call("verify", STAGEFOLD_DATA_DIR=str(folder))
    found = answer("verify", status=1, STAGEFOLD_DATA_DIR=str(folder))

    assert result.exit_code == 1
    assert "event_changed: position 7 is not as it was sealed, in the range 1..40" in result.stdout
    assert [(one["code"], one["position"]) for one in found["faults"]] == [("event_changed", 7)]


def test_a_thorough_look_folds_everybody_again(folder: Path) -> None:
    """Also that of `doctor`."""
    with closing(sqlite3.connect(database(folder))) as connection:
        connection.execute("UPDATE stages SET entered_at = entered_at - 1")
        connection.commit()

    assert call("verify", STAGEFOLD_DATA_DIR=str(folder)).exit_code == 0
    assert call("verify", "--thorough", STAGEFOLD_DATA_DIR=str(folder)).exit_code == 1
    assert "stage_differs" in call("doctor", "--thorough", STAGEFOLD_DATA_DIR=str(folder)).stdout


def test_an_anchor_that_is_none_is_told_so(folder: Path) -> None:
    found = answer("verify", "--anchor", "12", status=2, STAGEFOLD_DATA_DIR=str(folder))

    assert found["error"]["code"] == "bad_anchor"


def test_a_backup_is_a_database(folder: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()

    told = answer("backup", there / database(folder).name, STAGEFOLD_DATA_DIR=str(folder))

    assert told["bytes"] > 0
    assert (there / database(folder).name).stat().st_mode & 0o777 == 0o600
    assert answer("verify", STAGEFOLD_DATA_DIR=str(there))["events"] == 40
    again = answer("backup", told["file"], status=2, STAGEFOLD_DATA_DIR=str(folder))
    assert again["error"]["code"] == "file_exists"


def test_what_was_exported_is_restored_elsewhere(folder: Path, tmp_path: Path) -> None:
    anchor = answer("seal", STAGEFOLD_DATA_DIR=str(folder))["anchor"]
    before = answer("verify", "--thorough", STAGEFOLD_DATA_DIR=str(folder))
    file, there = tmp_path / "copy.ndjson.gz", str(tmp_path / "there")

    written = answer("export", file, STAGEFOLD_DATA_DIR=str(folder))
    restored = answer("restore", file, STAGEFOLD_DATA_DIR=there)

    assert written["rows"]["events"] == restored["rows"]["events"] == 40
    assert restored["differences"] == 0
    after = answer("verify", "--thorough", "--anchor", anchor, STAGEFOLD_DATA_DIR=there)
    assert after["projections"] == before["projections"]
    assert answer("customer", "show", "c1", STAGEFOLD_DATA_DIR=there) == answer(
        "customer", "show", "c1", STAGEFOLD_DATA_DIR=str(folder)
    )
    again = answer("restore", file, status=2, STAGEFOLD_DATA_DIR=there)
    assert again["error"]["code"] == "database_not_empty"


def test_a_file_that_was_cut_is_refused(folder: Path, tmp_path: Path) -> None:
    file, there = tmp_path / "copy.ndjson.gz", str(tmp_path / "there")
    answer("export", file, STAGEFOLD_DATA_DIR=str(folder))
    file.write_bytes(file.read_bytes()[:-20])

    refused = answer("restore", file, status=2, STAGEFOLD_DATA_DIR=there)

    assert refused["error"]["code"] == "bad_copy"
    assert answer("verify", STAGEFOLD_DATA_DIR=there)["events"] == 0
