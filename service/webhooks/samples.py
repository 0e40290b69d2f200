"""Samples: a message of each type as it might be, for tests and for documents."""

from __future__ import annotations

from collections.abc import Mapping

from domain.instants import DAY, format_instant
from service.webhooks import terms
from service.webhooks.news import Told

_CUSTOMER = {"customer_id": "user-1", "customer_url": "/v1/customers/user-1"}


def sample_of(message_type: str, tenant: str, now: int, mark: str) -> Told:
    """Return a sample; *mark* makes its id one that no other message has."""
    return Told(
        tenant=tenant,
        id=f"test_{mark}",
        type=message_type,
        at=now,
        known_at=now,
        data=data_of(message_type, now),
        lane="user-1" if message_type.startswith("customer.") else "",
    )


def data_of(message_type: str, now: int) -> Mapping[str, object]:
    """Return what a message of that type says, in an example."""
    at = format_instant(now)
    match message_type:
        case terms.STAGE_CHANGED:
            return _changed(now)
        case terms.STAGE_CORRECTED:
            return _corrected(now)
        case terms.ALERT_RAISED:
            told = dict(_changed(now))
            for name in ("from", "to", "direction", "time_in_previous_s"):
                del told[name]
            return {**told, "alert": "quiet-customer", "stage": "customer"}
        case terms.CUSTOMER_CREATED:
            return {**_CUSTOMER, "created_at": at}
        case terms.CUSTOMER_MERGED:
            merged = {"customer_id": "anon:a-1", "customer_url": "/v1/customers/anon:a-1"}
            return {**_CUSTOMER, "merged": merged, "merged_at": at}
        case terms.CUSTOMER_ERASED:
            whom = {"customer_id": "user-1", "aliases": ["anon:a-1"]}
            return {**whom, "mode": "anonymise", "erased_at": at, "position": 184_467}
        case _:
            return _of_nobody(message_type, at)


def _of_nobody(message_type: str, at: str) -> Mapping[str, object]:
    """Return what a message says that is about no customer."""
    activated = {"model": "b2c", "model_version": 3}
    if message_type == terms.MODEL_ACTIVATED:
        return activated
    if message_type == terms.REBUILD_COMPLETED:
        return {**activated, "rebuild": "7", "events": 184_467}
    return _of_webhooks(message_type, at)


def _of_webhooks(message_type: str, at: str) -> Mapping[str, object]:
    about: dict[str, object] = {"endpoint_id": "we_1", "url": "https://example.com/hooks"}
    if message_type == terms.ENDPOINT_DISABLED:
        return {**about, "reason": "hopeless", "disabled_at": at}
    if message_type == terms.DELIVERY_EXHAUSTED:
        about |= {"delivery_id": "dl_1", "message_id": "tr_1", "type": terms.STAGE_CHANGED}
        return {**about, "attempts": 11, "failure": "timeout"}
    return {"message": "this is a test"}


def _changed(now: int) -> dict[str, object]:
    cause = {"kind": "event", "event_id": "o-1", "rule": "first_order", "evidence": {}}
    return {
        **_CUSTOMER,
        "transition_id": "tr_00000000000000000000000000000000",
        "model": "b2c",
        "model_version": 3,
        "sequence": 7,
        "cycle": 1,
        "from": "trial",
        "to": "customer",
        "direction": "forward",
        "effective_at": format_instant(now),
        "recorded_at": format_instant(now),
        "time_in_previous_s": 1_209_600,
        "cause": cause,
        "position": 184_467,
    }


def _corrected(now: int) -> dict[str, object]:
    def stay(stage: str, sequence: int, at: int) -> dict[str, object]:
        return {"stage": stage, "sequence": sequence, "entered_at": format_instant(at)}

    return {
        **_CUSTOMER,
        "model": "b2c",
        "model_version": 3,
        "cause": "late",
        "before": stay("dormant", 8, now - DAY),
        "after": stay("customer", 7, now - 90 * DAY),
        "withdrawn": ["tr_00000000000000000000000000000000"],
        "asserted": [],
        "alerts_withdrawn": [],
        "corrected_at": format_instant(now),
        "position": 184_467,
    }
