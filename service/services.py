"""What one running process is made of: the parts that requests and loops share."""

from __future__ import annotations

from dataclasses import dataclass, field

from service.access.kept_answers import KeptAnswers
from service.access.keys import KeyRing
from service.access.rates import Rates
from service.access.tenants import Tenants
from service.access.usage import Uses
from service.consuming.consumer import Consumer
from service.imports.jobs import Imports
from service.intake.appender import Appender
from service.intake.event_schemas import EventSchemas
from service.intake.ingest import Intake
from service.intake.rejections import Rejections
from service.leases import Alone, Leases
from service.live.live import Live
from service.metrics import Metrics
from service.modelling.backtests import Backtests
from service.modelling.catalogue import Catalogue
from service.modelling.rebuilds import Rebuilds
from service.ports import Clock, Randomness, Store
from service.progress import Progress
from service.publishing.publisher import Publisher
from service.safekeeping.erasing import Erasing
from service.settings import Settings
from service.webhooks.hooks import Hooks
from service.workers.follower import Follower
from service.workers.supervisor import Loops


class Lifecycle:
    """Whether the process is starting, serving or leaving; probes tell it to the outside."""

    def __init__(self) -> None:
        self.started = False
        self.draining = False


@dataclass(frozen=True, slots=True)
class Services:
    """The parts, put together by `service.bootstrap` and nobody else."""

    settings: Settings
    store: Store
    clock: Clock
    randomness: Randomness
    appender: Appender
    intake: Intake
    rejections: Rejections
    imports: Imports
    keys: KeyRing
    rates: Rates
    tenants: Tenants
    event_schemas: EventSchemas
    kept_answers: KeptAnswers
    uses: Uses
    catalogue: Catalogue
    rebuilds: Rebuilds
    backtests: Backtests
    follower: Follower
    metrics: Metrics
    hooks: Hooks
    live: Live
    erasing: Erasing
    cursor_secret: bytes
    consumer: Consumer | None = None
    publishers: tuple[Publisher, ...] = ()
    progress: Progress = field(default_factory=Progress)
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    loops: Loops = field(default_factory=Loops)
    leases: Leases = field(default_factory=Alone)
