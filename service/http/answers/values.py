"""How values are told in JSON: one function for each kind of thing, used by every route."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from starlette.responses import Response

from domain.buckets import BUCKETS
from domain.instants import DAY, SECOND, format_instant
from domain.machine.explain import RuleExplanation
from domain.transitions import Cause
from projections.registers.access import AuditEntry, Tenant, Usage
from projections.registers.event_schemas import EventSchema
from service.http.answers.foreign_events import canonical_of
from service.ports import (
    ApiKey,
    EventTypeCount,
    FeedRecord,
    Generation,
    ModelVersion,
    StoredEvent,
    Subject,
    TransitionRecord,
)
from service.standing import Standing

Members = dict[str, object]

_CONTENT_TYPE = (b"content-type", b"application/json")
encoded = msgspec.json.Encoder().encode
_members_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def answer(
    members: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return *members* as a JSON answer."""
    return Ready(encoded(members), status=status, headers=headers or {})


class Ready(Response):
    """A JSON answer of bytes that are ready; it makes its headers in a quarter of the time."""

    def __init__(self, body: bytes, *, headers: Mapping[str, str], status: int = 200) -> None:
        """Answer with *body*."""
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = [
            (b"content-length", b"%d" % len(body)),
            _CONTENT_TYPE,
            *[(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        ]


def instant(value: int | None) -> str | None:
    """Return an instant as RFC 3339 text."""
    return None if value is None else format_instant(value)


def cause_of(cause: Cause | None) -> Members | None:
    """Return why something happened."""
    if cause is None:
        return None
    return {
        "kind": cause.kind,
        "rule": cause.rule,
        "event_id": cause.event_id,
        "evidence": dict(cause.evidence),
    }


def standing_of(standing: Standing) -> Members:
    """Return where a subject stands in one model."""
    view, upcoming = standing.view, standing.upcoming
    members: Members = {
        "model": standing.model,
        "model_version": standing.version,
        "stage": view.stage,
        "entered_at": instant(view.entered_at),
        "sequence": view.sequence,
        "cycle": view.cycle,
        "previous": view.previous,
        "entries": dict(view.entries),
        "cause": cause_of(standing.cause),
        "next": None,
        "next_timers": [],
        "signals": dict(view.signals),
        "personas": list(standing.personas),
    }
    if upcoming is not None:
        at = instant(upcoming.at)
        members["next"] = {"stage": upcoming.stage, "at": at, "rule": upcoming.rule}
        members["next_timers"] = [{"to": upcoming.stage, "at": at, "rule": upcoming.rule}]
    if view.coarse:
        members["coarse_signals"] = list(view.coarse)
    return members


def subject_of(subject: Subject, standings: Iterable[Standing]) -> Members:
    """Return a customer or account with its stages."""
    members: Members = {
        "id": subject.key.text,
        "aliases": [alias.text for alias in subject.aliases],
        "first_seen_at": instant(subject.first_seen_at),
        "last_event_at": instant(subject.last_event_at),
        "events": subject.events,
        "traits": dict(subject.traits),
        "stages": [standing_of(each) for each in standings],
    }
    if subject.parked is not None:
        members["parked"] = subject.parked
    return members


def transition_of(record: TransitionRecord) -> Members:
    """Return one recorded transition, suppressed transition or alert."""
    previous = record.time_in_previous
    members: Members = {
        "id": record.id,
        "kind": record.kind,
        "customer_id" if record.subject.kind != "account" else "account_id": record.subject.text,
        "model": record.model,
        "model_version": record.version,
        "sequence": record.sequence,
        "from": record.from_stage,
        "to": record.to_stage,
        "direction": record.direction,
        "steps": record.steps,
        "effective_at": instant(record.effective_at),
        "recorded_at": instant(record.recorded_at),
        "cause": cause_of(record.cause),
        "time_in_previous_seconds": None if previous is None else previous / SECOND,
        "cycle": record.cycle,
        "position": record.asserted_position,
        "retracted_at": instant(record.retracted_at),
    }
    if record.retracted_cause is not None:
        members["retracted_cause"] = record.retracted_cause
    return members


def feed_record_of(record: FeedRecord) -> Members:
    """Return one record of the global feed; `position` is its place in the feed."""
    members = transition_of(record.transition)
    log_position = members.pop("position")
    kind = members.pop("kind")
    return {
        "position": record.position,
        "type": record.kind,
        "kind": kind,
        "log_position": log_position,
        **members,
    }


def event_of(event: StoredEvent) -> Members:
    """Return an event exactly as sent, with what the engine added.

    The values that were sent are copied as text, so no number is rounded and no key is moved. What
    came in another format is told by our names, with the item itself as `original`.
    """
    if event.api_format != "native":
        return {**canonical_of(event), **_added_to(event)}
    members: Members = dict(_members_of(event.payload))
    if _is_absent(members.get("id")):
        members["id"] = event.event_id
    if _is_absent(members.get("source")):
        members["source"] = event.source
    return members | _added_to(event)


def _added_to(event: StoredEvent) -> Members:
    return {
        "position": event.position,
        "recorded_at": instant(event.recorded_at),
        "effective_at": instant(event.effective_at),
        "late": event.late,
        "historical": event.historical,
        "api_format": event.api_format,
        "key_id": event.key_id,
        "voided": event.voided,
    }


def _is_absent(value: object) -> bool:
    return value is None or (isinstance(value, msgspec.Raw) and bytes(value) in {b"null", b'""'})


def explanation_of(found: RuleExplanation) -> Members:
    """Return why one rule does or does not fire."""
    return {
        "rule": found.rule,
        "to": found.to,
        "kind": found.kind,
        "on": list(found.on),
        "matched": found.matched,
        "clauses": [
            {
                "source": clause.source,
                "value": clause.value,
                "error": clause.error,
                "reads": dict(clause.reads),
            }
            for clause in found.clauses
        ],
        "due_at": instant(found.due_at),
        "holds_since": instant(found.holds_since),
        "changes_at": instant(found.changes_at),
    }


def model_version_of(version: ModelVersion, *, whole: bool = False) -> Members:
    """Return a version of a model; *whole* adds the document and its source."""
    members: Members = {
        "model": version.model,
        "version": version.version,
        "hash": version.hash,
        "active": version.active_generation is not None,
        "state": version.state,
        "validated_at": instant(version.validated_at),
        "backtested_at": instant(version.backtested_at),
        "created_at": instant(version.created_at),
        "created_by": version.created_by,
    }
    if whole:
        members["document"] = msgspec.Raw(version.document.encode())
        members["source"] = version.source
    return members


def rebuild_of(generation: Generation, now: int) -> Members:
    """Return the progress of a rebuild."""
    one = generation
    return {
        "id": str(generation.generation),
        "model": generation.model,
        "model_version": generation.version,
        "status": generation.status,
        "mode": "rebuild" if generation.since is None else "from_now",
        "since": instant(generation.since),
        "standby_until": instant(generation.standby_until),
        "activate": generation.activates,
        "done": generation.done,
        "total": generation.total,
        "buckets_done": generation.buckets_done,
        "buckets_total": BUCKETS,
        **pace_of(one.done, one.total, one.started_at, one.finished_at, now),
        "started_at": instant(generation.started_at),
        "finished_at": instant(generation.finished_at),
        "error": generation.error,
    }


def pace_of(done: int, total: int, started_at: int, finished_at: int | None, now: int) -> Members:
    """Return how fast a job is, and how long it will take at that pace."""
    until = now if finished_at is None else finished_at
    seconds = max(0, until - started_at) / SECOND
    speed = done / seconds if seconds > 0 else None
    left = max(0, total - done)
    return {
        "events_per_second": None if speed is None else round(speed, 1),
        "seconds_left": 0 if finished_at is not None else round(left / speed, 1) if speed else None,
    }


def api_key_of(key: ApiKey) -> Members:
    """Return what may be told of an API key; its secret is not known here."""
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "source": key.source,
        "event_types": list(key.event_types),
        "networks": list(key.networks),
        "origins": list(key.origins),
        "events_per_second": key.events_per_second,
        "requests_per_second": key.requests_per_second,
        "created_at": instant(key.created_at),
        "expires_at": instant(key.expires_at),
        "revoked_at": instant(key.revoked_at),
        "last_used_at": instant(key.last_used_at),
        "overlap_until": instant(key.former_until),
    }


def audit_entry_of(entry: AuditEntry) -> Members:
    """Return an entry of the audit log."""
    return {
        "number": entry.number,
        "at": instant(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "target": entry.target,
        "outcome": entry.outcome,
        "before": entry.before,
        "after": entry.after,
        "request_id": entry.request_id,
        "address": entry.address,
    }


def usage_of(usage: Usage) -> Members:
    """Return what a key was used for on a day."""
    return {
        "day": format_instant(usage.day * DAY)[: len("2026-03-02")],
        "key_id": usage.key_id,
        "requests": usage.requests,
        "accepted": usage.events,
        "duplicate": usage.duplicate,
        "rejected": usage.rejected,
    }


def event_type_of(seen: EventTypeCount) -> Members:
    """Return an event type with how often and when it was seen."""
    return {
        "type": seen.type,
        "count": seen.count,
        "first_at": instant(seen.first_at),
        "last_at": instant(seen.last_at),
    }


def event_schema_of(schema: EventSchema) -> Members:
    """Return a schema of the event catalogue."""
    return {
        "type": schema.type,
        "version": schema.version,
        "mode": schema.mode,
        "schema": msgspec.Raw(schema.schema.encode()),
        "created_at": instant(schema.created_at),
        "created_by": schema.created_by,
    }


def tenant_of(tenant: Tenant) -> Members:
    """Return a tenant."""
    return {
        "id": tenant.id,
        "name": tenant.name,
        "created_at": instant(tenant.created_at or None),
    }


def listed(rows: Sequence[Members], next_cursor: str | None) -> Members:
    """Return a part of a list."""
    return {"data": list(rows), "next_cursor": next_cursor, "has_more": next_cursor is not None}
