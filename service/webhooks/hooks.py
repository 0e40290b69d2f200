"""Everything about webhooks that requests, commands and loops share, put together once."""

from __future__ import annotations

from dataclasses import dataclass

from service.leases import Leases
from service.ports import Clock, Randomness, Store
from service.progress import Progress
from service.settings import Settings
from service.webhooks.addresses import parse_networks
from service.webhooks.courier import Courier
from service.webhooks.deliveries import Deliveries
from service.webhooks.endpoints import Endpoints
from service.webhooks.fan_out import FanOut
from service.webhooks.figures import HookFigures
from service.webhooks.redeliveries import Redeliveries
from service.webhooks.targets import Guard, Resolve, resolve
from service.webhooks.transport import GuardedClient


@dataclass(frozen=True, slots=True)
class Hooks:
    """The parts of webhooks."""

    endpoints: Endpoints
    deliveries: Deliveries
    redeliveries: Redeliveries
    fan_out: FanOut
    courier: Courier
    figures: HookFigures

    async def close(self) -> None:
        """Let what is under way end, and give connections back."""
        await self.courier.close()


def hooks_of(
    settings: Settings,
    store: Store,
    clock: Clock,
    randomness: Randomness,
    *,
    leases: Leases,
    progress: Progress,
    client: GuardedClient | None = None,
    look_up: Resolve = resolve,
) -> Hooks:
    """Return the parts over a store; nothing is started."""
    guard = Guard(parse_networks(settings.webhook_allow_cidrs))
    if client is None:
        client = GuardedClient(guard, look_up=look_up)
    figures = HookFigures(store, clock)
    courier = Courier(
        store,
        clock,
        randomness,
        client,
        leases,
        figures=figures,
        lease_seconds=settings.webhook_lease_seconds,
        in_flight_max=settings.webhook_in_flight_max,
        host_in_flight_max=settings.webhook_host_in_flight_max,
    )
    fan_out = FanOut(store, clock, progress, courier.wake)
    hooks = Hooks(
        Endpoints(
            store,
            clock,
            randomness,
            client,
            guard=guard,
            look_up=look_up,
            origin=settings.webhook_origin,
        ),
        Deliveries(store, clock, kept_days=settings.webhook_retention_days),
        Redeliveries(store, clock, randomness, fan_out.feed),
        fan_out,
        courier,
        figures,
    )
    for part in (hooks.endpoints, hooks.deliveries, hooks.redeliveries):
        part.changed = courier.wake
    return hooks
