"""A lifecycle model as frozen values: what a model document means once it has been read.

Nothing here computes: `domain.document` builds a `Model` from a mapping, `domain.check` judges it,
`domain.machine` compiles it. Names follow `docs/glossary.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.cel.syntax import Expression
    from domain.durations import Duration

Direction = Literal["free", "forward_only"]
SubjectKind = Literal["customer", "account"]
StageKind = Literal["active", "final", "stopped"]
Scope = Literal["all", "cycle", "stage"]
SignalKind = Literal["count", "sum", "avg", "min", "max", "distinct", "first", "last", "latest"]
UpcastKind = Literal["rename", "default", "move", "drop", "convert"]
TriggerKind = Literal["on", "after", "at", "when"]

ANY = "*"
"""In `types`: any behaviour event, that is, any type that does not begin with `$`."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One of a model's exclusive states; its place in `Model.stages` is its order."""

    id: str
    title: Mapping[str, str]
    kind: StageKind = "active"


@dataclass(frozen=True, slots=True)
class Signal:
    """A named value that the fold keeps up to date.

    Attributes:
        types: Canonical event types that it counts or reads; `("*",)` for any behaviour.
        value: What is summed, compared, kept or told apart; None for count, first and last.
        where: Condition an event must meet to be taken in; None for every event.
        within: Window; an element taken in at `x` belongs to it while `x <= t < x + within`.
        scope: `cycle` and `stage` start anew when the subject enters a new cycle or stage.
        by_customer: The count tells the members of an account apart (`by: customer`).
    """

    name: str
    kind: SignalKind
    types: tuple[str, ...]
    value: Expression | None = None
    where: Expression | None = None
    within: Duration | None = None
    scope: Scope = "all"
    by_customer: bool = False

    @property
    def is_instant(self) -> bool:
        """Whether the value is an instant (or null): only such a signal can be a `since`."""
        return self.kind in ("first", "last")


@dataclass(frozen=True, slots=True)
class Trigger:
    """What makes a rule fire; exactly one kind.

    Attributes:
        kind: `on` an event, `after` a silence, `at` a date the subject carries, `when` alone.
        types: For `on`: canonical event types, or `("*",)`.
        after: For `after`: length of the silence.
        since: For `after`: instant signal it counts from; None for the entry into the stage.
        at: For `at`: expression that yields an instant, or text of a date or an instant.
        offset: For `at`: added to the instant, may be negative.
        when: Condition; the trigger itself where kind is `when`.
        hold: `for`: how long the condition must have held without a break.
    """

    kind: TriggerKind
    types: tuple[str, ...] = ()
    after: Duration | None = None
    since: str | None = None
    at: Expression | None = None
    offset: Duration | None = None
    when: Expression | None = None
    hold: Duration | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A transition of the model; document order is priority, the first that matches wins.

    Attributes:
        sources: Ids of the stages it leaves, in model order; `from: "*"` is spelled out.
    """

    id: str
    sources: tuple[str, ...]
    target: str
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class Alert:
    """A named business alert: a rule without a target.

    Attributes:
        stages: Ids of the stages in which it watches, in model order; all where none was named.
    """

    id: str
    stages: tuple[str, ...]
    trigger: Trigger
    title: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Persona:
    """A named predicate over a subject's signals and traits, evaluated when somebody looks."""

    id: str
    when: Expression
    title: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metric:
    """What the business measures in a stage: the share that reaches another one in time."""

    id: str
    stage: str
    reached: str
    within: Duration
    target: float | None = None
    title: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpcastStep:
    """One change of an event's properties; what it names may be missing.

    Attributes:
        path: Names from the properties down.
        to: For `rename` and `move`: where it stands afterwards.
        value: For `default`: what a missing or null value becomes; plain JSON.
        expression: For `convert`: what it becomes, from `properties`.
    """

    kind: UpcastKind
    path: tuple[str, ...]
    to: tuple[str, ...] = ()
    value: object = None
    expression: Expression | None = None


@dataclass(frozen=True, slots=True)
class Upcast:
    """How an event of one schema version is read as of the next.

    Attributes:
        event: Canonical event type.
        version: The version it leads on from.
        steps: In order.
    """

    event: str
    version: int
    steps: tuple[UpcastStep, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A lifecycle, parsed and whole.

    Attributes:
        key: The model's name, `[a-z0-9][a-z0-9_-]{0,63}`.
        events: Other name of an event type -> canonical type.
        upcasts: How events of older schema versions are read, by event and version.
        timezone: IANA name; calendar months and years are counted on its wall clock.
        document: Canonical JSON form of the document, the source of `hash`.
        hash: SHA-256 of the canonical JSON, 64 hexadecimal digits: the model version's identity.
    """

    key: str
    title: Mapping[str, str]
    subject: SubjectKind
    direction: Direction
    initial: str
    timezone: str
    events: Mapping[str, str]
    signals: tuple[Signal, ...]
    stages: tuple[Stage, ...]
    transitions: tuple[Rule, ...]
    alerts: tuple[Alert, ...]
    personas: tuple[Persona, ...]
    metrics: tuple[Metric, ...]
    document: Mapping[str, object]
    hash: str
    upcasts: tuple[Upcast, ...] = ()
