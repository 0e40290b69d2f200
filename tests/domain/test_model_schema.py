"""The JSON Schema of model documents says, as far as a schema can, what the parser says."""

import json
import re
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest

from domain.document import rules, signals, stages
from domain.document.names import EVENT_TYPES_MAX, OTHER_NAMES_MAX, TYPE_LENGTH_MAX
from domain.document.section import TITLE_LENGTH_MAX
from domain.model import Model
from service.modelling.model_files import load_ready_models
from tests.domain.broken_documents import BROKEN
from tests.domain.shop_document import SHOP, shop

SCHEMA: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "openapi" / "model.schema.json").read_text(encoding="utf-8"),
)
VALIDATOR: Final = jsonschema.Draft202012Validator(SCHEMA)

NEEDS_THE_WHOLE: Final = {
    "bad_expression",  # what is an expression needs a parser
    "key_not_text",  # JSON has no other keys
    "name_taken",  # compares names of events
    "not_json",  # cannot be written as JSON
    "repeated",  # compares ids
    "self_transition",  # compares stages
    "since_not_instant",  # looks the signal up
    "since_windowed",  # same
    "too_large",  # counts the whole
    "two_finals",  # counts kinds
    "unknown_signal",  # looks the signal up
    "unknown_stage",  # looks the stage up
    "unknown_timezone",  # looks the zone up
}


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("model", load_ready_models().values(), ids=lambda model: model.key)
def test_a_ready_made_model_is_accepted(model: Model) -> None:
    VALIDATOR.validate(model.document)


def test_both_spellings_of_the_shop_are_accepted() -> None:
    VALIDATOR.validate(SHOP)
    VALIDATOR.validate(shop(events={"a": None, "b": "c"}, timezone="Asia/Tokyo"))


@pytest.mark.parametrize(
    ("document", "code"),
    [(document, code) for document, _, code in BROKEN if code not in NEEDS_THE_WHOLE],
)
def test_what_the_parser_refuses_for_its_form_the_schema_refuses(
    document: object,
    code: str,
) -> None:
    assert not VALIDATOR.is_valid(document), code


def test_only_codes_that_exist_are_left_to_the_parser() -> None:
    assert {code for _, _, code in BROKEN} >= NEEDS_THE_WHOLE


def test_the_bounds_are_those_of_the_parser() -> None:
    top = SCHEMA["properties"]

    bounds = {
        "stages": stages.STAGES_MAX,
        "transitions": rules.TRANSITIONS_MAX,
        "alerts": rules.ALERTS_MAX,
        "personas": stages.PERSONAS_MAX,
        "metrics": stages.METRICS_MAX,
    }
    assert {name: top[name]["maxItems"] for name in bounds} == bounds
    assert top["signals"]["maxProperties"] == signals.SIGNALS_MAX
    assert top["events"]["maxProperties"] == EVENT_TYPES_MAX
    assert top["events"]["additionalProperties"]["anyOf"][2]["maxItems"] == OTHER_NAMES_MAX
    assert SCHEMA["$defs"]["event_type"]["maxLength"] == TYPE_LENGTH_MAX
    assert SCHEMA["$defs"]["line"]["maxLength"] == TITLE_LENGTH_MAX


def test_everything_an_author_can_write_is_described() -> None:
    silent = [path for path, part in parts(SCHEMA, "") if "description" not in described(part)]

    assert not silent


def parts(schema: dict[str, Any], path: str) -> list[tuple[str, dict[str, Any]]]:
    """Return every property of *schema* with its path, those below included."""
    found: list[tuple[str, dict[str, Any]]] = []
    for keyword in ("properties", "$defs"):
        for name, part in schema.get(keyword, {}).items():
            if isinstance(part, dict):
                found += [(f"{path}/{name}", part), *parts(part, f"{path}/{name}")]
    return found


def described(part: dict[str, Any]) -> dict[str, Any]:
    """Return *part*, or what it refers to where it says nothing of its own."""
    if "description" in part or "$ref" not in part:
        return part
    name = re.fullmatch(r"#/\$defs/(\w+)", part["$ref"])
    assert name is not None
    return dict(SCHEMA["$defs"][name.group(1)])
