"""What an endpoint asked for: which messages, in which form, how fast and how patiently."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec

from domain.cel.compiler import evaluator
from domain.cel.errors import CelError
from domain.cel.parser import parse
from domain.cel.types import DYN, STRING, Binding, MapType

Format: TypeAlias = Literal["standard", "cloudevents", "cloudevents-binary"]
Data: TypeAlias = Mapping[str, object]

STAGE_CHANGED = "customer.stage.changed"
STAGE_CORRECTED = "customer.stage.corrected"
ALERT_RAISED = "customer.alert.raised"
CUSTOMER_CREATED = "customer.created"
CUSTOMER_MERGED = "customer.merged"
CUSTOMER_ERASED = "customer.erased"
MODEL_ACTIVATED = "model.activated"
REBUILD_COMPLETED = "rebuild.completed"
ENDPOINT_DISABLED = "webhook.endpoint.disabled"
DELIVERY_EXHAUSTED = "webhook.delivery.exhausted"
TEST = "webhook.test"

TYPES: Mapping[str, str] = {
    STAGE_CHANGED: "A customer or account is in another stage of a model.",
    STAGE_CORRECTED: "What was told of a customer turned out otherwise: before and after.",
    ALERT_RAISED: "An alert of a model was raised.",
    CUSTOMER_CREATED: "A customer has entered its first stage.",
    CUSTOMER_MERGED: "Two customers turned out to be one.",
    CUSTOMER_ERASED: "A customer was erased; forget everything under these names as well.",
    MODEL_ACTIVATED: "Another version of a model tells the stages from now on.",
    REBUILD_COMPLETED: "All histories have been folded anew.",
    ENDPOINT_DISABLED: "Another endpoint was disabled: it is gone, or has failed for days.",
    DELIVERY_EXHAUSTED: "A message to another endpoint was given up after its last attempt.",
    TEST: "A sample, sent when somebody asks for it.",
}
"""Every type of message there is, and what it tells."""

FEED_TYPES = (STAGE_CHANGED, STAGE_CORRECTED, ALERT_RAISED, CUSTOMER_CREATED, CUSTOMER_MERGED)
"""Those that the feed tells; it is all that readers of the feed hear."""

_ENVIRONMENT = {
    "type": Binding("type", STRING),
    "data": Binding("data", MapType(key=STRING, value=DYN)),
}
"""What an expression reads."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages, beyond their types; patterns in which `*` is any text.

    Attributes:
        models: Keys of models.
        sources: Stages that were left; of a correction, the stage before.
        targets: Stages that were entered; of a correction, the stage after.
        expression: A condition over `type` and `data`; empty for none.
    """

    models: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    expression: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """All of it; `per_second` 0 means any number."""

    url: str
    description: str = ""
    types: tuple[str, ...] = ("*",)
    filter: Filter = Filter()
    format: Format = "standard"
    signing: tuple[str, ...] = ("v1",)
    ordering: Literal["customer", "none"] = "customer"
    on_backlog: Literal["keep", "latest"] = "keep"
    per_second: int = 0
    max_in_flight: int = 8
    timeout_seconds: float = 15.0
    headers: Mapping[str, str] = field(default_factory=dict)
    handshake: bool = False

    @property
    def text(self) -> str:
        """The terms as they are stored."""
        return msgspec.json.encode(self).decode()

    def wants_type(self, message_type: str) -> bool:
        """Return whether messages of that type are asked for at all."""
        return _is_one_of(message_type, self.types)

    def want(self, message_type: str, data: Data) -> bool:
        """Return whether a message is asked for; a condition without a value does not hold."""
        return self.wants_type(message_type) and _meets(self.filter, message_type, data)


@lru_cache(maxsize=1_024)
def terms_of(text: str) -> Terms:
    """Return the terms that *text*, as stored, holds."""
    return msgspec.json.decode(text, type=Terms)


def _meets(wanted: Filter, message_type: str, data: Data) -> bool:
    asked = ((wanted.models, "model"), (wanted.sources, "from"), (wanted.targets, "to"))
    for patterns, name in asked:
        if patterns and not _is_one_of(_place(data, name), patterns):
            return False
    if not wanted.expression:
        return True
    try:
        return condition(wanted.expression)({"type": message_type, "data": data}) is True
    except CelError:
        return False


def _place(data: Data, name: str) -> str:
    """Return a member as text; a correction has its stages in `before` and `after`."""
    side = data.get({"from": "before", "to": "after"}.get(name, ""))
    found = side.get("stage") if isinstance(side, dict) else data.get(name)
    return found if isinstance(found, str) else ""


def _is_one_of(text: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


@lru_cache(maxsize=1_024)
def condition(expression: str) -> Callable[[Mapping[str, object]], object]:
    """Return what judges messages by *expression*.

    Raises:
        CelSyntaxError: It is no condition.
        CelCheckError: It reads what messages do not have.
    """
    return evaluator(parse(expression), _ENVIRONMENT)
