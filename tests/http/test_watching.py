"""Who watches a process asks for figures that it tells: alerts, panels, the operators' page."""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ruamel.yaml import YAML

from service.bootstrap import publishing, taking_in
from tests.http.conftest import Api
from tests.kafka.test_consumer import Scripted
from tests.kafka.topics import MemoryTopic

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
PANELS = ROOT / "deploy" / "grafana" / "stagefold.json"
FIGURE = re.compile(r"\bstagefold_[a-z_]+")
PARTS_OF_A_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")


def _expressions() -> list[str]:
    groups = YAML(typ="safe").load(ALERTS)["groups"]
    panels = json.loads(PANELS.read_text(encoding="utf-8"))["panels"]
    rules = [rule["expr"] for group in groups for rule in group["rules"]]
    return rules + [target["expr"] for panel in panels for target in panel["targets"]]


def _figures(texts: Iterable[str]) -> set[str]:
    return {PARTS_OF_A_HISTOGRAM.sub("", name) for text in texts for name in FIGURE.findall(text)}


async def _told(api: Api) -> set[str]:
    """Return the names of all figures, those of Kafka among them."""
    settings = replace(api.services.settings, kafka_transitions_topics=(("transitions", ""),))
    publishing(replace(api.services, settings=settings), lambda _: MemoryTopic())
    taking_in(api.services, Scripted())
    lines = (await api.client.get("/metrics")).text.splitlines()
    return {line.split()[2] for line in lines if line.startswith("# TYPE")}


async def test_alerts_and_panels_ask_for_figures_that_are_told(api: Api) -> None:
    asked = _figures(_expressions())

    assert asked
    assert asked <= await _told(api)


async def test_the_page_for_operators_names_figures_that_are_told(api: Api) -> None:
    named = _figures([(ROOT / "docs" / "operating.md").read_text(encoding="utf-8")])

    assert named
    assert named <= await _told(api)


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    for group in YAML(typ="safe").load(ALERTS)["groups"]:
        for rule in group["rules"]:
            assert set(rule["annotations"]) == {"summary", "cure"}, rule["alert"]
            assert rule["labels"]["severity"] in {"page", "ticket"}
