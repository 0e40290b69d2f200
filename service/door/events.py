"""One event's text judged: a `NewEvent` for the log, or every fault that it has.

The usual event takes the short way: one plain parse, a proof by counting that no strict reading is
needed (`strict.is_plain`), and a check per field. All others are read again, strictly. The words of
a fault are made only for events that are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from domain.instants import format_instant
from service.door import fields
from service.door.bounds import Bounds
from service.door.control import check_control
from service.door.faults import Fault, shown
from service.door.readings import Reading, first
from service.door.strict import is_plain, read
from service.ports import NewEvent

RESERVED_FIELDS = frozenset(
    {"api_format", "effective_at", "historical", "key_id", "late", "position", "recorded_at"}
)

USUAL_FIELDS = frozenset({"id", "type", "customer_id", "occurred_at", "properties"})

_decode = msgspec.json.Decoder(dict[str, object]).decode


class Origin(msgspec.Struct, frozen=True):
    """What the events of one request have in common.

    Attributes:
        tenant: Whose they are.
        source: Stands in where an event names no source.
        now: Our clock, microseconds since the epoch.
        new_id: Makes an id where an event has none.
        forced_source: The key speaks for *source* only; another one is refused.
        key_id: Id of the API key.
        historical: Part of an import of the past.
        traceparent: W3C trace context of the request.
        reading: How the format of the request says what we call id, type and so on; None: as we do.
        received_at: When the events first reached us, if that was before *now*.
        event_types: Patterns of the types that the key may send; none for all.
    """

    tenant: str
    source: str
    now: int
    new_id: Callable[[], str]
    forced_source: bool = False
    key_id: str | None = None
    historical: bool = False
    traceparent: str | None = None
    reading: Reading | None = None
    received_at: int | None = None
    event_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that does not enter: its id, if it has a usable one, and every fault found."""

    event_id: str | None
    faults: tuple[Fault, ...]


class Door:
    """Judges the texts of events that share an origin."""

    def __init__(self, bounds: Bounds, origin: Origin) -> None:
        self._bounds = bounds
        self._origin = origin
        self._is_native = origin.reading is None and origin.received_at is None

    def check(self, text: str) -> NewEvent | Refused:
        """Return the event that *text* holds, or why it is refused."""
        bounds = self._bounds
        try:
            item = _decode(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return self._check_strictly(text)
        if not is_plain(text, item, bounds):
            return self._check_strictly(text)
        usual = self._usual(text, item) if self._is_native else None
        return usual or self._judge(text, item, [])

    def usual(self, text: str) -> NewEvent | None:
        """Return the event of *text* if it says only what most say, id and time among it.

        None for everything else: whether that is right, `check` finds out.
        """
        try:
            item = _decode(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        if item.get("occurred_at") is None or not is_plain(text, item, self._bounds):
            return None
        return self._usual(text, item)

    def _usual(self, text: str, item: Mapping[str, object]) -> NewEvent | None:
        """Return the event of a plain *text* that says only what most say; else None.

        What is not usual may be right or wrong: that takes a closer look.
        """
        get, origin = item.get, self._origin
        event_id, event_type, customer_id = get("id"), get("type"), get("customer_id")
        if not item.keys() <= USUAL_FIELDS or type(get("properties")) is not dict:
            return None
        if not fields.are_usual_names(event_id, event_type, customer_id, self._bounds):
            return None
        faults: list[Fault] = []
        occurred_at = fields.instant(
            get("occurred_at"), "occurred_at", now=origin.now, bounds=self._bounds, faults=faults
        )
        if faults:
            return None
        return NewEvent(
            origin.tenant,
            event_id,  # type: ignore[arg-type]  # looked at above
            origin.source,
            event_type,  # type: ignore[arg-type]  # same
            occurred_at,
            text,
            customer_id,  # type: ignore[arg-type]  # same
            key_id=origin.key_id,
            historical=origin.historical,
            traceparent=origin.traceparent,
        )

    def warning(self, event: NewEvent) -> str | None:
        """Return what is odd about an accepted event, if anything."""
        said = event.occurred_at
        if said is None or said <= self._origin.now + self._bounds.ahead_warned:
            return None
        return "occurred_at is ahead of our clock; it counts as the instant of recording"

    def _check_strictly(self, text: str) -> NewEvent | Refused:
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > self._bounds.event_bytes_max:
            message = (
                f"expected at most {self._bounds.event_bytes_max} bytes, found {size};"
                " send less in properties"
            )
            return Refused(None, (Fault("", "event_too_large", message),))
        value, faults = read(text, self._bounds)
        if not isinstance(value, dict):
            if not faults:
                message = f"an event is a JSON object, found {shown(value)}"
                faults = (Fault("", "not_an_object", message),)
            return Refused(None, faults)
        return self._judge(text, value, list(faults))

    def _judge(
        self, text: str, item: Mapping[str, object], faults: list[Fault]
    ) -> NewEvent | Refused:
        reading, received_at = self._origin.reading, self._origin.received_at
        if reading is None and received_at is None:
            return self._event(text, item, faults)
        if reading is None:
            return self._event(text, _dated(item, received_at), faults)
        said = reading.canonical(item, self._origin.now if received_at is None else received_at)
        judged = self._event(text, _dated(said, received_at), [])
        own = [*faults, *reading.faults(item)]
        if isinstance(judged, NewEvent) and not own:
            judged.payload = reading.stored(text, item)
            judged.api_format = reading.api_format
            return judged
        places = {fault.pointer for fault in own}
        further = () if isinstance(judged, NewEvent) else map(reading.told, judged.faults)
        own += [fault for fault in further if fault.pointer not in places]
        return Refused(judged.event_id, tuple(own))

    def _event(
        self, text: str, item: Mapping[str, object], faults: list[Fault]
    ) -> NewEvent | Refused:
        bounds, origin, get, name = self._bounds, self._origin, item.get, fields.name
        event_id = name(get("id"), "id", bounds, faults)
        event_type = name(get("type"), "type", bounds, faults)
        customer_id = name(get("customer_id"), "customer_id", bounds, faults)
        anonymous_id = get("anonymous_id")
        if anonymous_id is not None:
            anonymous_id = name(anonymous_id, "anonymous_id", bounds, faults)
        source = get("source")
        if source is not None:
            source = name(source, "source", bounds, faults)
        occurred_at = fields.instant(
            get("occurred_at"), "occurred_at", now=origin.now, bounds=bounds, faults=faults
        )
        properties = fields.mapping(get("properties"), "properties", faults)
        if event_type is None or event_type[0] == "$":
            _check_type(event_type, item, properties, bounds, faults)
        if customer_id is None and anonymous_id is None:
            _check_customer(faults)
        if origin.forced_source or not RESERVED_FIELDS.isdisjoint(item):
            self._check_rights(item, source, faults)
        account_id = get("account_id")
        if account_id is not None:
            account_id = name(account_id, "account_id", bounds, faults)
        if faults or event_type is None:
            return Refused(event_id, tuple(faults))
        return NewEvent(
            origin.tenant,
            event_id or origin.new_id(),
            source or origin.source,
            event_type,
            occurred_at,
            text,
            customer_id,
            anonymous_id,
            account_id,
            "native",
            origin.key_id,
            origin.historical,
            origin.traceparent,
        )

    def _check_rights(
        self, item: Mapping[str, object], source: str | None, faults: list[Fault]
    ) -> None:
        """Refuse fields that are ours to add, and to speak for another source."""
        for field in sorted(RESERVED_FIELDS.intersection(item)):
            message = f"{field} is added by the engine; leave it out, or put it into properties"
            faults.append(Fault(f"/{field}", "reserved_field", message))
        wanted = self._origin.source
        if self._origin.forced_source and source not in {None, wanted}:
            message = f"source: this API key speaks for {shown(wanted)}, found {shown(source)}"
            faults.append(Fault("/source", "source_not_allowed", message))


def _dated(item: Mapping[str, object], received_at: int | None) -> Mapping[str, object]:
    """Return *item*; without a time of its own it happened when it first reached us."""
    if received_at is None or first(item.get("occurred_at")) is not None:
        return item
    return {**item, "occurred_at": format_instant(received_at)}


def _check_type(
    event_type: str | None,
    item: Mapping[str, object],
    properties: Mapping[str, object] | None,
    bounds: Bounds,
    faults: list[Fault],
) -> None:
    if event_type is not None:
        check_control(event_type, item, properties, bounds, faults)
    elif not any(fault.pointer == "/type" for fault in faults):
        message = "an event needs a type, for example order_completed"
        faults.append(Fault("/type", "type_missing", message))


def _check_customer(faults: list[Fault]) -> None:
    if not any(fault.pointer in {"/customer_id", "/anonymous_id"} for fault in faults):
        message = "an event needs customer_id or anonymous_id"
        faults.append(Fault("", "customer_missing", message))
