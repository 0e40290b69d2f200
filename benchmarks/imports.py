"""Imports: how many lines of the past come in in a second, beside two ceilings of the same run.

    python -m benchmarks.imports [--lines 1000000] [--posted 100000]
    python -m benchmarks.imports --file cdnow_master.txt.gz --mapping docs/examples/cdnow.yaml

`stagefold import` into a fresh SQLite database, folded by one model. The ceilings: the same file
read and parsed, each line to an object and no further; and four clients that post the same events
in batches of 1,000 to a server on a fresh database. All take turns; a ratio is the median.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

import msgspec

from benchmarks import load
from benchmarks.figures import Figure, ratio, say
from benchmarks.fold import MODEL
from benchmarks.serving import KEY, ROOT, settings_of, stagefold
from benchmarks.workload import events, publish_model
from service.cli.mappings import document_of, plan_of
from service.imports.lines import Place
from service.imports.opening import opened
from service.imports.plan import Plan

ROUNDS = 3
CLIENTS = 4
SIZE = 1_000


def texts(file: Path, plan: Plan) -> Iterator[str]:
    """Yield the events of *file* as JSON."""
    with closing(opened(file, plan)) as source:
        for record in source.records(Place()):
            if record.text is not None:
                yield record.text


def parsed(file: Path, plan: Plan) -> float:
    """Return how many events a second are read and parsed."""
    decode = msgspec.json.Decoder().decode
    begun, count = time.perf_counter(), 0
    for text in texts(file, plan):
        decode(text)
        count += 1
    return count / (time.perf_counter() - begun)


def imported(file: Path, mapping: Path | None) -> float:
    """Return how many events a second the command takes in, from the first line to the last."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.json"
        model.write_text(json.dumps(MODEL), encoding="utf-8")
        _command(folder, "model", "publish", str(model))
        options = [] if mapping is None else ["--mapping", str(mapping)]
        options += ["--rejected", str(Path(folder) / "rejected")]
        told = json.loads(_command(folder, "import", str(file), *options, "--json"))
        rate: float = told["events_per_second"]
        return rate


def _command(folder: str, *arguments: str) -> bytes:
    environment = {**os.environ, **settings_of(folder, 0)}
    command = [sys.executable, "-m", "stagefold", *arguments]
    done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, check=True)  # noqa: S603 - our own command
    return done.stdout


def posted(file: Path, plan: Plan, most: int) -> float:
    """Return how many events a second are taken in over HTTP, of the first *most* of them."""
    made = list(islice(texts(file, plan), most))
    requests = [
        load.request("POST", "/v1/events", KEY, f"[{','.join(made[at : at + SIZE])}]".encode())
        for at in range(0, len(made), SIZE)
    ]
    with tempfile.TemporaryDirectory() as folder, stagefold(Path(folder)) as port:
        publish_model(port)
        return load.run(port, CLIENTS, requests).rate(len(made))


def generated(folder: Path, count: int) -> Path:
    """Return a file of *count* events."""
    file = folder / "events.ndjson"
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(each) + "\n" for each in events(count, "load"))
    return file


def measure(file: Path, mapping: Path | None, most: int) -> None:
    """Tell the figures of *file*."""
    plan = plan_of(file, document_of(file, mapping, {}), is_read_here=True)
    rounds = [
        (imported(file, mapping), parsed(file, plan), posted(file, plan, most))
        for _ in range(ROUNDS)
    ]
    name = file.name
    say(_told("I1", f"{name}: imported ÷ read and parsed", [(got, top) for got, top, _ in rounds]))
    say(_told("I2", f"{name}: imported ÷ posted", [(got, http) for got, _, http in rounds]))


def _told(id_: str, what: str, rounds: list[tuple[float, float]]) -> Figure:
    """Return the ratio; nothing is owed."""
    return replace(ratio(id_, what, rounds, 0.0, "events/s"), owed=None)


def main() -> None:
    """Tell the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, help="another file than a generated one")
    parser.add_argument("--mapping", type=Path, help="what its columns mean")
    parser.add_argument("--lines", type=int, default=1_000_000, help="of the generated file")
    parser.add_argument("--posted", type=int, default=100_000, help="most to post over HTTP")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = arguments.file or generated(Path(folder), arguments.lines)
        measure(file, arguments.mapping, arguments.posted)


if __name__ == "__main__":
    main()
