"""Facts: what a model reads of the properties and traits that events bring.

Stages follow from these and from nothing else that a producer says; the rest of an event may go
and every stage, of now and of then, stays what it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from domain.cel.names import reads

if TYPE_CHECKING:
    from domain.cel.syntax import Expression
    from domain.model import Model

_ROOTS: Final[Mapping[str, object]] = {"properties": None, "traits": None}

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Which properties and traits are read.

    Attributes:
        properties: Paths from the properties down; the empty one stands for all of them.
        traits: Names of traits; the empty one stands for all of them.
    """

    properties: frozenset[Path] = frozenset()
    traits: frozenset[str] = frozenset()

    def __or__(self, other: Facts) -> Facts:
        """Return what either reads."""
        return Facts(self.properties | other.properties, self.traits | other.traits)

    @property
    def is_everything(self) -> bool:
        """Whether properties or traits are read as a whole, so that none can be spared."""
        return () in self.properties or "" in self.traits

    @property
    def names(self) -> tuple[str, ...]:
        """Return them as conditions spell them, sorted."""
        properties = (".".join(("properties", *path)) for path in self.properties)
        return tuple(sorted({*properties, *(f"traits.{name}" for name in self.traits)}))


def facts_of(model: Model) -> Facts:
    """Return what *model* reads, upcasts included."""
    properties: set[Path] = set()
    traits: set[str] = set()
    for expression in _expressions(model):
        for name in reads(expression, _ROOTS):
            root, *path = name.split(".")
            if root == "properties":
                properties.add(tuple(path))
            else:
                traits.add(path[0] if path else "")
    for upcast in model.upcasts:
        for step in upcast.steps:
            properties.add(step.path)
    return Facts(frozenset(properties), frozenset(traits))


def _expressions(model: Model) -> Iterator[Expression]:
    triggers = [each.trigger for each in model.transitions]
    triggers += [each.trigger for each in model.alerts]
    found: list[Expression | None] = [x for one in triggers for x in (one.at, one.when)]
    found += [x for signal in model.signals for x in (signal.value, signal.where)]
    found += [persona.when for persona in model.personas]
    found += [step.expression for upcast in model.upcasts for step in upcast.steps]
    yield from (expression for expression in found if expression is not None)


def reduced(properties: Mapping[str, object], facts: Iterable[Path]) -> dict[str, object]:
    """Return *properties* with nothing in them but what the paths of *facts* lead to."""
    kept: dict[str, object] = {}
    for path in sorted(facts, key=len, reverse=True):
        _keep(properties, kept, path)
    return kept


def _keep(source: Mapping[str, object], kept: dict[str, object], path: Path) -> None:
    if not path:
        kept.update(source)
        return
    name, *rest = path
    if name not in source:
        return
    found = source[name]
    if not rest:
        kept[name] = found
        return
    if not isinstance(found, dict):  # nothing leads on from it, but what it is may be asked
        kept.setdefault(name, None if found is None else type(found)())
        return
    inner = kept.setdefault(name, {})
    if isinstance(inner, dict):
        _keep(found, inner, tuple(rest))
