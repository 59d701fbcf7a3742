"""Apache Kafka: three nodes, every topic on all of them, two must have what is acknowledged."""

from servers.kafka import cluster
from toolkit import Place

PROCESSES = ("kafka-1", "kafka-2", "kafka-3")


def up(place: Place) -> dict[str, str]:
    """Start those that do not run; topics are made by `mediakiln init`."""
    servers = cluster(place, PROCESSES)
    return {
        "MEDIAKILN_BROKER": f"kafka://{servers}?replication=3",
        "MEDIAKILN_TEST_KAFKA3": servers,
    }
