"""Short words for contract tests: what is sent, on which day, and the models it is folded by."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from domain.document import parse_model
from projections.catalogue import ModelVersion
from projections.log import NewEvent, Receipt, SubjectKey, Submission
from service.ports import Store
from tests.builders import DAY, START, at

OpenStore = Callable[[], Awaitable[Store]]

TENANT = "default"
LATER = at(1_000)
"""The hour of recording, unless a test says otherwise: all of history lies before it."""

SHOP: dict[str, Any] = {
    "model": "shop",
    "title": {"en": "Shop"},
    "subject": "customer",
    "direction": "free",
    "initial": "lead",
    "signals": {
        "orders": {"count": "ordered"},
        "orders_30d": {"count": "ordered", "within": "30d"},
        "last_order": {"last": "ordered"},
    },
    "stages": [
        {"id": "lead", "title": {"en": "Lead"}},
        {"id": "buyer", "title": {"en": "Buyer"}},
        {"id": "loyal", "title": {"en": "Loyal"}},
        {"id": "dormant", "title": {"en": "Dormant"}, "kind": "stopped"},
    ],
    "transitions": [
        {"id": "first-order", "from": "lead", "to": "buyer", "on": "ordered"},
        {"id": "repeat", "from": "buyer", "to": "loyal", "when": "signals.orders_30d >= 2"},
        {
            "id": "silence",
            "from": ["buyer", "loyal"],
            "to": "dormant",
            "after": "60d",
            "since": "last_order",
        },
        {"id": "won-back", "from": "dormant", "to": "buyer", "on": "ordered"},
        {"id": "left", "from": "*", "to": "dormant", "on": "cancelled"},
    ],
    "alerts": [{"id": "vip", "on": "ordered", "when": 'traits.plan == "vip"'}],
}

TEAM: dict[str, Any] = {
    "model": "team",
    "title": {"en": "Team"},
    "subject": "account",
    "direction": "free",
    "initial": "trial",
    "signals": {
        "members": {"count": "*", "by": "customer", "within": "30d"},
        "orders": {"count": "ordered"},
    },
    "stages": [
        {"id": "trial", "title": {"en": "Trial"}},
        {"id": "active", "title": {"en": "Active"}},
        {"id": "idle", "title": {"en": "Idle"}, "kind": "stopped"},
    ],
    "transitions": [
        {"id": "adopted", "from": "trial", "to": "active", "when": "signals.members >= 2"},
        {"id": "emptied", "from": "active", "to": "idle", "when": "signals.members == 0"},
        {"id": "back", "from": "idle", "to": "active", "on": "ordered"},
    ],
}


def sent(
    event_id: str,
    name: str = "visited",
    day: float | None = 0,
    customer: str | None = "ann",
    **fields: Any,  # noqa: ANN401 -- any field of an event
) -> NewEvent:
    """Return an event of *customer* on *day*; `properties` go into the item."""
    properties = fields.pop("properties", None)
    item: dict[str, Any] = {"id": event_id, "type": name, "day": day}
    if properties is not None:
        item["properties"] = properties
    for field in ("anonymous_id", "account_id"):
        if field in fields:
            item[field] = fields[field]
    return NewEvent(
        tenant=fields.pop("tenant", TENANT),
        event_id=event_id,
        source=fields.pop("source", "test"),
        type=name,
        occurred_at=None if day is None else START + round(day * DAY),
        payload=fields.pop("payload", None) or json.dumps(item),
        customer_id=customer,
        **fields,
    )


def version_of(document: dict[str, Any], tenant: str = TENANT) -> ModelVersion:
    """Return *document* as an offer to the store."""
    model = parse_model(document)
    return ModelVersion(
        tenant=tenant,
        model=model.key,
        version=0,
        document=json.dumps(model.document),
        source="{}",
        hash=model.hash,
        created_at=START,
        created_by="test",
    )


async def publish(
    store: Store,
    document: dict[str, Any],
    now: int = START,
    *,
    tenant: str = TENANT,
    page: int = 50,
) -> int:
    """Put *document*, fold history by it and make it active; return the generation."""
    version = await store.put_model(version_of(document, tenant))
    begun = await store.begin_generation(tenant, version.model, version.version, now)
    for _ in range(10_000):
        if begun.status != "building":
            break
        begun = await store.build_generation(begun.generation, now, limit=page)
    return (await store.activate_generation(begun.generation, now)).generation


async def post(store: Store, *events: NewEvent, now: int = LATER) -> list[Receipt]:
    """Append *events* as one submission and return their receipts."""
    return (await store.append([Submission(events)], now))[0]


async def told(store: Store, customer: str = "ann", model: str = "shop") -> list[tuple[str, float]]:
    """Return the transitions that hold: stage entered, and on which day."""
    page = await store.transitions(TENANT, SubjectKey("customer", customer), model=model)
    return stages_and_days(page.rows)


def stages_and_days(rows: Sequence[Any]) -> list[tuple[str, float]]:
    """Return what transition records say: stage entered, and on which day."""
    return [
        (row.to_stage, (row.effective_at - START) / DAY) for row in rows if row.kind == "transition"
    ]
