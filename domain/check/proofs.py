"""Proofs about conditions: that one can never be true, or that two are never true together.

A condition becomes a few alternatives (its disjunctive normal form), each a set of atoms that must
all hold. An alternative is impossible where two of its atoms contradict. The proofs are sound and
not complete: "not proven" means no more than that.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Final

from domain.cel.syntax import Call, Expression, Ident, Node, walk
from domain.check.atoms import (
    Atom,
    Interval,
    Quantity,
    atom_of,
    contradict,
    difference,
    signal_node,
    single_name,
)
from domain.check.constants import is_constant, value_of
from domain.machine.flips import signal_name
from domain.model import ANY, Model, Signal

ALTERNATIVES_MAX: Final = 64
"""A condition with more alternatives than this is not looked into; nothing is then proven of it."""

ATOMS_MAX: Final = 64
"""The same for the atoms of one alternative."""

PAIRS_MAX: Final = 50_000
"""Pairs of alternatives that one check compares; after that nothing more is proven."""

Alternative = tuple[Atom, ...]
Alternatives = tuple[Alternative, ...]

ALWAYS: Final[Alternatives] = ((),)
NEVER: Final[Alternatives] = ()


@dataclass(slots=True)  # counts what it has compared, so that a check ends in good time
class Proofs:
    """What is known of a model's names while its conditions are compared.

    Attributes:
        least: Names that are whole numbers, with the least they can be.
        silences: Windowed count -> (last signal, window): a count of one or more within the window
            means that the last such event is younger than it.
        unstable: Names that a transition changes, even where no time passes.
    """

    least: Mapping[str, int]
    silences: Mapping[str, tuple[tuple[str, int], ...]]
    unstable: frozenset[str]
    _known: dict[str, Alternatives | None] = field(default_factory=dict)
    _pairs: int = 0

    def alternatives(self, expression: Expression | None) -> Alternatives | None:
        """Return the possible alternatives of *expression*; None where there are too many."""
        if expression is None:
            return ALWAYS
        if expression.source not in self._known:
            found = _alternatives(expression.root, is_negated=False)
            self._known[expression.source] = None if found is None else self._possible(found)
        return self._known[expression.source]

    def is_never_true(self, expression: Expression) -> bool:
        """Return whether *expression* can be shown never to be true."""
        return self.alternatives(expression) == NEVER

    def is_always_true(self, expression: Expression) -> bool:
        """Return whether *expression* can be shown to be true, or in error, at any time."""
        found = _alternatives(expression.root, is_negated=True)
        return found is not None and self._possible(found) == NEVER

    def exclude(self, one: Alternatives | None, other: Alternatives | None) -> bool:
        """Return whether two conditions can be shown never to be true together."""
        if one is None or other is None:
            return False
        self._pairs += len(one) * len(other)
        if self._pairs > PAIRS_MAX:
            return False
        pairs = ((*first, *second) for first, second in product(one, other))
        return not any(self._is_possible(self._with_consequences(pair)) for pair in pairs)

    def both(self, one: Alternatives | None, other: Alternatives | None) -> Alternatives | None:
        """Return the alternatives in which two conditions hold together."""
        joined = _both([one, other])
        return None if joined is None else self._possible(joined)

    def stable(self, alternatives: Alternatives | None) -> Alternatives | None:
        """Return *alternatives* without what a transition changes: a weaker condition."""
        if alternatives is None:
            return None
        return tuple(
            tuple(atom for atom in alternative if not self._is_unstable(atom))
            for alternative in alternatives
        )

    def _is_unstable(self, atom: Atom) -> bool:
        nodes = atom.quantity if isinstance(atom.quantity, tuple) else ((atom.quantity, 1),)
        return any(
            (isinstance(part, Ident) and part.name in self.unstable)
            or f"signals.{signal_name(part)}" in self.unstable
            for node, _ in nodes
            for part in walk(node)
        )

    def _possible(self, alternatives: Iterable[Alternative]) -> Alternatives:
        known = (self._with_consequences(alternative) for alternative in alternatives)
        return tuple(alternative for alternative in known if self._is_possible(alternative))

    def _is_possible(self, alternative: Alternative) -> bool:
        alike: dict[Quantity, list[Atom]] = {}
        for atom in alternative:
            alike.setdefault(atom.quantity, []).append(atom)
        pairs = (pair for atoms in alike.values() for pair in combinations(atoms, 2))
        return not any(contradict(*pair) for pair in pairs)

    def _with_consequences(self, alternative: Alternative) -> Alternative:
        """Return *alternative* with what follows from the kinds of signals it reads."""
        atoms: dict[Atom, None] = {}
        for atom in alternative:
            name = single_name(atom.quantity)
            if name is None or name not in self.least or not isinstance(atom, Interval):
                atoms[atom] = None
                continue
            whole = atom.of_whole_numbers()
            atoms[whole] = None
            atoms[Interval(atom.quantity, low=self.least[name])] = None
            if whole.low >= 1:
                atoms |= dict.fromkeys(self._recent(name))
        return tuple(atoms)

    def _recent(self, name: str) -> Iterable[Atom]:
        now = Ident("now", start=0, end=0)
        for signal, window in self.silences.get(name, ()):
            yield difference(now, signal_node(signal), window)


def proofs_of(model: Model) -> Proofs:
    """Return what is known of the names of *model*."""
    signals = model.signals
    counts = [signal for signal in signals if signal.kind in ("count", "distinct")]
    scoped = {f"signals.{signal.name}" for signal in signals if signal.scope != "all"}
    return Proofs(
        least={"cycle": 1} | {f"signals.{signal.name}": 0 for signal in counts},
        silences={
            f"signals.{count.name}": tuple(
                (last.name, count.within.microseconds)
                for last in signals
                if _is_newest_of(last, count)
            )
            for count in counts
            if count.within is not None and count.within.is_fixed
        },
        unstable=frozenset(scoped | {"stage", "cycle", "entered_at"}),
    )


def _is_newest_of(last: Signal, count: Signal) -> bool:
    """Return whether every event that *count* takes in is taken in by *last* too."""
    takes_all = last.where is None and last.within is None and last.scope == "all"
    return (
        last.kind == "last"
        and takes_all
        and (last.types == (ANY,) or set(count.types) <= set(last.types))
    )


def _alternatives(node: Node, *, is_negated: bool) -> tuple[Alternative, ...] | None:
    match node:
        case Call(function="!_", args=(inner,)):
            return _alternatives(inner, is_negated=not is_negated)
        case Call(function="_&&_" | "_||_" as operator, args=args):
            parts = [_alternatives(part, is_negated=is_negated) for part in args]
            is_both = (operator == "_&&_") is not is_negated
            return _both(parts) if is_both else _either(parts)
    if is_constant(node) and isinstance(value := value_of(node), bool):
        return ALWAYS if value is not is_negated else NEVER
    return ((atom_of(node, is_negated=is_negated),),)


Parts = list[tuple[Alternative, ...] | None]


def _both(parts: Parts) -> tuple[Alternative, ...] | None:
    return _bounded(parts, lambda one, two: tuple((*a, *b) for a, b in product(one, two)))


def _either(parts: Parts) -> tuple[Alternative, ...] | None:
    return _bounded(parts, lambda one, two: (*one, *two))


def _bounded(
    parts: Parts,
    join: Callable[[Alternatives, Alternatives], Alternatives],
) -> Alternatives | None:
    joined = parts[0]
    for part in parts[1:]:
        if joined is None or part is None or len(joined) * len(part) > ALTERNATIVES_MAX:
            return None
        joined = join(joined, part)
        if any(len(alternative) > ATOMS_MAX for alternative in joined):
            return None
    return joined
