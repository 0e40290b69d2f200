"""The API against its own document: generated requests, no crash and no undocumented status."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from service.http.schemas.operations import OPERATIONS
from tests.http.conftest import did
from tests.http.serving import ADMIN_KEY, ANSWER_SECONDS_MAX, PATIENT, serving

CASES = int(os.environ.get("STAGEFOLD_TEST_CASES", "25"))
"""Generated requests for each operation; there are more than forty operations."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ENDLESS = {("GET", "/v1/stream")}
"""Operations whose answer has no end; they are read in tests/live."""

ENDING = [each for each in OPERATIONS if each not in ENDLESS]
AUTHORIZED = {"Authorization": f"Bearer {ADMIN_KEY}"}


@pytest.fixture(scope="module")
def described() -> Iterator[OpenApiSchema]:
    """Yield the document of a running server that knows some customers."""
    with serving(**PATIENT) as server:
        events = [
            did("order_completed", "ann", "2026-01-01T00:00:00Z", amount=10),
            did("page_viewed", "0"),
            {**did("page_viewed", "bob"), "account_id": "0", "anonymous_id": "0"},
        ]
        answer = httpx.post(
            f"{server.url}/v1/events", json=events, headers=AUTHORIZED, timeout=ANSWER_SECONDS_MAX
        )
        assert answer.json()["accepted"] == len(events)
        yield schemathesis.openapi.from_url(f"{server.url}/openapi.json")


@pytest.mark.parametrize(("method", "path"), ENDING, ids=map(" ".join, ENDING))
def test_every_operation_keeps_to_its_document(
    described: OpenApiSchema, method: str, path: str
) -> None:
    """A thousand requests, good and bad: no 5xx, no status or body that is not documented."""

    @settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=described[path][method].as_strategy())
    def keeps_to_it(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(headers=AUTHORIZED, checks=CHECKS, timeout=ANSWER_SECONDS_MAX)

    keeps_to_it()
