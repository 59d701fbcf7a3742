"""Apache Kafka: one node that is broker and controller (KRaft)."""

import json
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from certificates import Certificate, certificate
from toolkit import HOST, Failed, Place, free_port, listening, maven, need, running, start

PROCESSES = ("kafka",)
_COORDINATES = (
    "org.apache.kafka:kafka_2.13:4.3.1",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
)
_CLUSTER = "bWVkaWFraWxuLXRlc3RzMA"
"""Any 16 bytes in URL-safe base64: all nodes of a cluster are formatted with the same."""
_USER, _PASSWORD = "kiln", "kiln-secret"
_JAVA = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
_LOGGING = """\
<Configuration><Appenders><Console name="out"><PatternLayout pattern="%d %p %m (%c)%n"/></Console>
</Appenders><Loggers><Root level="INFO"><AppenderRef ref="out"/></Root></Loggers></Configuration>
"""


def up(place: Place) -> dict[str, str]:
    """Start it; topics are made by `mediakiln init`."""
    servers = cluster(place, PROCESSES)
    (ports,) = _ports(place, PROCESSES).values()
    return {
        "MEDIAKILN_BROKER": f"kafka://{servers}?replication=1",
        "MEDIAKILN_TEST_KAFKA": servers,
        "MEDIAKILN_TEST_KAFKA_TLS": f"{_USER}:{_PASSWORD}@{HOST}:{ports.secure}",
        "MEDIAKILN_TEST_KAFKA_CA": str(certificate(place).authority),
    }


class Ports(NamedTuple):
    """A node's: for clients, for the quorum, and for clients with TLS and a password."""

    client: int
    quorum: int
    secure: int


def cluster(place: Place, names: Sequence[str]) -> str:
    """Start one node per name; what clients connect to first: host:port[,host:port…].

    A node keeps its ports between starts, since the others' configurations name them.
    """
    ports = _ports(place, names)
    certificate(place)  # of all nodes
    with ThreadPoolExecutor() as pool:
        numbers = range(1, len(names) + 1)
        list(pool.map(lambda name, number: _format(place, name, number, ports), names, numbers))
    missing = [name for name in names if running(place, name) is None]
    for name in missing[:-1]:
        start(place, name, _command(place, name), ready=lambda: True)
    # A node alone makes no quorum: readiness is asked once the last one has been started.
    start(
        place,
        missing[-1],
        _command(place, missing[-1]),
        ready=lambda: all(_serves(place, name) for name in missing),
        within_s=180,
    )
    return ",".join(f"{HOST}:{each.client}" for each in ports.values())


def _serves(place: Place, name: str) -> bool:
    return "Kafka Server started" in place.file(f"{name}.log").read_text(errors="replace")


def _ports(place: Place, names: Sequence[str]) -> dict[str, Ports]:
    """Each node's ports; others where a kept one is taken."""
    kept = place.file("ports.json")
    if kept.exists():
        ports = {name: Ports(*each) for name, each in json.loads(kept.read_text()).items()}
        stopped = [name for name in names if running(place, name) is None]
        if not any(listening(port) for name in stopped for port in ports[name]):
            return ports
        if len(stopped) < len(names):
            raise Failed("a port of this cluster is taken; stop all nodes and start them anew")
    ports = {name: Ports(free_port(), free_port(), free_port()) for name in names}
    kept.write_text(json.dumps(ports))
    return ports


def _format(place: Place, name: str, number: int, ports: dict[str, Ports]) -> None:
    """Write the node's configuration and, the first time, format its log folder."""
    place.file("log4j2.xml").write_text(_LOGGING)
    settings = place.file(f"{name}.properties")
    lines = _properties(number, ports) | _security(certificate(place))
    lines |= {"log.dirs": str(place.folder / name)}
    settings.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    if (place.folder / name / "meta.properties").exists():
        return
    argv = [*_java(place), "kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(settings)]
    argv += ["--add-scram", f"SCRAM-SHA-512=[name={_USER},password={_PASSWORD}]"]
    done = subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise Failed(f"formatting {name} failed:\n{done.stdout[-2000:]}")


def _command(place: Place, name: str) -> list[str]:
    return [*_java(place), "kafka.Kafka", str(place.folder / f"{name}.properties")]


def _java(place: Place) -> list[str]:
    jars = maven("kafka", *_COORDINATES)
    logging = f"-Dlog4j2.configurationFile={place.folder / 'log4j2.xml'}"
    return [need("java", "install Java 17 or newer"), *_JAVA, logging, "-cp", f"{jars}/*"]


def _security(secured: Certificate) -> dict[str, object]:
    """The listener that asks for a password behind TLS, in two ways."""
    login = f'username="{_USER}" password="{_PASSWORD}" user_{_USER}="{_PASSWORD}"'
    modules = "org.apache.kafka.common.security"
    return {
        "listener.name.secure.ssl.keystore.type": "PKCS12",
        "listener.name.secure.ssl.keystore.location": secured.keystore,
        "listener.name.secure.ssl.keystore.password": secured.password,
        "listener.name.secure.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "listener.name.secure.plain.sasl.jaas.config": (
            f"{modules}.plain.PlainLoginModule required {login};"
        ),
        "listener.name.secure.scram-sha-512.sasl.jaas.config": (
            f"{modules}.scram.ScramLoginModule required;"
        ),
    }


def _properties(number: int, ports: dict[str, Ports]) -> dict[str, object]:
    client, quorum, secure = [*ports.values()][number - 1]
    nodes = len(ports)
    voters = enumerate((each.quorum for each in ports.values()), start=1)
    clients = f"PLAINTEXT://{HOST}:{client},SECURE://{HOST}:{secure}"
    internal = {
        f"{topic}.{setting}": value
        for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
        for setting, value in (("num.partitions", 4), ("replication.factor", nodes))
    }
    return internal | {
        "process.roles": "broker,controller",
        "node.id": number,
        "controller.quorum.voters": ",".join(f"{n}@{HOST}:{voter}" for n, voter in voters),
        "listeners": f"{clients},CONTROLLER://{HOST}:{quorum}",
        "advertised.listeners": clients,
        "listener.security.protocol.map": (
            "PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT"
        ),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "auto.create.topics.enable": "false",
        "min.insync.replicas": min(2, nodes),
        "transaction.state.log.min.isr": min(2, nodes),
        "share.coordinator.state.topic.min.isr": min(2, nodes),
        "broker.session.timeout.ms": 6000,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        "log.index.size.max.bytes": 65536,
        "log.cleaner.dedupe.buffer.size": 4194304,
    }
