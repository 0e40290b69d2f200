"""What /metrics tells of webhooks, with labels of a few values each, whatever is delivered."""

from __future__ import annotations

import re

import pytest

from tests.http.conftest import did
from tests.webhooks.hooking import Hooked
from tests.webhooks.receiving import Receiver

pytestmark = pytest.mark.anyio

DAY = "2026-03-01"
LINE = re.compile(r"^stagefold_webhook_(\S+) (\S+)$", re.MULTILINE)


async def figures(hooked: Hooked) -> dict[str, float]:
    """Return the figures of webhooks by name and labels."""
    answered = await hooked.api.client.get("/metrics")
    assert answered.status_code == 200
    return {name: float(value) for name, value in LINE.findall(answered.text)}


async def test_attempts_are_told_by_outcome_and_what_waits_by_state(
    hooked: Hooked, receiver: Receiver
) -> None:
    receiver.answers = lambda one: ((500 if one.path.endswith("/bad") else 200), {})
    types = ["customer.stage.changed"]
    paused = await hooked.endpoint(f"{receiver.url}/paused", types=types)
    await hooked.post(f"/v1/webhook-endpoints/{paused['id']}/pause")
    await hooked.endpoint(f"{receiver.url}/bad", types=types)
    await hooked.endpoint(receiver.url, types=types)
    for number in range(30):
        await hooked.api.send(did("seen", f"c{number}", f"{DAY}T12:00:00Z"))

    await hooked.deliver()

    found = await figures(hooked)
    assert found['attempts_total{outcome="delivered"}'] == 30
    failed = found['attempts_total{outcome="http_status"}']
    assert 10 <= failed < 30
    assert found["breaker_openings_total"] == 1
    assert found['waiting_deliveries{state="pending"}'] == 30
    assert found['waiting_deliveries{state="held"}'] == 30
    states = {state: found[f'endpoints{{state="{state}"}}'] for state in ("enabled", "left_alone")}
    assert states == {"enabled": 1, "left_alone": 1}
    assert found['endpoints{state="paused"}'] == 1
    assert found["lag_seconds"] == 0


async def test_how_long_a_delivery_has_been_due_is_told(hooked: Hooked, receiver: Receiver) -> None:
    await hooked.endpoint(receiver.url, types=["customer.stage.changed"])
    await hooked.api.send(did("seen", "ann", f"{DAY}T12:00:00Z"))
    while await hooked.api.services.hooks.fan_out.pages():
        pass
    hooked.api.clock.turn(seconds=90)

    late = await figures(hooked)
    await hooked.deliver()

    assert late["lag_seconds"] == 90
    assert (await figures(hooked))["lag_seconds"] == 0
