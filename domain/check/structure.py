"""The stages of a model and the ways between them: what nobody reaches, leaves or reads."""

from collections.abc import Iterable, Iterator, Mapping

from domain.cel.syntax import walk
from domain.check.conditions import places, triggers
from domain.check.findings import Finding, error, warning
from domain.check.proofs import Proofs
from domain.document.problems import listed
from domain.machine.flips import signal_name
from domain.model import Model, Rule

Ways = Mapping[str, set[str]]


def check_structure(model: Model, proofs: Proofs) -> Iterator[Finding]:
    """Yield what is wrong with the stages, transitions, metrics and signals as a whole."""
    ways = _ways(model, proofs)
    yield from _unreachable(model, ways)
    yield from _dead_ends(model, ways)
    yield from _suppressed(model)
    yield from _unreachable_metrics(model, ways)
    yield from _unread_signals(model)
    yield from _members_of_nothing(model)


def _ways(model: Model, proofs: Proofs) -> dict[str, set[str]]:
    """Return for each stage those that one transition can lead to."""
    ways: dict[str, set[str]] = {stage.id: set() for stage in model.stages}
    for rule in model.transitions:
        when = rule.trigger.when
        if when is None or not proofs.is_never_true(when):
            for source in leaving(model, rule):
                ways[source].add(rule.target)
    return ways


def leaving(model: Model, rule: Rule) -> tuple[str, ...]:
    """Return the sources from which *rule* can lead anywhere; none backwards if forward only."""
    if model.direction == "free":
        return rule.sources
    order = [stage.id for stage in model.stages]
    return tuple(one for one in rule.sources if order.index(one) < order.index(rule.target))


def _reached(start: str, ways: Ways) -> set[str]:
    found, waiting = {start}, [start]
    while waiting:
        following = ways[waiting.pop()] - found
        found |= following
        waiting.extend(following)
    return found


def _unreachable(model: Model, ways: Ways) -> Iterator[Finding]:
    reached = _reached(model.initial, ways)
    for index, stage in enumerate(model.stages):
        if stage.id not in reached:
            message = (
                f"no path leads from {model.initial} to {stage.id}; add a transition to it, "
                "or remove the stage"
            )
            yield error(f"stages[{index}]", "unreachable_stage", message)


def _dead_ends(model: Model, ways: Ways) -> Iterator[Finding]:
    for index, stage in enumerate(model.stages):
        if stage.kind == "final" and ways[stage.id]:
            targets = listed(sorted(ways[stage.id]))
            message = f"{stage.id} is final, yet transitions lead on from it to {targets}"
            yield warning(f"stages[{index}]", "final_left", message)
        elif stage.kind != "final" and not ways[stage.id]:
            message = f"no transition leaves {stage.id}; add one, or make it `kind: final`"
            yield warning(f"stages[{index}]", "dead_end", message)


def _suppressed(model: Model) -> Iterator[Finding]:
    for index, rule in enumerate(model.transitions):
        forwards = leaving(model, rule)
        backwards = [source for source in rule.sources if source not in forwards]
        if backwards:
            message = (
                f"the model is forward_only, so from {listed(backwards)} this transition back to "
                f"{rule.target} is only ever recorded as suppressed"
            )
            yield warning(f"transitions[{index}]", "always_suppressed", message)


def _unreachable_metrics(model: Model, ways: Ways) -> Iterator[Finding]:
    for metric in model.metrics:
        if metric.reached not in _reached(metric.stage, ways):
            message = f"metric {metric.id}: nobody reaches {metric.reached} from {metric.stage}"
            yield warning(f"metrics.{metric.id}", "unreachable_metric", message)


def _unread_signals(model: Model) -> Iterator[Finding]:
    read = set(_signals_read(model))
    for signal in model.signals:
        if signal.name not in read:
            message = f"signal {signal.name} is never read by a transition, an alert or a persona"
            yield warning(f"signals.{signal.name}", "unread_signal", message)


def _signals_read(model: Model) -> Iterable[str]:
    for place in places(model):
        for node in walk(place.expression.root):
            if (name := signal_name(node)) is not None:
                yield name
    for _, trigger in triggers(model):
        if trigger.since is not None:
            yield trigger.since


def _members_of_nothing(model: Model) -> Iterator[Finding]:
    for signal in model.signals:
        if signal.by_customer and model.subject != "account":
            message = (
                "`by: customer` tells the members of an account apart; "
                f"expected `subject: account`, found {model.subject}"
            )
            yield error(f"signals.{signal.name}.by", "members_of_customer", message)
