"""The document of a small shop, whole, and with parts replaced."""

from copy import deepcopy

SHOP: dict[str, object] = {
    "model": "shop",
    "title": {"en": "Online shop", "ja": "ECカスタマージャーニー"},
    "initial": "awareness",
    "events": {"order_completed": ["Order Completed", "purchase"]},
    "signals": {
        "orders_90d": {"count": "Order Completed", "within": "90d"},
        "spent": {"sum": "properties.amount", "on": "order_completed"},
        "last_order": {"last": "order_completed"},
        "nps": {
            "latest": "properties.score",
            "on": "survey_answered",
            "where": 'properties.kind == "nps"',
        },
        "steps": {"distinct": "properties.step", "on": ["step_done"], "scope": "stage"},
    },
    "stages": [
        {"id": "awareness", "title": "Awareness"},
        {
            "id": "purchase",
            "title": {"en": "Purchase", "ja": "購入"},
            "metrics": {"second_order": {"of": {"reached": "loyalty", "within": "P30D"}}},
        },
        {"id": "loyalty"},
        {"id": "dormant", "kind": "stopped"},
    ],
    "transitions": [
        {"id": "first-order", "from": "awareness", "to": "purchase", "on": ["order_completed"]},
        {"id": "repeat", "from": "purchase", "to": "loyalty", "when": "signals.orders_90d >= 2"},
        {
            "id": "silence",
            "from": ["loyalty", "purchase"],
            "to": "dormant",
            "after": "2w",
            "since": "last_order",
        },
        {"id": "won-back", "from": "dormant", "to": "purchase", "on": "order_completed"},
        {"id": "cancelled", "from": "*", "to": "dormant", "on": "contract_cancelled"},
    ],
    "alerts": [
        {"id": "renewal-due", "at": "traits.contract_ends_at", "offset": "-30d"},
        {"id": "stuck", "in": "purchase", "after": "14d", "when": "signals.steps < 3"},
    ],
    "personas": [{"id": "big-spender", "when": "signals.spent > 100000.0"}],
    "metrics": [
        {
            "id": "repeat_rate",
            "stage": "purchase",
            "of": {"reached": "loyalty", "within": "90d"},
            "target": 0.25,
        },
    ],
}


def shop(**changes: object) -> dict[str, object]:
    """Return the shop's document with other top-level values."""
    return deepcopy(SHOP) | changes


def with_transition(**keys: object) -> dict[str, object]:
    """Return the shop's document with one transition, from awareness to purchase, and *keys*."""
    return shop(transitions=[{"id": "t", "from": "awareness", "to": "purchase", **keys}])


def with_signal(**keys: object) -> dict[str, object]:
    """Return the shop's document with one signal beside those it has."""
    signals = SHOP["signals"]
    assert isinstance(signals, dict)
    return shop(signals={**signals, "x": keys})
