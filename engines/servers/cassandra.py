"""One Cassandra node, with passwords, permissions and TLS; its data outlives a stop."""

import json
from pathlib import Path

from certificates import Certificate, certificate
from toolkit import HOST, Place, free_port, listening, maven, need, start

PROCESSES = ("cassandra",)
_COORDINATES = ("org.apache.cassandra:cassandra-all:5.0.9",)
_READY = "Starting listening for CQL clients"
_USER = _PASSWORD = "cassandra"  # noqa: S105 - the account every new cluster begins with
_KEYSPACE = "mediakiln"

# What the server's own jvm17-server.options opens to it.
_EXPORTS = (
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.rmi/sun.rmi.transport",
    "java.rmi/sun.rmi.transport.tcp",
    "java.sql/java.sql",
    "jdk.attach/sun.tools.attach",
    "jdk.unsupported/sun.misc",
    "java.base/java.lang.ref",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.util.jar",
    "jdk.management/com.sun.management.internal",
)
_OPENS = (
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.io",
    "java.base/java.math",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "jdk.management/com.sun.management.internal",
    "jdk.management.jfr/jdk.management.jfr",
)
_LOGBACK = """<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level %date{ISO8601} %logger{0} %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
"""


def up(place: Place) -> dict[str, str]:
    """Start it, on the port it had before if that is still free."""
    port, storage_port = _ports(place)
    conf = place.file("conf/cassandra.yaml")
    secured = certificate(place)
    conf.write_text(_yaml(place, port, storage_port, secured))
    place.file("conf/logback.xml").write_text(_LOGBACK)
    start(place, "cassandra", _argv(place, conf), ready=_READY, within_s=240)
    contact = f"{HOST}:{port}"
    return {
        "MEDIAKILN_CATALOG": f"cassandra://{_USER}:{_PASSWORD}@{contact}/{_KEYSPACE}?replication=1",
        "MEDIAKILN_TEST_CASSANDRA": f"{_USER}:{_PASSWORD}@{contact}",
        "MEDIAKILN_TEST_CASSANDRA_CA": str(secured.authority),
    }


def _ports(place: Place) -> tuple[int, int]:
    """The client port and the one between nodes; a node keeps its address."""
    kept = place.file("ports.json")
    if kept.exists():
        first, second = json.loads(kept.read_text())
        if not (listening(first) or listening(second)):
            return first, second
    ports = free_port(), free_port()
    kept.write_text(json.dumps(ports))
    return ports


def _argv(place: Place, conf: Path) -> list[str]:
    jars = maven("cassandra-5.0.9", *_COORDINATES)
    agent = next(jars.glob("jamm-*.jar"))
    return [
        need("java", "install Java 17 (Debian: apt install openjdk-17-jre-headless)"),
        *("-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss384k"),
        f"-javaagent:{agent}",
        "-Djdk.attach.allowAttachSelf=true",
        *(f"--add-exports={name}=ALL-UNNAMED" for name in _EXPORTS),
        *(f"--add-opens={name}=ALL-UNNAMED" for name in _OPENS),
        f"-Dcassandra.config={conf.as_uri()}",
        f"-Dcassandra.storagedir={place.folder / 'data'}",
        f"-Dlogback.configurationFile={conf.with_name('logback.xml')}",
        "-Dcassandra-foreground=yes",
        # A single node has nobody to wait for.
        "-Dcassandra.skip_wait_for_gossip_to_settle=0",
        "-Dcassandra.ring_delay_ms=100",
        "-Dcassandra.superuser_setup_delay_ms=0",
        # Passwords are compared for every connection; ten rounds are a tenth of a second each.
        "-Dcassandra.auth_bcrypt_gensalt_log2_rounds=4",
        *("-cp", f"{jars}/*", "org.apache.cassandra.service.CassandraDaemon"),
    ]


def _yaml(place: Place, port: int, storage_port: int, secured: Certificate) -> str:
    """Small memtables and patient time-outs, for a machine that does other things too."""
    folders = {
        name: str(place.folder / "data" / name)
        for name in ("commitlog", "hints", "saved_caches", "cdc_raw")
    }
    settings: dict[str, object] = {
        "cluster_name": "mediakiln",
        "num_tokens": 1,
        "initial_token": "0",
        "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
        "endpoint_snitch": "SimpleSnitch",
        "seed_provider": [
            {
                "class_name": "org.apache.cassandra.locator.SimpleSeedProvider",
                "parameters": [{"seeds": f"{HOST}:{storage_port}"}],
            }
        ],
        "listen_address": HOST,
        "rpc_address": HOST,
        "storage_port": storage_port,
        "native_transport_port": port,
        "start_native_transport": True,
        # The one port takes clients with TLS and without.
        "client_encryption_options": {
            "enabled": True,
            "optional": True,
            "keystore": str(secured.keystore),
            "keystore_password": secured.password,
            "store_type": "PKCS12",
            "require_client_auth": "false",
        },
        "authenticator": {"class_name": "PasswordAuthenticator"},
        "authorizer": {"class_name": "CassandraAuthorizer"},
        "data_file_directories": [str(place.folder / "data" / "data")],
        "commitlog_directory": folders["commitlog"],
        "hints_directory": folders["hints"],
        "saved_caches_directory": folders["saved_caches"],
        "cdc_raw_directory": folders["cdc_raw"],
        # An acknowledged write is on disk, as a cluster has it on several machines.
        "commitlog_sync": "group",
        "commitlog_sync_group_window": "2ms",
        "commitlog_segment_size": "8MiB",
        "commitlog_total_space": "64MiB",
        "memtable_heap_space": "64MiB",
        "memtable_offheap_space": "32MiB",
        "file_cache_size": "32MiB",
        "key_cache_size": "8MiB",
        "concurrent_reads": 8,
        "concurrent_writes": 16,
        "concurrent_compactors": 1,
        "auto_snapshot": False,
        "read_request_timeout": "20s",
        "range_request_timeout": "20s",
        "write_request_timeout": "20s",
        "cas_contention_timeout": "20s",
        "truncate_request_timeout": "60s",
        "request_timeout": "20s",
    }
    return json.dumps(settings, indent=2)  # which is YAML too
