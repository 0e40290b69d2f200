"""What a rule or alert remembers while the subject stays where it watches."""

from __future__ import annotations

from dataclasses import dataclass

from domain.model import Model, Trigger


@dataclass(slots=True)
class Watch:
    """One rule or alert, and its memory; leaving its stages makes a new one.

    Attributes:
        name: Id of the rule or alert.
        stages: Where it watches; a rule does not watch in its own target.
        target: Where it leads; None for an alert.
        held_since: When the condition, or the event, began to hold; None while it does not.
        told: The condition has been acted on since it last became true.
        spent: The base of the deadline that has fallen: fired, refused or lapsed.
    """

    name: str
    stages: frozenset[str]
    trigger: Trigger
    target: str | None = None
    held_since: int | None = None
    told: bool = False
    spent: int | None = None

    @property
    def is_alert(self) -> bool:
        """Whether it raises an alert rather than leads to a stage."""
        return self.target is None

    @property
    def is_level(self) -> bool:
        """Whether a condition alone triggers it, at once."""
        return self.trigger.kind == "when" and self.trigger.hold is None

    @property
    def is_dated(self) -> bool:
        """Whether it counts from a base: a silence or a date."""
        return self.trigger.kind in ("after", "at")

    def forget(self) -> None:
        """Be as new: the subject has left, or has just come in."""
        self.held_since, self.told, self.spent = None, False, None

    def release(self) -> None:
        """The condition, or the run of events, has been broken."""
        self.held_since, self.told = None, False


def watches_of(model: Model) -> list[Watch]:
    """Return the alerts of *model*, then its rules, each in document order."""
    alerts = [Watch(alert.id, frozenset(alert.stages), alert.trigger) for alert in model.alerts]
    rules = [
        Watch(rule.id, frozenset(rule.sources) - {rule.target}, rule.trigger, rule.target)
        for rule in model.transitions
    ]
    return alerts + rules
