"""Refusals, probes, headers and documents: what every answer of the API has in common."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest
from starlette.requests import Request

from service.app import create_app
from service.http.describing import openapi
from service.http.layers.edge import SECURITY_HEADERS
from service.http.problems import KINDS
from service.http.schemas.operations import OPERATIONS
from service.openapi import PATH
from service.ports import StoreUnavailable
from tests.http.conftest import Api, did

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


async def test_a_problem_has_the_members_of_the_standard(api: Api) -> None:
    answer = await api.get("/v1/customers/nobody")

    told = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert told["type"] == "/problems/customer_not_found"
    assert (told["status"], told["detail"]) == (404, told["message"])
    assert told["request_id"] == answer.headers["X-Request-Id"]
    assert told["instance"].endswith(told["request_id"])


@pytest.mark.parametrize("code", KINDS)
async def test_every_code_has_a_page(api: Api, code: str) -> None:
    answer = await api.get(f"/problems/{code}")

    assert answer.status_code == 200
    assert KINDS[code].cure in answer.text


def test_every_code_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")

    assert not [code for code in KINDS if f"`{code}`" not in reference]


def test_every_operation_is_in_the_table_and_the_reference() -> None:
    document = openapi.document(create_app())
    reference = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    routes = {(m.upper(), path) for path, item in document["paths"].items() for m in item}

    assert routes == set(OPERATIONS)
    assert not [path for _, path in routes if path.replace("{subject_id}", "{id}") not in reference]


def test_the_committed_document_is_the_one_that_is_served() -> None:
    """`python -m service.openapi` writes it anew."""
    committed = PATH.read_text(encoding="utf-8")

    assert committed == openapi.as_committed(openapi.document(create_app()))


async def test_the_document_is_served(api: Api) -> None:
    answer = await api.get("/openapi.json")

    assert json.loads(answer.text)["openapi"].startswith("3.1")


async def test_every_answer_has_an_id_and_strict_headers(api: Api) -> None:
    for path in ("/v1/limits", "/v1/nothing", "/livez"):
        answer = await api.get(path)
        assert answer.headers["X-Request-Id"].startswith("req_")
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("trace-0123456789", True), ("short", False), ("x" * 65, False), ("a b c d e f", False)],
)
async def test_a_sane_request_id_is_kept(api: Api, sent: str, kept: bool) -> None:  # noqa: FBT001 -- a row of the table
    answer = await api.get("/livez", headers={"X-Request-Id": sent})

    assert (answer.headers["X-Request-Id"] == sent) is kept


async def test_an_unforeseen_error_tells_nothing_but_its_id(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_request: Request) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("service.http.requests.calls.services_of", fail)

    answer = await api.get("/v1/limits")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.json()["request_id"] in capsys.readouterr().err or logging.root.handlers


async def test_a_store_that_cannot_write_is_503_while_reads_go_on(api: Api) -> None:
    await api.send(did("seen", "ann"))

    async def full(*_: object, **__: object) -> None:
        raise StoreUnavailable("the disk is full", retry_after_seconds=7)

    api.services.store.append = full  # type: ignore[method-assign,assignment]  # a full disk, as the store tells it

    refused = await api.send(did("seen", "bob"))
    read = await api.get("/v1/customers/ann")

    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert refused.headers["Retry-After"] == "7"
    assert read.status_code == 200


async def test_a_draining_process_is_alive_but_not_ready(api: Api) -> None:
    api.services.lifecycle.draining = True

    alive = await api.get("/livez")
    ready = await api.get("/readyz")
    checks = await api.get("/readyz?verbose", headers={"Accept": "application/json"})

    assert (alive.status_code, ready.status_code) == (200, 503)
    assert {each["name"]: each["ok"] for each in checks.json()["checks"]}["serving"] is False


async def test_a_starting_process_is_not_ready(api: Api) -> None:
    api.services.lifecycle.started = False

    assert (await api.get("/startupz")).status_code == 503
    assert (await api.get("/readyz")).status_code == 503


async def test_figures_tell_what_happened(api: Api) -> None:
    await api.send(did("seen", "ann"), {"type": "seen"})
    await api.get("/v1/customers/ann")

    text = (await api.get("/metrics")).text

    for line in (
        'stagefold_events_total{status="accepted"} 1.0',
        'stagefold_events_total{status="rejected"} 1.0',
        "stagefold_log_position 1.0",
        "stagefold_projection_lag_events 0.0",
        "stagefold_append_batch_events_count 1.0",
    ):
        assert line in text
    route = 'method="GET",route="/v1/customers/{subject_id}",status="200"'
    assert f"stagefold_http_requests_total{{{route}}} 1.0" in text
    assert "ann" not in re.sub(r"#.*", "", text)


async def test_limits_are_told_as_they_are_set(api: Api) -> None:
    told = (await api.get("/v1/limits")).json()

    assert told["body"]["events_max"] == 1_000
    assert told["event"]["depth_max"] == 8
    assert told["page"]["limit_max"] == 500
