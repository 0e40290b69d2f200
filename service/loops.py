"""The loops of a process: what runs beside the requests, how often, and what only one process does.

A loop that only one process may run at a time holds a lease of its name; another process takes over
when the lease runs out. The other loops share their work by leases of their own, or write down only
what this process saw.
"""

from __future__ import annotations

from service.leases import while_held
from service.safekeeping.seals import Sealer
from service.services import Services
from service.workers.supervisor import Round
from service.workers.sweeper import Sweeper

_WORK_PAUSE_SECONDS = 1.0
_SEAL_PAUSE_SECONDS = 10.0
_UPKEEP_PAUSE_SECONDS = 60.0


def start_loops(services: Services) -> None:
    """Start everything that a serving process does beside its requests."""
    start_follower(services)
    start_tail(services)
    _start_shared(services)
    _start_upkeep(services)
    _start_webhooks(services)


def start_follower(services: Services) -> None:
    """Let this process fold what appends leave, whichever process they are of."""
    _alone(services, "follower", services.follower.round, _WORK_PAUSE_SECONDS)


def start_tail(services: Services) -> None:
    """Let readers of the feed in this process be told when there is more."""
    _each(services, "live", services.live.tail.round, _WORK_PAUSE_SECONDS)


def sealer_of(services: Services) -> Sealer:
    """Return what seals the log of *services*."""
    return Sealer(
        services.store,
        services.clock,
        services.randomness,
        range_events=services.settings.seal_events,
    )


def _start_shared(services: Services) -> None:
    """Start what moves events and models on; several processes share most of it."""
    sweeper = Sweeper(services.store, services.clock, services.progress)

    async def sweep_unless_importing() -> bool:
        return False if services.imports.is_at_work else await sweeper.round()

    _alone(services, "sweeper", sweep_unless_importing, _WORK_PAUSE_SECONDS)
    if services.consumer is not None:
        _each(services, "kafka", services.consumer.round, _WORK_PAUSE_SECONDS)
    for publisher in services.publishers:  # each holds a lease of its own
        _each(services, publisher.name, publisher.round, _WORK_PAUSE_SECONDS)
    _each(services, "rebuild", services.rebuilds.round, _WORK_PAUSE_SECONDS)
    _each(services, "backtest", services.backtests.round, _WORK_PAUSE_SECONDS)
    _each(services, "imports", services.imports.round, _WORK_PAUSE_SECONDS)


def _start_upkeep(services: Services) -> None:
    """Start what seals, counts and forgets."""

    async def note_uses() -> bool:
        await services.keys.note_uses()
        return False

    _alone(services, "sealer", sealer_of(services).round, _SEAL_PAUSE_SECONDS)
    _each(services, "key-uses", note_uses, _UPKEEP_PAUSE_SECONDS)
    _each(services, "usage", services.uses.write, _UPKEEP_PAUSE_SECONDS)
    _alone(services, "rejected-events", services.rejections.forget_old, _UPKEEP_PAUSE_SECONDS)
    _alone(services, "erasures", services.erasing.round, _UPKEEP_PAUSE_SECONDS)
    _alone(services, "kept-answers", services.kept_answers.forget, _UPKEEP_PAUSE_SECONDS)


def _start_webhooks(services: Services) -> None:
    """Start what tells endpoints what they asked for."""
    hooks = services.hooks
    _alone(services, "webhook-fan-out", hooks.fan_out.round, _WORK_PAUSE_SECONDS)
    _each(services, "webhook-courier", hooks.courier.round, _WORK_PAUSE_SECONDS)
    _alone(services, "webhook-redeliveries", hooks.redeliveries.round, _WORK_PAUSE_SECONDS)
    _alone(services, "webhook-retention", hooks.deliveries.forget_old, _UPKEEP_PAUSE_SECONDS)


def _each(services: Services, name: str, work: Round, pause_seconds: float) -> None:
    """Run *work* in every process."""
    services.loops.start(name, work, pause_seconds=pause_seconds)


def _alone(services: Services, name: str, work: Round, pause_seconds: float) -> None:
    """Run *work* in the one process that holds the lease *name*."""
    _each(services, name, while_held(services.leases, name, work), pause_seconds)
