"""The settings of the service: one frozen value, read once from the environment.

A setting is declared in one place, its field below; `STAGEFOLD_` and the field's name in capitals
is the variable. Nothing is read at import, and every mistake is reported, not the first.
`docs/settings.md` lists them and a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeVar

from service.access.networks import network_in

T = TypeVar("T")

PREFIX = "STAGEFOLD_"
API_KEY_LENGTH_MIN = 32

_PORT_MAX = 65_535
_SHOWN_MAX = 60
_LOG_LEVELS = ("debug", "info", "warning", "error")
_LOG_FORMATS = ("auto", "json", "console")
_is_topic = re.compile(r"[A-Za-z0-9._-]{1,249}").fullmatch
_is_role = re.compile(r"[a-z_][a-z0-9_]{0,62}").fullmatch
_DATA_DIR = Path("stagefold-data")
_DATABASE_SCHEMES = ("sqlite", "postgresql", "memory")


class SettingsError(ValueError):
    """Some variables of the environment cannot be used; `problems` names each of them."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _text(value: str) -> str:
    return value


def _folder(value: str) -> Path:
    return Path(value).expanduser()


def _port(value: str) -> int:
    return _whole(value, low=0, high=_PORT_MAX)


def _amount(value: str) -> int:
    return _whole(value, low=1, high=2**40)


def _memory(value: str) -> int:
    return _whole(value, low=1 << 27, high=2**40)


def _range(value: str) -> int:
    return _whole(value, low=1, high=100_000)


def _batch(value: str) -> int:
    return _whole(value, low=1, high=10_000)


def _quota(value: str) -> int:
    return _whole(value, low=0, high=10**9)


def _count(value: str) -> int | None:
    return _whole(value, low=0, high=256)


def _hours(value: str) -> int:
    return _whole(value, low=0, high=24 * 366)


def _days(value: str) -> int:
    return _whole(value, low=1, high=3_660)


def _whole(value: str, *, low: int, high: int) -> int:
    if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
        raise ValueError(f"expected a whole number from {low} to {high}")
    return int(value)


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 86_400:  # noqa: PLR2004 -- a day, in seconds
        raise ValueError("expected seconds, more than 0 and at most 86400")
    return seconds


def _names(value: str) -> tuple[str, ...]:
    return tuple(name for part in value.split(",") if (name := part.strip()))


def _topics(value: str) -> tuple[tuple[str, str], ...]:
    if value == "none":
        return ()
    found = tuple((topic, tenant) for topic, _, tenant in (n.partition("=") for n in _names(value)))
    strange = [topic for topic, _ in found if not _is_topic(topic)]
    if strange or not found or len({topic for topic, _ in found}) < len(found):
        raise ValueError(
            "expected none, or topics with commas, each once, as topic or topic=tenant"
        )
    return found


def _networks(value: str) -> tuple[str, ...]:
    return tuple(str(network_in(name)) for name in _names(value))


def _api_key(value: str) -> str:
    if len(value) < API_KEY_LENGTH_MIN or not (value.isascii() and value.isprintable()):
        raise ValueError(f"expected at least {API_KEY_LENGTH_MIN} printable ASCII characters")
    if " " in value:
        raise ValueError("expected no blanks in it")
    return value


def _database_url(value: str) -> str:
    scheme = value.partition(":")[0].partition("+")[0]
    if "://" not in value or scheme not in _DATABASE_SCHEMES:
        raise ValueError("expected sqlite:///path, postgresql://… or memory://")
    return value


def _is_postgres(url: object) -> bool:
    return str(url).partition(":")[0].partition("+")[0] == "postgresql"


def _role(value: str) -> str:
    if not _is_role(value) or value.startswith("pg_") or value in {"none", "public"}:
        raise ValueError("expected the name of a role, for example stagefold_reader")
    return value


def _pointer(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError("expected a JSON pointer, for example /customer/id")
    return value


def _one_of(*choices: str) -> Callable[[str], str]:
    def choose(value: str) -> str:
        if value.lower() not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return value.lower()

    return choose


def _setting(parse: Callable[[str], T], default: T, about: str, *, secret: bool = False) -> T:
    """Declare a field: how its text is read, what holds without it, and what it is for."""
    declared: T = field(
        default=default,
        repr=not secret,
        metadata={"parse": parse, "about": about, "secret": secret},
    )
    return declared


@dataclass(frozen=True, slots=True)
class Settings:
    """What one process was told by its environment."""

    database_url: str = _setting(
        _database_url, "", "Where the log is kept; empty: SQLite in the data folder."
    )
    data_dir: Path = _setting(  # noqa: RUF009 -- a Path does not change
        _folder, _DATA_DIR, "Folder of the embedded database, the generated key and uploads."
    )
    host: str = _setting(_text, "127.0.0.1", "Address to listen on.")
    port: int = _setting(_port, 8080, "Port to listen on; 0 takes a free one.")
    api_key: str = _setting(
        _api_key, "", "Bootstrap admin key, at least 32 characters; else one is made.", secret=True
    )
    models: tuple[str, ...] = _setting(
        _names, ("all",), "Ready-made models to activate at first start: all, none, or their ids."
    )
    log_level: str = _setting(_one_of(*_LOG_LEVELS), "info", "Least severity that is logged.")
    log_format: str = _setting(
        _one_of(*_LOG_FORMATS), "auto", "json, console, or auto: console at a terminal."
    )

    body_bytes_max: int = _setting(_amount, 1 << 20, "Largest body, as sent.")
    inflated_bytes_max: int = _setting(_amount, 8 << 20, "Largest body, unpacked.")
    inflate_ratio_max: int = _setting(_amount, 100, "Largest ratio of unpacked to sent.")
    stream_bytes_max: int = _setting(_amount, 64 << 20, "Largest NDJSON body, sent or unpacked.")
    stream_lines_max: int = _setting(_amount, 50_000, "Most lines of an NDJSON body.")
    import_bytes_max: int = _setting(_amount, 64 << 30, "Largest file of an import, as sent.")
    parquet_bytes_max: int = _setting(
        _memory, 1 << 30, "Most memory of the process that unpacks a Parquet file."
    )
    batch_events_max: int = _setting(_amount, 1_000, "Most events of a JSON body.")
    event_bytes_max: int = _setting(_amount, 64 << 10, "Largest single event.")
    json_depth_max: int = _setting(_amount, 8, "Deepest nesting of an event.")
    json_keys_max: int = _setting(_amount, 256, "Most keys of one object in an event.")
    json_array_max: int = _setting(_amount, 256, "Most elements of one array in an event.")
    json_string_bytes_max: int = _setting(_amount, 8 << 10, "Longest string in an event, UTF-8.")
    header_bytes_max: int = _setting(_amount, 32 << 10, "Largest request line and headers.")

    header_seconds: float = _setting(_seconds, 10.0, "Time for the whole of a request's headers.")
    idle_seconds: float = _setting(_seconds, 5.0, "Longest silence inside a request.")
    request_seconds: float = _setting(_seconds, 30.0, "Time for the whole of a request to arrive.")
    stream_seconds: float = _setting(_seconds, 300.0, "The same for an NDJSON body.")
    import_seconds: float = _setting(_seconds, 86_400.0, "The same for a file of an import.")
    notice_seconds: float = _setting(
        _seconds, 1.0, "Time to be seen not ready at a stop, before connections are refused."
    )
    drain_seconds: float = _setting(_seconds, 20.0, "Time to finish what is under way at a stop.")
    connections_max: int = _setting(_amount, 1_000, "Most connections open at once.")
    queue_events_max: int = _setting(_amount, 20_000, "Most events waiting to be written.")
    seal_events: int = _setting(_range, 10_000, "Events of a sealed range, at most 100000.")
    standby_hours: int = _setting(
        _hours, 24, "How long the version before stands by for a rollback; 0 for not at all."
    )
    notify_max_age_hours: int = _setting(
        _hours, 72, "Transitions older than this are announced to nobody."
    )
    lag_events_max: int = _setting(_amount, 10_000, "Projection lag from which we are not ready.")

    cloudevents_customer_pointer: str = _setting(
        _pointer, "", "Where a CloudEvent's data names the customer if no attribute does."
    )
    key_events_per_second: int = _setting(
        _quota, 50_000, "Events a second that a key may send to a process; 0: any number."
    )
    key_requests_per_second: int = _setting(
        _quota, 10_000, "Other requests a second with a key to a process; 0: any number."
    )
    streams_per_key_max: int = _setting(
        _amount, 100, "Most live streams that a key may have open to a process."
    )
    trusted_proxies: tuple[str, ...] = _setting(
        _networks, (), "Networks of proxies whose X-Forwarded-For counts."
    )

    postgres_reader_role: str = _setting(
        _role, "", "Role that reads for a tenant, bound by row security; empty: no row security."
    )
    rebuild_processes: int | None = _setting(
        _count, None, "Processes that rebuild, on PostgreSQL; 0: the service itself."
    )

    kafka_bootstrap_servers: tuple[str, ...] = _setting(
        _names, (), "Kafka brokers, host:port with commas; none: no Kafka."
    )
    kafka_topics: tuple[tuple[str, str], ...] = _setting(
        _topics, (("lifecycle.events.v1", ""),), "Topics to take events from, each =tenant or not."
    )
    kafka_transitions_topics: tuple[tuple[str, str], ...] = _setting(
        _topics, (), "Topics to write transitions to, each =tenant or not; none: nowhere."
    )
    kafka_transitions_format: str = _setting(
        _one_of("binary", "structured"), "binary", "How a record carries its CloudEvent."
    )
    kafka_transitions_start: str = _setting(
        _one_of("earliest", "latest"), "earliest", "Where a topic is begun for the first time."
    )
    kafka_rejected_topics: tuple[tuple[str, str], ...] = _setting(
        _topics, (), "Topics to write refused events to, each =tenant or not; none: nowhere."
    )
    kafka_group: str = _setting(_text, "stagefold", "Consumer group of all processes.")
    kafka_member: str = _setting(
        _text, "", "Name of this process in the group, so that its partitions wait for it."
    )
    kafka_start: str = _setting(
        _one_of("earliest", "latest"), "earliest", "Where a partition is begun for the first time."
    )
    kafka_tombstones: str = _setting(
        _one_of("ignore", "erase", "purge"), "ignore", "What a record without a value means."
    )
    kafka_session_seconds: float = _setting(
        _seconds, 30.0, "Silence after which the partitions of a process go to others."
    )
    kafka_batch_records: int = _setting(_batch, 2_000, "Most records of one transaction.")
    kafka_security: str = _setting(
        _one_of("plaintext", "ssl", "sasl_plaintext", "sasl_ssl"), "plaintext", "How to connect."
    )
    kafka_sasl_mechanism: str = _setting(
        _one_of("plain", "scram-sha-256", "scram-sha-512"), "scram-sha-512", "How to log in."
    )
    kafka_username: str = _setting(_text, "", "Who logs in.")
    kafka_password: str = _setting(_text, "", "The password for it.", secret=True)
    kafka_tls_ca: str = _setting(_text, "", "PEM file of authorities; empty: the system's.")
    kafka_tls_certificate: str = _setting(_text, "", "PEM file of our certificate.")
    kafka_tls_key: str = _setting(_text, "", "PEM file of its key, if not in the same file.")
    webhook_allow_cidrs: tuple[str, ...] = _setting(
        _networks, (), "Private networks that webhooks may reach."
    )
    webhook_in_flight_max: int = _setting(_amount, 200, "Most webhooks under way at once.")
    webhook_host_in_flight_max: int = _setting(
        _amount, 50, "Most webhooks under way at once to one host, whatever endpoints it has."
    )
    webhook_origin: str = _setting(
        _text, "stagefold", "What we call ourselves to receivers that are asked first."
    )
    webhook_lease_seconds: float = _setting(
        _seconds, 15.0, "How long what a dead process was delivering waits for another."
    )
    webhook_retention_days: int = _setting(_days, 30, "How long deliveries and messages are kept.")
    unknown: tuple[str, ...] = ()
    """Variables with our prefix that no setting has, for a warning at the start."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Return the settings that *environ* holds; an empty variable counts as absent.

        Raises:
            SettingsError: Some variables are not what they should be; all are named.
        """
        values: dict[str, object] = {}
        problems: list[str] = []
        declared = {
            variable_of(each.name): each for each in fields(cls) if "parse" in each.metadata
        }
        for variable, each in declared.items():
            text = environ.get(variable, "").strip()
            if not text:
                continue
            try:
                values[each.name] = each.metadata["parse"](text)
            except ValueError as error:
                found = "a value not shown" if each.metadata["secret"] else repr(text[:_SHOWN_MAX])
                problems.append(f"{variable}: {error}, found {found}")
        if values.get("postgres_reader_role") and not _is_postgres(values.get("database_url")):
            problems.append(
                f"{PREFIX}POSTGRES_READER_ROLE: expected a database that knows row security,"
                f" {PREFIX}DATABASE_URL=postgresql://…; found another"
            )
        if problems:
            raise SettingsError(tuple(problems))
        unknown = [name for name in environ if name.startswith(PREFIX) and name not in declared]
        return cls(**values, unknown=tuple(sorted(unknown)))  # type: ignore[arg-type]  # checked by the parsers

    @property
    def database(self) -> str:
        """The database URL, the embedded default spelled out."""
        return self.database_url or f"sqlite:///{self.data_dir / 'stagefold.db'}"

    @property
    def spool_dir(self) -> Path:
        """Where files of imports are kept until they are taken in."""
        return self.data_dir / "imports" / "spool"

    @property
    def generated_key_path(self) -> Path:
        """Where the key made at the first start is kept, readable by its owner only."""
        return self.data_dir / "api-key"


def variable_of(name: str) -> str:
    """Return the environment variable of the setting *name*."""
    return PREFIX + name.upper()
