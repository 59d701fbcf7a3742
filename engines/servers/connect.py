"""Kafka Connect with Debezium's PostgreSQL connector: change data capture.

Needs `kafka` and `postgres` in the same data folder, which are started before. The worker runs no
connector until one is put through its REST interface: docs/howto/change-data-capture.md.
"""

import json
from pathlib import Path

from toolkit import HOST, Failed, Place, free_port, maven, need, start

PROCESSES = ("connect",)
NEEDS = ("kafka", "postgres")
_COORDINATES = (
    "org.apache.kafka:connect-runtime:4.3.1",
    "org.apache.kafka:connect-json:4.3.1",
    "io.debezium:debezium-connector-postgres:3.7.0.Final",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
)
_JAVA = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
_LOGGING = """\
<Configuration><Appenders><Console name="out"><PatternLayout pattern="%d %p %m (%c)%n"/></Console>
</Appenders><Loggers><Root level="INFO"><AppenderRef ref="out"/></Root></Loggers></Configuration>
"""


def up(place: Place) -> dict[str, str]:
    """Start the worker; how far its connectors have read is kept between runs."""
    servers = _beside(place, "kafka", "MEDIAKILN_TEST_KAFKA")
    _beside(place, "postgres", "MEDIAKILN_TEST_POSTGRES")
    jars = maven("connect", *_COORDINATES)
    port = free_port()
    worker = place.file("worker.properties")
    worker.write_text("".join(f"{key}={value}\n" for key, value in _worker(place, servers, port)))
    place.file("log4j2.xml").write_text(_LOGGING)
    argv = [need("java", "install Java 17 or newer"), *_JAVA, "-cp", f"{jars}/*"]
    argv += [f"-Dlog4j2.configurationFile={place.folder / 'log4j2.xml'}"]
    argv += ["org.apache.kafka.connect.cli.ConnectStandalone", str(worker)]
    start(place, "connect", argv, ready="Kafka Connect started", within_s=180)
    return {"MEDIAKILN_TEST_CONNECT": f"http://{HOST}:{port}"}


def _beside(place: Place, name: str, setting: str) -> str:
    """What a server in the same data folder says of itself."""
    kept: Path = place.folder.parent / name / "settings.json"
    if not kept.exists():
        raise Failed(f"{name} is needed beside it: engines/up kafka postgres connect")
    return str(json.loads(kept.read_text())[setting])


def _worker(place: Place, servers: str, port: int) -> list[tuple[str, str]]:
    return [
        ("bootstrap.servers", servers),
        ("listeners", f"http://{HOST}:{port}"),
        ("rest.advertised.host.name", HOST),
        ("offset.storage.file.filename", str(place.file("offsets"))),
        ("offset.flush.interval.ms", "1000"),
        ("plugin.discovery", "only_scan"),
        # A connector says what its messages are made of; these are for those that do not.
        ("key.converter", "org.apache.kafka.connect.json.JsonConverter"),
        ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
        ("key.converter.schemas.enable", "false"),
        ("value.converter.schemas.enable", "false"),
    ]
