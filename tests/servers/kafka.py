"""A Kafka broker of our own for tests: jars of Maven Central, one KRaft node, thrown away after.

`STAGEFOLD_TEST_KAFKA` names another broker instead (host:port) on which topics may be made. Jars
are fetched once and kept in the user's cache. The broker listens on 127.0.0.1 only and is ended by
its process id.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.certificates import make_certificates
from tests.servers.guarded import guarded_folder
from tests.servers.ports import free_port

ANOTHER_BROKER = "STAGEFOLD_TEST_KAFKA"
CURE = (
    "cure: apt-get install -y openjdk-17-jre-headless maven and let it reach Maven Central,"
    f" or set {ANOTHER_BROKER}=host:port"
)
WANTED = Path(__file__).parent / "broker.xml"
_CLUSTER = "c3RhZ2Vmb2xkLXRlc3RzLQ"
_HEAP = ("-Xms64m", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
_SECONDS_MAX = 180.0
_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={folder}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
"""

_SECURED = """
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},\
LOGIN://127.0.0.1:{login},MUTUAL://127.0.0.1:{mutual}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},\
LOGIN://127.0.0.1:{login},MUTUAL://127.0.0.1:{mutual}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_SSL,MUTUAL:SSL
inter.broker.listener.name=PLAINTEXT
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/authority.pem
listener.name.mutual.ssl.client.auth=required
listener.name.login.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.login.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_{name}="{password}";
listener.name.login.scram-sha-256.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.login.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
"""
"""Two more listeners: one to log in at, one for clients with a certificate."""

NAME = "reader"
PASSWORD = "a-password-of-tests"


@dataclass(slots=True)
class Broker:
    """A running broker.

    Attributes:
        address: host:port of it, for clients.
        folder: Where its data are, if it is ours; beside them the certificates of a secured one.
        login: host:port to log in at, over TLS, as `NAME`.
        mutual: host:port for clients with a certificate.
        is_mock: Whether it only imitates one: it makes topics of four partitions when asked for
            them, and none otherwise.
    """

    address: str
    folder: Path | None = None
    jars: Path | None = None
    login: str = ""
    mutual: str = ""
    is_mock: bool = False
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def is_ours(self) -> bool:
        """Whether it may be ended and started."""
        return self.folder is not None

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it on its port and wait until it listens."""
        assert self.folder is not None
        assert self.jars is not None
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [*_java(self.jars), "kafka.Kafka", str(self.folder / "properties")],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._wait()

    def crash(self) -> None:
        """End it at once, as a power failure would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as an operator would: it says goodbye to its clients."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(timeout=_SECONDS_MAX)

    def _wait(self) -> None:
        host, _, port = self.address.rpartition(":")
        given_up_at = time.monotonic() + _SECONDS_MAX
        while time.monotonic() < given_up_at:
            with suppress(OSError), socket.create_connection((host, int(port)), timeout=1.0):
                return
            assert self._process is not None
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=0.1)
                break
        raise AssertionError(f"the broker did not start\n{self._said()}")

    def _said(self) -> str:
        assert self.folder is not None
        return (self.folder / "output").read_text(errors="replace")[-3_000:]


def why_not() -> str | None:
    """Return why tests against a broker cannot run here, with the cure; None where they can."""
    if os.environ.get(ANOTHER_BROKER):
        return None
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if missing:
        return f"no {' and no '.join(missing)} found; {CURE}"
    return _fetched()[1]


@contextmanager
def broking(*, is_secured: bool = False) -> Iterator[Broker]:
    """Lend a broker for as long as it is needed; a secured one is always our own."""
    another = os.environ.get(ANOTHER_BROKER)
    if another and not is_secured:
        yield Broker(another)
        return
    jars, trouble = _fetched()
    assert trouble is None, trouble
    with guarded_folder("stagefold-kafka-") as folder:
        broker = _made(folder, jars, is_secured=is_secured)
        broker.start()
        try:
            yield broker
        finally:
            broker.crash()


def _made(folder: Path, jars: Path, *, is_secured: bool) -> Broker:
    """Return a broker with empty storage in *folder*, not started yet."""
    ports = {name: free_port() for name in ("port", "controller", "login", "mutual")}
    properties = folder / "properties"
    text = _PROPERTIES + _SECURED if is_secured else _PROPERTIES
    properties.write_text(
        text.format(folder=folder, name=NAME, password=PASSWORD, **ports), encoding="utf-8"
    )
    format_storage = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(properties)]
    if is_secured:
        make_certificates(folder)
        for size in (256, 512):
            user = f"SCRAM-SHA-{size}=[name={NAME},password={PASSWORD}]"
            format_storage += ["--add-scram", user]
    done = subprocess.run(
        [*_java(jars), *format_storage], check=False, capture_output=True, timeout=_SECONDS_MAX
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    login, mutual = (f"127.0.0.1:{ports[name]}" for name in ("login", "mutual"))
    return Broker(f"127.0.0.1:{ports['port']}", folder, jars, login, mutual)


def _java(jars: Path) -> list[str]:
    return ["java", *_HEAP, "-cp", f"{jars}/*"]


def _fetched() -> tuple[Path, str | None]:
    """Return the folder of the jars, and why they are not there if they are not.

    Processes that need them at the same time take turns; the folder appears whole or not at all.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stagefold"
    jars = cache / f"kafka-{_version()}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if jars.is_dir():
            return jars, None
        half = Path(tempfile.mkdtemp(dir=cache))
        done = subprocess.run(
            [
                *("mvn", "--quiet", "--batch-mode", "--no-transfer-progress"),
                *("--file", str(WANTED), "dependency:copy-dependencies"),
                *("-DincludeScope=runtime", f"-DoutputDirectory={half}"),
            ],
            check=False,
            capture_output=True,
            timeout=600,
        )
        if done.returncode != 0:
            shutil.rmtree(half, ignore_errors=True)
            return jars, f"mvn could not fetch the broker; {CURE}\n{done.stdout.decode()[-500:]}"
        half.rename(jars)
    return jars, None


def _version() -> str:
    text = WANTED.read_text(encoding="utf-8")
    return text.partition("kafka_2.13</artifactId>")[2].partition("<version>")[2].partition("<")[0]
