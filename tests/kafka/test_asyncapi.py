"""The AsyncAPI document: committed as generated, whole in itself, its examples true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import jsonschema

from service.door.bounds import Bounds
from service.door.events import Door, Origin
from service.http.describing import asyncapi
from service.http.describing.openapi import as_committed
from service.openapi import ASYNC_PATH
from service.ports import NewEvent

DOCUMENT = asyncapi.document(version("stagefold"))


def test_the_committed_document_is_the_generated_one() -> None:
    """`python -m service.openapi` writes it anew."""
    assert ASYNC_PATH.read_text(encoding="utf-8") == as_committed(DOCUMENT)


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        node: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_every_example_is_what_its_schemas_say() -> None:
    for message in DOCUMENT["components"]["messages"].values():
        for example in message["examples"]:
            for part in example:
                schema = {**message[part], "components": DOCUMENT["components"]}
                jsonschema.validate(example[part], schema)


def test_the_example_of_an_event_passes_the_door() -> None:
    (example,) = DOCUMENT["components"]["messages"]["event"]["examples"]
    origin = Origin("default", "http", now=2**51, new_id=str)

    found = Door(Bounds(), origin).check(json.dumps(example["payload"]))

    assert isinstance(found, NewEvent)
