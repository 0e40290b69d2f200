"""The transitions of a model against each other: loops without time, ties that order breaks."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from domain.cel.syntax import Ident
from domain.check.atoms import elapsed, signal_node
from domain.check.conditions import triggers
from domain.check.findings import Finding, error, warning
from domain.check.proofs import ALWAYS, Alternatives, Proofs
from domain.check.structure import leaving
from domain.document.problems import listed
from domain.model import ANY, Model, Rule, Trigger

LOOPS_MAX: Final = 10
"""Loops that are reported; the first is reason enough."""

STEPS_MAX: Final = 20_000
"""Steps of the search for loops; a model that needs more is refused as one that may loop."""

_NOW: Final = Ident("now", start=0, end=0)


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from one stage to another that can be gone without time passing.

    Attributes:
        index: Of the rule among the transitions.
        condition: What has to hold, as far as transitions do not change it.
        is_level: A condition alone; else a deadline that may be over when the stage is entered.
    """

    index: int
    rule: Rule
    source: str
    condition: Alternatives | None
    is_level: bool


def check_rules(model: Model, proofs: Proofs) -> Iterator[Finding]:
    """Yield loops without time, and pairs of transitions between which only order decides."""
    yield from _Loops(model, proofs).findings()
    yield from _overlaps(model, proofs)
    yield from _idle_holds(model)


class _Loops:
    """A search for ways back to where one started, in one and the same instant."""

    def __init__(self, model: Model, proofs: Proofs) -> None:
        self._proofs = proofs
        self._order = {stage.id: place for place, stage in enumerate(model.stages)}
        self._edges: dict[str, list[Edge]] = {stage.id: [] for stage in model.stages}
        self._steps = 0
        self._excluded: dict[tuple[int, int], bool] = {}
        for edge in _edges(model, proofs):
            self._edges[edge.source].append(edge)

    def findings(self) -> Iterator[Finding]:
        """Yield the loops found, and that the search was given up, if so."""
        found = 0
        for start in self._order:
            home = self._leading_to(start)
            for loop in self._loops((), start, home):
                if found == LOOPS_MAX:
                    return
                found += 1
                yield _loop(loop)
        if self._steps > STEPS_MAX:
            message = (
                "too many conditions lead from stage to stage to show that none of them loop; "
                "let more transitions wait for an event"
            )
            yield error("transitions", "timeless_loop", message)

    def _leading_to(self, start: str) -> frozenset[str]:
        """Return *start* and the stages after it in the model from which it can be reached."""
        later = [edge for edges in self._edges.values() for edge in edges]
        later = [edge for edge in later if self._order[edge.source] > self._order[start]]
        home, grown = {start}, True
        while grown:
            leading = {edge.source for edge in later if edge.rule.target in home}
            grown = not leading <= home
            home |= leading
        return frozenset(home)

    def _loops(
        self, gone: tuple[Edge, ...], at: str, home: frozenset[str]
    ) -> Iterator[tuple[Edge, ...]]:
        """Yield the loops that begin with *gone*, stay within *home* and end where they began."""
        start = gone[0].source if gone else at
        for edge in self._edges[at]:
            following = edge.rule.target
            if following not in home or not self._can_follow(gone, edge):
                continue
            self._steps += 1
            if self._steps > STEPS_MAX:
                return
            if following == start:
                yield (*gone, edge)
            elif all(following != other.source for other in gone):
                yield from self._loops((*gone, edge), following, home)

    def _can_follow(self, gone: tuple[Edge, ...], edge: Edge) -> bool:
        return not any(self._exclude(other, edge) for other in gone)

    def _exclude(self, one: Edge, other: Edge) -> bool:
        pair = (one.index, other.index)
        if pair not in self._excluded:
            self._excluded[pair] = self._proofs.exclude(one.condition, other.condition)
        return self._excluded[pair]


def _edges(model: Model, proofs: Proofs) -> Iterator[Edge]:
    lasting = {signal.name for signal in model.signals if signal.scope != "stage"}
    for index, rule in enumerate(model.transitions):
        trigger = rule.trigger
        if trigger.hold is not None or trigger.kind == "on":
            continue
        if trigger.kind == "after" and trigger.since not in lasting:
            continue
        condition = proofs.stable(proofs.both(proofs.alternatives(trigger.when), _overdue(trigger)))
        for source in leaving(model, rule):
            yield Edge(index, rule, source, condition, trigger.kind == "when")


def _overdue(trigger: Trigger) -> Alternatives:
    """Return what has to hold for the deadline of *trigger* to be over."""
    if trigger.since is None or trigger.after is None or not trigger.after.is_fixed:
        return ALWAYS
    since = signal_node(trigger.since)
    return ((elapsed(_NOW, since, trigger.after.microseconds),),)


def _loop(loop: tuple[Edge, ...]) -> Finding:
    way = " -> ".join([*(f"{edge.source} ({edge.rule.id})" for edge in loop), loop[0].source])
    path = f"transitions[{loop[0].index}]"
    if all(edge.is_level for edge in loop):
        message = (
            f"{way} may go round in one instant, because nothing shows that the conditions exclude "
            "each other; let one deny another, such as signals.orders >= 2 here and "
            "signals.orders < 2 there, or let time pass with `after` or `for`"
        )
        return error(path, "timeless_loop", message)
    message = (
        f"{way} may go round in one instant, where a deadline is already over when its stage is "
        "entered; each stage is then entered once and the subject stays in the last"
    )
    return warning(path, "overdue_loop", message)


def _overlaps(model: Model, proofs: Proofs) -> Iterator[Finding]:
    for (_, first), (index, second) in combinations(enumerate(model.transitions), 2):
        stages = [stage for stage in first.sources if stage in second.sources]
        if not stages or first.target == second.target:
            continue
        if not _meet(first.trigger, second.trigger):
            continue
        one, other = (proofs.alternatives(rule.trigger.when) for rule in (first, second))
        if not proofs.exclude(one, other):
            message = (
                f"where {first.id} matches, {second.id} may match too (in {listed(stages)}); "
                f"only the order of the document sends the subject to {first.target} and not to "
                f"{second.target}"
            )
            yield warning(f"transitions[{index}]", "overlap", message)


def _meet(one: Trigger, other: Trigger) -> bool:
    """Return whether two triggers can fire by the same event or at the same deadline."""
    if one.kind != other.kind or one.hold is not None or other.hold is not None:
        return False
    match one.kind:
        case "on":
            return ANY in (*one.types, *other.types) or bool({*one.types} & {*other.types})
        case "after":
            return (one.after, one.since) == (other.after, other.since)
        case "at":
            return (one.at, one.offset) == (other.at, other.offset)
    return True


def _idle_holds(model: Model) -> Iterator[Finding]:
    for path, trigger in triggers(model):
        if trigger.kind in ("after", "at") and trigger.hold and trigger.when is None:
            message = "`for` without `when` only makes the deadline later; add it there instead"
            yield warning(f"{path}.for", "hold_without_condition", message)
