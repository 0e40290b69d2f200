"""The main job: CDNOW's 69,659 purchases go in by the real command, and every life is right.

What is right is computed by plain loops over the file (`cdnow_by_hand`), which share no code with
the product. What the product says is read in three ways: from its tables by plain SQL, from the
board that it draws, and from one customer at a time as the API tells them.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import Request, urlopen

import pytest

from service.adapters.sqlite import sqlite_store
from tests.e2e.cdnow_by_hand import (
    FILE,
    TELLERS,
    Change,
    History,
    Life,
    orders_by_customer,
    seconds,
)

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
MODELS = tuple(TELLERS)
AS_OF = seconds("19980630")
AS_OF_TEXT = "1998-06-30T00:00:00Z"
PURCHASES, CUSTOMERS = 69_659, 23_570
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Shop:
    """A fresh installation with CDNOW in it."""

    folder: Path
    imported: dict[str, object]

    @property
    def database(self) -> Path:
        """The database file."""
        return self.folder / "stagefold.db"


def _environment(folder: Path) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if "STAGEFOLD" not in name}
    return ours | {
        "PYTHONPATH": str(ROOT),
        "STAGEFOLD_DATA_DIR": str(folder),
        "STAGEFOLD_MODELS": "health",
        "STAGEFOLD_LOG_LEVEL": "warning",
    }


def _call(folder: Path, *arguments: str) -> str:
    """Return what the command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "stagefold", *arguments],
        env=_environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True, slots=True)
class Api:
    """A server over the installation."""

    url: str
    key: str

    def get(self, path: str) -> dict[str, Any]:
        """Return what the server answers."""
        request = Request(self.url + path, headers={"Authorization": f"Bearer {self.key}"})  # noqa: S310 -- our own server
        with urlopen(request, timeout=300) as answer:  # noqa: S310 -- same
            found: dict[str, Any] = json.load(answer)
            return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Return the installation, made once even where several processes share the tests."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, told = shared / "cdnow", shared / "cdnow.json"
    with (shared / "cdnow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            folder.mkdir()
            told.write_text(_made(folder), encoding="utf-8")
    return Shop(folder, json.loads(told.read_text(encoding="utf-8")))


def _made(folder: Path) -> str:
    """Return what the import into a new installation told: three models, then the orders."""
    _call(folder, "model", "publish", str(HERE / "cdnow.yaml"))
    _call(folder, "model", "publish", str(_in_dollars(folder)))
    told = _call(folder, *_import(folder), "--json")
    _settle(folder / "stagefold.db")
    return told


@pytest.fixture(scope="module")
def api(shop: Shop) -> Iterator[Api]:
    """Return a server over the installation, started by the real command."""
    with subprocess.Popen(
        [sys.executable, "-m", "stagefold", "serve", "--port", "0"],
        env=_environment(shop.folder),
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        address = re.compile(r"listens on (http://\S+)")
        found = next(match for line in server.stderr if (match := address.search(line)))
        yield Api(found[1], (shop.folder / "api-key").read_text().strip())
        server.terminate()
        server.communicate(timeout=300)


def _settle(database: Path) -> None:
    """Write down every silence until the year 2000, as a running server does."""

    async def sweep() -> None:
        store = sqlite_store(database)
        while (await store.sweep(seconds("20000101") * MICROSECONDS)).more:
            pass
        await store.close()

    asyncio.run(sweep())


def _in_dollars(folder: Path) -> Path:
    """Return the ready-made cpm-10 with 700 dollars for 70,000 yen, as a user would copy it."""
    text = (ROOT / "domain" / "models" / "cpm-10.yaml").read_text(encoding="utf-8")
    path = folder / "cpm-10-usd.yaml"
    path.write_text(
        text.replace("model: cpm-10", "model: cpm-10-usd").replace("70000", "700"), encoding="utf-8"
    )
    return path


def _import(folder: Path) -> tuple[str, ...]:
    mapping = str(ROOT / "docs" / "examples" / "cdnow.yaml")
    return ("import", str(FILE), "--mapping", mapping, "--rejected", str(folder / "rejected"))


@pytest.fixture(scope="module")
def orders() -> dict[str, History]:
    """Return every customer's orders."""
    return orders_by_customer()


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    """Return one model's name after another."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def expected(model: str, orders: dict[str, History]) -> dict[str, Life]:
    """Return every customer's life in *model*, by hand."""
    return {customer: TELLERS[model](history) for customer, history in orders.items()}


def _standing(life: Life) -> Change:
    """Return the change that brought the stage of the day that we look at."""
    return [change for change in life if change.at <= AS_OF][-1]


def test_every_purchase_of_the_file_is_an_event_of_its_own(shop: Shop) -> None:
    counts = {name: shop.imported[name] for name in ("accepted", "duplicate", "rejected")}

    assert counts == {"accepted": PURCHASES, "duplicate": 0, "rejected": 0}
    with closing(sqlite3.connect(shop.database)) as database:
        (events,) = database.execute("SELECT count(*) FROM events").fetchone()
        (dense,) = database.execute("SELECT max(position) FROM events").fetchone()
    assert (events, dense) == (PURCHASES, PURCHASES)


def test_a_second_import_changes_nothing(shop: Shop) -> None:
    again = json.loads(_call(shop.folder, *_import(shop.folder), "--json"))

    assert (again["accepted"], again["duplicate"], again["rejected"]) == (0, PURCHASES, 0)


def test_every_transition_of_everybody_is_right(
    shop: Shop, model: str, expected: dict[str, Life]
) -> None:
    found = _lives(shop.database, model)

    wrong = [each for each in expected if found.get(each) != expected[each]]
    assert len(found) == CUSTOMERS
    assert not wrong, _first_difference(wrong[0], found, expected)


def _lives(database: Path, model: str) -> dict[str, Life]:
    """Return every customer's transitions as they stand in the tables."""
    query = """
        SELECT name, from_stage, to_stage, effective_at, rule
        FROM transitions JOIN generations USING (generation) JOIN subjects
             ON subjects.bucket = transitions.bucket
             AND subjects.subject_id = transitions.subject_id
        WHERE model = ? AND generations.status = 'active'
              AND retracted_position IS NULL AND transitions.kind = 'transition'
        ORDER BY name, sequence
    """
    lives: dict[str, Life] = {}
    with closing(sqlite3.connect(database)) as connection:
        for name, before, after, at, rule in connection.execute(query, (model,)):
            change = Change(before, after, at // MICROSECONDS, rule)
            lives.setdefault(name, []).append(change)
    return lives


def _first_difference(
    customer: str, found: Mapping[str, Life], expected: Mapping[str, Life]
) -> str:
    return f"{customer}\nfound    {found.get(customer)}\nexpected {expected[customer]}"


def test_the_board_of_the_last_day_is_right(
    api: Api, model: str, expected: dict[str, Life]
) -> None:
    standing = [_standing(life) for life in expected.values()]
    counts = Counter(change.after for change in standing)

    board = api.get(f"/v1/models/{model}/board?as_of={AS_OF_TEXT}")

    assert board["total"] == CUSTOMERS
    found = {row["stage"]: row["count"] for row in board["stages"]}
    assert {stage: count for stage, count in found.items() if count} == dict(counts)
    for row in board["stages"]:
        times = [AS_OF - change.at for change in standing if change.after == row["stage"]]
        assert row["median_seconds_in_stage"] == (median(times) if times else None)


def test_a_customer_is_told_where_they_stand_and_what_comes_next(
    api: Api, model: str, expected: dict[str, Life]
) -> None:
    """Every 97th customer; all of them are compared in the tables above."""
    for customer in sorted(expected)[::97]:
        life = expected[customer]
        standing, coming = _standing(life), [change for change in life if change.at > AS_OF]

        told = api.get(f"/v1/customers/{customer}?model={model}&as_of={AS_OF_TEXT}")["stages"][0]

        assert told["stage"] == standing.after
        assert told["entered_at"] == _text(standing.at)
        assert told["previous"] == standing.before
        assert told["cause"]["rule"] == standing.rule
        assert told["next"] == (_next(coming[0]) if coming else None)


def _next(change: Change) -> dict[str, str]:
    return {"stage": change.after, "at": _text(change.at), "rule": change.rule}


def _text(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def test_the_command_line_says_why(shop: Shop, orders: dict[str, History]) -> None:
    customer = next(each for each in orders if len(orders[each]) > 2)

    told = _call(
        shop.folder, "customer", "why", customer, "--as-of", "1998-06-30", "--language", "ja"
    )

    standing = _standing(TELLERS["health"](orders[customer]))
    assert f"({standing.after})" in told
    assert standing.rule in told
