"""A file is sent to a server by the command, goes on where it stopped, and is told like any."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.cli import uploading
from service.cli.exits import CommandError, Exit
from service.cli.progress import Meter, Pace
from service.cli.uploading import Upload, upload
from tests.cli.calling import answer, call
from tests.http.serving import ADMIN_KEY, PATIENT, Server, serving

LINES = 400


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server that keeps uploads in a folder of its own."""
    with serving(**PATIENT, DATA_DIR=str(tmp_path_factory.mktemp("server"))) as found:
        yield found


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a piece be so small that a file makes several."""
    monkeypatch.setattr(uploading, "PIECE_BYTES", 5_000)


def lines(folder: Path, customer: str) -> Path:
    """Return a file of events; each hundredth line is none."""
    file = folder / f"{customer}.ndjson"
    with file.open("w") as out:
        for number in range(LINES):
            event = {"id": f"{customer}-{number}", "type": "visit", "customer_id": customer}
            event["occurred_at"] = f"2025-01-01T00:{number % 60:02}:00Z"
            out.write((json.dumps(event) if number % 100 else "torn") + "\n")
    return file


def sent(file: Path, server: Server, **more: Any) -> Any:  # noqa: ANN401 -- JSON
    """Return what the command says of *file*."""
    options = ("import", file, "--server", server.url)
    return answer(
        *options, STAGEFOLD_DATA_DIR=str(file.parent), STAGEFOLD_API_KEY=ADMIN_KEY, **more
    )


def order(file: Path, url: str) -> Upload:
    """Return the order to send *file*."""
    return Upload(file, {}, url, ADMIN_KEY, file.parent / "imports" / "note.json")


class Stops(Meter):
    """Shows nothing, and stops the command behind the second piece."""

    pieces = 0

    def show_sent(self, pace: Pace) -> None:  # noqa: ARG002 -- of the class
        """Count a piece."""
        self.pieces += 1
        if self.pieces == 2:
            raise KeyboardInterrupt


def test_a_file_is_imported_by_the_server(server: Server, tmp_path: Path) -> None:
    file = lines(tmp_path, "ann")

    found = sent(file, server, status=1)
    again = sent(file, server, status=1)

    assert (found["accepted"], found["rejected"], found["resumed_at_byte"]) == (396, 4, 0)
    assert found["reasons"] == {"malformed_json": 4}
    assert found["rejected_events"].startswith(server.url + "/v1/rejected-events?")
    assert (again["accepted"], again["duplicate"]) == (0, 396)


def test_a_table_is_sent_with_its_mapping(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("no,buyer,day\n1,bob,2025-02-01\n")
    columns = ("--type", "ordered", "--customer-id", "buyer", "--id", "no")
    moment = ("--occurred-at", "day", "--time-format", "%Y-%m-%d")
    options = ("import", file, *columns, *moment, "--server", server.url, "--api-key", ADMIN_KEY)

    result = call(*options, STAGEFOLD_DATA_DIR=str(tmp_path))

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("orders.csv: 1 accepted, 0 duplicate, 0 rejected;")


def test_a_stopped_upload_goes_on_behind_what_has_arrived(server: Server, tmp_path: Path) -> None:
    file = lines(tmp_path, "cy")
    with pytest.raises(KeyboardInterrupt):
        upload(order(file, server.url), Stops())

    done = upload(order(file, server.url), Meter())

    assert done.resumed_at == 10_000
    assert (done.job["status"], done.job["accepted"]) == ("done", 396)


def test_an_upload_that_the_server_does_not_know_any_more_begins_anew(
    server: Server, tmp_path: Path
) -> None:
    file = lines(tmp_path, "dee")
    note = order(file, server.url).note
    note.parent.mkdir()
    note.write_text('{"import": "imp_nobody"}')

    done = upload(order(file, server.url), Meter())

    assert (done.resumed_at, done.job["accepted"]) == (0, 396)
    assert not note.exists()


def test_where_nobody_answers_the_command_says_so_and_can_be_repeated(tmp_path: Path) -> None:
    waits: list[float] = []
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(CommandError) as caught:
            upload(order(lines(tmp_path, "eve"), url), Meter(), wait=waits.append)

    assert (caught.value.code, caught.value.status) == ("server_unavailable", Exit.UNAVAILABLE)
    assert caught.value.cure.startswith("give the same command again")
    assert waits == sorted(waits)
    assert len(waits) == uploading.ATTEMPTS_MAX - 1


def test_a_key_that_opens_nothing_is_refused(server: Server, tmp_path: Path) -> None:
    wrong = {"STAGEFOLD_DATA_DIR": str(tmp_path), "STAGEFOLD_API_KEY": "x" * 40}

    found = answer(
        "import", lines(tmp_path, "flo"), "--server", server.url, status=int(Exit.USAGE), **wrong
    )

    assert found["error"]["code"] == "key_invalid"


WRONG: list[tuple[tuple[str, ...], str]] = [
    (("--server", "example.com", "--api-key", "k"), "bad_url"),
    (("--server", "http://127.0.0.1:1"), "no_api_key"),
    (("--server", "http://127.0.0.1:1", "--key", "abcdefgh"), "bad_option"),
    (("--server", "http://127.0.0.1:1", "--rejected", "bad.ndjson"), "bad_option"),
    (("--api-key", "k"), "bad_option"),
]


@pytest.mark.parametrize(("options", "code"), WRONG)
def test_options_that_do_not_go_together_are_refused(
    options: tuple[str, ...], code: str, tmp_path: Path
) -> None:
    found = answer(
        "import", lines(tmp_path, "gus"), *options, status=2, STAGEFOLD_DATA_DIR=str(tmp_path)
    )

    assert found["error"]["code"] == code
