"""Addresses on a Kafka of the tests: each with a prefix of its own, deleted afterwards."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from confluent_kafka.admin import AdminClient

PEER = Path(__file__).parent.parent / "engines" / "kafka_peer.py"
QUICK = {"partitions": 2, "replication": 1, "session": 3, "poll": 10, "timeout": 10}
"""Options that make a test's rebalances quick."""


@contextmanager
def address(servers: str, **options: object) -> Iterator[str]:
    """A Kafka URL of topics that nobody else has."""
    prefix = f"t{uuid.uuid4().hex[:12]}."
    yield f"kafka://{servers}?{urlencode({'prefix': prefix} | QUICK | options)}"
    admin = AdminClient({"bootstrap.servers": servers})
    mine = [name for name in admin.list_topics(timeout=10).topics if name.startswith(prefix)]
    if mine:
        for future in admin.delete_topics(mine).values():
            future.result()


@contextmanager
def peer(command: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process on the same topics; killed at the end if it still runs."""
    argv = [sys.executable, str(PEER), command, url]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str], count: int) -> list[str]:
    """The next lines the peer says."""
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


def rest(process: subprocess.Popen[str]) -> list[str]:
    """All the peer still says until its end; a line that a kill cut off is left out."""
    assert process.stdout is not None
    return [line.strip() for line in process.stdout if line.endswith("\n")]
