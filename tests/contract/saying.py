"""Short words for contract tests: what is sent, on which day, and the models it is folded by."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from domain.document import parse_model
from projections.events.log import NewEvent, Receipt, SubjectKey, Submission
from projections.models.catalogue import ANEW, ModelVersion, Terms
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

VIPS: dict[str, Any] = {
    **SHOP,
    "signals": {**SHOP["signals"], "here": {"count": "ordered", "scope": "stage"}},
    "stages": [
        SHOP["stages"][0],
        {"id": "fan", "title": {"en": "Fan"}},
        SHOP["stages"][1],
        {"id": "vip", "title": {"en": "Vip"}},
        SHOP["stages"][3],
    ],
    "transitions": [
        {"id": "first-visit", "from": "lead", "to": "fan", "on": "visited"},
        {"id": "first-order", "from": ["lead", "fan"], "to": "buyer", "on": "ordered"},
        {"id": "many", "from": "buyer", "to": "vip", "when": "signals.orders >= 3"},
        {"id": "silence", "from": ["fan", "buyer", "vip"], "to": "dormant", "after": "25d"},
        {"id": "won-back", "from": "dormant", "to": "fan", "on": ["ordered", "visited"]},
    ],
}
"""Another version of the shop: loyal is called vip, fans are new, silence is shorter."""

RENAMED = {"loyal": "vip", "fan": "lead", "vip": "loyal"}
"""Where customers go from one version of the shop to the other, by whichever stage they are in."""

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
    standby_until: int | None = None,
    terms: Terms = ANEW,
) -> int:
    """Put *document*, fold history by it and make it active; return the generation."""
    version = await store.put_model(version_of(document, tenant))
    begun = await store.begin_generation(tenant, version.model, version.version, now, terms=terms)
    for _ in range(10_000):
        if begun.status != "building":
            break
        begun = await store.build_generation(begun.generation, now, limit=page)
    ended = await store.activate_generation(begun.generation, now, standby_until=standby_until)
    return ended.generation


async def active_generation(store: Store, model: str = "shop") -> int:
    """Return the generation that readers see."""
    version = await store.model(TENANT, model)
    assert version is not None
    assert version.active_generation is not None
    return version.active_generation


async def publish_from_now(
    store: Store,
    document: dict[str, Any],
    now: int,
    **options: Any,  # noqa: ANN401 -- of publish
) -> int:
    """Do as `publish` does, but leave the past to the version that is active."""
    base = await active_generation(store, document["model"])
    stages = {stage["id"] for stage in document["stages"]}
    stage_map = {old: new for old, new in RENAMED.items() if new in stages and old not in stages}
    return await publish(store, document, now, terms=Terms(base, stage_map), **options)


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
