"""The composition root: settings in, a running process's parts out; the only importer of adapters.

`build` opens the store, brings its schema up to date, makes sure that there is an admin key and
that the ready-made models asked for are active; `service.loops` starts what runs
beside the requests. `close` undoes it all in reverse.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path

import structlog

from service.access.kept_answers import KeptAnswers
from service.access.keys import DEFAULT_TENANT, KeyRing, id_of, new_token
from service.access.rates import Rates
from service.access.tenants import Tenants
from service.access.usage import Uses
from service.adapters.sqlite import back_up, sqlite_archive, sqlite_store
from service.adapters.system import SystemClock, SystemRandomness
from service.consuming.composing import consumer_of
from service.consuming.records import RecordLog
from service.door.bounds import Bounds
from service.imports.jobs import Doors, Imports
from service.imports.spool import Spool
from service.intake.appender import Appender
from service.intake.event_schemas import EventSchemas
from service.intake.ingest import Intake
from service.intake.rejections import Rejections
from service.leases import Alone, Leases
from service.live.live import live_of
from service.metrics import Metrics
from service.modelling.backtests import Backtests
from service.modelling.catalogue import FIRST_SECONDS_MAX, Catalogue
from service.modelling.model_files import ready_model_keys
from service.modelling.rebuilds import Builders, Rebuilds
from service.ports import Clock, OutdatedFold, Randomness, Store, StoreError
from service.progress import Progress
from service.publishing.composing import publishers_of
from service.publishing.topic import Topic
from service.safekeeping.archive import Archive
from service.safekeeping.erasing import Erasing
from service.schema import NEWEST, SQLITE_PREFIX, sqlite_path, upgrade
from service.services import Services
from service.settings import Settings, SettingsError
from service.webhooks.hooks import hooks_of
from service.workers.follower import Follower

READY_MADE = "ready-made"

_log = structlog.get_logger("stagefold.bootstrap")


def assemble(
    settings: Settings,
    store: Store,
    clock: Clock,
    randomness: Randomness,
    *,
    leases: Leases | None = None,
    builders: Builders | None = None,
) -> Services:
    """Return the services over a store; nothing is started. Without *leases* it is ours alone."""
    progress, leases, metrics = Progress(), leases or Alone(), Metrics()
    rates, uses, follower = _rates(settings, clock), Uses(store, clock), Follower(store, progress)
    appender = _appender(settings, store, clock, progress, follower, builders=builders)
    rebuilds = Rebuilds(store, clock, leases, builders, standby_hours=settings.standby_hours)
    keys, event_schemas = KeyRing(store, clock, randomness), EventSchemas(store, clock)
    intake = _intake(settings, appender, rates, event_schemas, uses)
    pointer, hours = settings.cloudevents_customer_pointer, settings.notify_max_age_hours
    hooks = hooks_of(settings, store, clock, randomness, leases=leases, progress=progress)
    metrics.tell_of(hooks.figures)
    rejections = Rejections(store, clock, intake, customer_pointer=pointer)
    doors = Doors(intake, rejections, leases, metrics.count_outcomes)
    secret = _secret(settings)
    live = live_of(settings, store, clock, progress=progress, metrics=metrics, secret=secret)
    return Services(
        settings=settings,
        store=store,
        clock=clock,
        randomness=randomness,
        appender=appender,
        intake=intake,
        rejections=rejections,
        imports=Imports(store, clock, randomness, doors, Spool.of(settings)),
        keys=keys,
        tenants=Tenants(store, clock, keys),
        event_schemas=event_schemas,
        kept_answers=KeptAnswers(store, clock, randomness),
        uses=uses,
        rates=rates,
        catalogue=Catalogue(store, clock, rebuilds),
        rebuilds=rebuilds,
        backtests=Backtests(store, clock, randomness, notify_max_age_hours=hours),
        follower=follower,
        metrics=metrics,
        hooks=hooks,
        live=live,
        erasing=Erasing(store, clock, randomness, fan_out=hooks.fan_out, progress=progress),
        cursor_secret=secret,
        progress=progress,
        leases=leases,
    )


def _secret(settings: Settings) -> bytes:
    """Return what signs: the same for all processes that share the bootstrap key."""
    return hashlib.sha256(b"cursors" + settings.api_key.encode()).digest()


def _intake(
    settings: Settings, appender: Appender, rates: Rates, catalogue: EventSchemas, uses: Uses
) -> Intake:
    return Intake(
        appender,
        Bounds.of(settings),
        charge=rates.charge,
        catalogue=catalogue,
        count=uses.count_events,
    )


def _rates(settings: Settings, clock: Clock) -> Rates:
    return Rates(
        clock,
        events_per_second=settings.key_events_per_second,
        requests_per_second=settings.key_requests_per_second,
    )


def _appender(
    settings: Settings,
    store: Store,
    clock: Clock,
    progress: Progress,
    follower: Follower,
    *,
    builders: Builders | None,
) -> Appender:
    appender = Appender(
        store,
        clock,
        progress=progress,
        on_left=follower.wake,
        queued_events_max=settings.queue_events_max,
    )
    follower.give_way(appender.is_crowded)
    if builders is not None:
        builders.give_way(appender.is_slow)
    return appender


async def prepare(services: Services) -> None:
    """Make sure of an admin key and of the ready-made models; note that the start is over."""
    settings = services.settings
    token = settings.api_key or _kept_key(settings, services.randomness)
    await services.keys.ensure_bootstrap(token)
    await activate_ready_made(services)
    services.lifecycle.started = True


def _kept_key(settings: Settings, randomness: Randomness) -> str:
    """Return the key in the data folder; at the first start make it, keep it and print it once."""
    path = settings.generated_key_path
    try:
        kept = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        kept = ""
    if kept and id_of(kept) is not None:
        return kept
    token = new_token(randomness)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{token}\n")
    print(f"Admin API key, kept in {path}:\n{token}", file=sys.stderr, flush=True)  # noqa: T201 -- shown once, and never logged
    return token


async def activate_ready_made(services: Services) -> None:
    """Activate the ready-made models that the settings name and that are not active yet.

    One that is being folded becomes active by itself: what is folded anew stays as it was ordered.
    Where history is long, requests are not kept away until all of it is folded.

    Raises:
        SettingsError: A model is named that is not ready-made.
    """
    wanted = _wanted(services.settings, ready_model_keys())
    models = await services.store.models(DEFAULT_TENANT)
    taken = {each.model for each in models if each.active_generation is not None}
    under_way = await services.store.generations_under_way()
    taken |= {one.model for one in under_way if one.tenant == DEFAULT_TENANT}
    begun = []
    for key in wanted:
        if key in taken:
            continue
        text = (files("domain") / "models" / f"{key}.yaml").read_bytes()
        draft = services.catalogue.read(text, "application/yaml", key=key)
        version = await services.catalogue.put(draft, tenant=DEFAULT_TENANT, author=READY_MADE)
        begun.append(await services.catalogue.begin_first(version))
    for one in await services.rebuilds.all_ended(begun, seconds=FIRST_SECONDS_MAX):
        event = "model_being_folded" if one.is_under_way else "model_activated"
        _log.info(event, model=one.model, version=one.version, events=one.total)


def _wanted(settings: Settings, ready: tuple[str, ...]) -> tuple[str, ...]:
    if settings.models == ("none",):
        return ()
    if settings.models == ("all",):
        return ready
    strangers = [key for key in settings.models if key not in ready]
    if strangers:
        message = (
            f"STAGEFOLD_MODELS: expected all, none or some of {', '.join(ready)};"
            f" found {', '.join(strangers)[:200]}"
        )
        raise SettingsError((message,))
    return settings.models


async def build(settings: Settings, *, renews: bool = False) -> Services:
    """Return the services of a process, open and ready to take requests; no loop runs yet.

    What another engine folded is refused, or begun anew where the process *renews* it.

    Raises:
        SettingsError: The settings name what does not exist.
        StoreError: The database cannot be opened, a newer release has written it, or another engine
            folded it.
    """
    store, leases, builders = await _open_store(settings)
    randomness = SystemRandomness()
    whole = replace(settings, api_key=settings.api_key or _kept_key(settings, randomness))
    services = assemble(whole, store, SystemClock(), randomness, leases=leases, builders=builders)
    services = _beside_kafka(services)
    services.appender.start()
    async with AsyncExitStack() as undoing:
        undoing.push_async_callback(close, services)
        if renews:
            await store.retire_outdated(services.clock.now())
        outdated = await store.outdated()
        if outdated is not None:
            raise OutdatedFold(outdated)
        await prepare(services)
        undoing.pop_all()
    return services


def taking_in(services: Services, records: RecordLog) -> Services:
    """Return *services* with something that takes *records* in; it is not started."""
    consumer = consumer_of(
        services.settings,
        records,
        store=services.store,
        clock=services.clock,
        rejections=services.rejections,
        erasing=services.erasing,
        metrics=services.metrics,
    )
    return replace(services, consumer=consumer)


def publishing(services: Services, open_topic: Callable[[str], Topic]) -> Services:
    """Return *services* with what writes to topics; it is not started."""
    publishers = publishers_of(
        services.settings,
        open_topic,
        store=services.store,
        clock=services.clock,
        leases=services.leases,
        progress=services.progress,
        metrics=services.metrics,
    )
    return replace(services, publishers=publishers)


def _beside_kafka(services: Services) -> Services:
    """Return *services* with what takes from Kafka and writes there, if brokers are named."""
    settings = services.settings
    if not settings.kafka_bootstrap_servers:
        return services
    from service.adapters.kafka import (  # noqa: PLC0415 -- most do without it
        KafkaRecords,
        KafkaTopic,
    )

    if settings.kafka_topics:
        services = taking_in(services, KafkaRecords(settings))
    if settings.kafka_transitions_topics or settings.kafka_rejected_topics:
        services = publishing(services, partial(KafkaTopic, settings))
    return services


async def _open_store(settings: Settings) -> tuple[Store, Leases, Builders | None]:
    if settings.database.startswith(SQLITE_PREFIX):
        path = sqlite_path(settings.database)
        upgrade(path)
        return sqlite_store(path), Alone(), None
    if settings.database.startswith("memory://"):
        from service.adapters.memory import memory_store  # noqa: PLC0415 -- for trying out

        return memory_store(), Alone(), None
    from service.adapters.postgres import (  # noqa: PLC0415 -- its driver loads slowly
        PostgresBuilders,
        postgres_store,
    )

    store = await postgres_store(settings.database, reader_role=settings.postgres_reader_role)
    processes = rebuild_processes(settings.rebuild_processes)
    builders = PostgresBuilders(settings.database, store, processes) if processes else None
    return store, store.leases, builders


async def open_archive(settings: Settings) -> tuple[Store, Archive]:
    """Return the store and what copies all of it; nothing is started and nothing made sure of.

    Raises:
        SettingsError: The database is one that nothing is kept in.
        StoreError: It cannot be opened, or a newer release has written it.
    """
    if settings.database.startswith(SQLITE_PREFIX):
        path = sqlite_path(settings.database)
        upgrade(path)
        return sqlite_archive(path)
    if settings.database.startswith("memory://"):
        message = "STAGEFOLD_DATABASE_URL: expected a database that is kept, found memory://"
        raise SettingsError((message,))
    from service.adapters.postgres import postgres_store  # noqa: PLC0415 -- as above

    store = await postgres_store(settings.database, reader_role=settings.postgres_reader_role)
    return store, store.archive


def rebuild_processes(wanted: int | None) -> int:
    """Return how many processes rebuild: one core is left to serve, where there are several."""
    return max(1, (os.cpu_count() or 1) - 1) if wanted is None else wanted


def copy_database(settings: Settings, target: Path, watch: Callable[[Path], None]) -> None:
    """Write the embedded database, as it is now, to *target*, which *watch* may look at meanwhile.

    Raises:
        StoreError: It cannot be read, or the disk is full.
    """
    back_up(sqlite_path(settings.database), target, watch)


async def migrate(settings: Settings) -> str:
    """Bring the schema of the database up to date and return the migration that it is at.

    Raises:
        StoreError: The database cannot be opened, or a newer release has written it.
    """
    if settings.database.startswith(SQLITE_PREFIX):
        upgrade(sqlite_path(settings.database))
    elif not settings.database.startswith("memory://"):
        from service.adapters.postgres import upgrade_database  # noqa: PLC0415 -- as above

        role = settings.postgres_reader_role
        await upgrade_database(settings.database, reader_role=role)
    return NEWEST


async def close(services: Services) -> None:
    """Stop the loops, write what waits, and give everything back."""
    services.lifecycle.draining = True
    services.live.tail.leave()
    await services.loops.stop()
    if services.consumer is not None:
        await services.consumer.close()
    await services.backtests.close()
    await services.rebuilds.close()
    await services.appender.close()
    lasts = {
        **{f"topic {each.figures.topic}": each.close for each in services.publishers},
        "webhooks": services.hooks.close,
        "imports": services.imports.close,
        "key-uses": services.keys.note_uses,
        "usage": services.uses.write_all,
        "leases": services.leases.release,
    }
    for name, write in lasts.items():
        try:
            await write()
        except StoreError as error:
            _log.warning("not_written_at_close", what=name, error=str(error))
    await services.store.close()
