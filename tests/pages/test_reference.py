"""The page about the API leaves nothing of its OpenAPI document out."""

from __future__ import annotations

import pytest

from service.pages.reference import reference_of, type_of
from service.pages.rendering import ticked
from tests.pages.conftest import Shop
from tests.pages.test_pages import Outline

pytestmark = pytest.mark.anyio


async def test_every_operation_stands_on_the_page(shop: Shop) -> None:
    openapi = (await shop.client.get("/openapi.json")).json()
    promised = {
        (method.upper(), path) for path, methods in openapi["paths"].items() for method in methods
    }

    told = {
        (operation.method, operation.path)
        for chapter in reference_of(shop.app).chapters
        for operation in chapter.operations
    }

    assert told == promised


async def test_anybody_may_read_it(shop: Shop) -> None:
    shop.client.cookies.clear()

    page = Outline(await shop.page("/docs")).words

    assert "POST /v1/events Take events in" in page
    assert "ProblemOut" in page


async def test_pages_themselves_are_no_part_of_the_api(shop: Shop) -> None:
    openapi = (await shop.client.get("/openapi.json")).json()

    assert not {"/", "/login", "/docs", "/customers"} & set(openapi["paths"])


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "#/components/schemas/EventIn"}, "EventIn"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"anyOf": [{"type": "string"}, {"type": "string"}]}, "string"),
        ({"type": "array", "items": {"type": "integer"}}, "list of integer"),
        ({"type": ["string", "null"]}, "string or null"),
        ({"type": "string", "format": "date-time"}, "date-time"),
        ({"enum": ["a", "b"], "type": "string"}, "a or b"),
        ({"const": "a"}, "a"),
        ({}, "any"),
    ],
    ids=str,
)
def test_a_type_is_told_in_a_few_words(schema: dict[str, object], words: str) -> None:
    assert type_of(schema) == words


def test_backticks_become_code_and_everything_is_escaped() -> None:
    assert ticked("a `<b>` & c") == "a <code>&lt;b&gt;</code> &amp; c"
