"""The sets of engines that the whole pipeline is tried on, each run with names of its own."""

import os
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit
from uuid import uuid4

from mediakiln.roles.settings import Settings
from support.platform import Platform
from support.servers import server

Urls = Mapping[str, str]


def kafka(run: str) -> str:
    """A broker URL."""
    return f"kafka://{server('KAFKA', 'kafka')}?prefix={run}.&replication=1"


def sqs(run: str) -> str:
    """A broker URL."""
    return f"sqs://us-east-1?endpoint={server('SQS', 'sqs')}&prefix={run}-&fanout=queues"


def s3(run: str) -> str:
    """A store URL."""
    return f"s3://{run}?endpoint={server('S3', 's3')}&region=us-east-1"


def gcs(run: str) -> str:
    """A store URL."""
    return f"gs://{run}?endpoint={server('GCS', 'gcs')}&project=test&anonymous=true"


def azure(run: str) -> str:
    """A store URL."""
    endpoint = server("AZURE", "azure")
    return f"az://{urlsplit(endpoint).path.strip('/')}/{run}?endpoint={endpoint}"


def postgres(run: str) -> str:
    """A catalog URL."""
    return f"{server('POSTGRES', 'postgres')}?schema={run}"


def dynamodb(run: str) -> str:
    """A catalog URL."""
    return f"dynamodb://us-east-1/{run}?endpoint={server('DYNAMODB', 'dynamodb')}"


def cassandra(run: str) -> str:
    """A catalog URL."""
    return f"cassandra://{server('CASSANDRA', 'cassandra')}/{run}?replication=1"


_MAKERS: Mapping[str, Callable[[str], str]] = {
    "kafka": kafka,
    "sqs": sqs,
    "s3": s3,
    "gcs": gcs,
    "azure": azure,
    "postgres": postgres,
    "dynamodb": dynamodb,
    "cassandra": cassandra,
}
ENGINES = ("BROKER", "STORE", "CATALOG")
DEPLOYMENTS = ("kafka+s3+postgres", "sqs+s3+dynamodb", "kafka+s3+cassandra")


def urls_of(deployment: str) -> dict[str, str]:
    """Settings for `broker+store+catalog`; skips where a server is not there.

    An engine called `embedded` is the one of the data folder.
    """
    run = f"mk{uuid4().hex[:10]}"
    names = zip(ENGINES, deployment.split("+"), strict=True)
    return {engine: _MAKERS[name](run) for engine, name in names if name != "embedded"}


def wanted() -> tuple[str, ...]:
    """The deployments to try: all, or those that MEDIAKILN_TEST_DEPLOYMENTS names."""
    given = os.environ.get("MEDIAKILN_TEST_DEPLOYMENTS")
    return tuple(given.split(",")) if given else DEPLOYMENTS


def engines_of(site: Platform) -> list[str]:
    """Which of a platform's engines are servers."""
    return [name for name in ENGINES if name in site.settings]


def settings_of(site: Platform) -> Settings:
    """The settings with which this process sees what the platform's see."""
    return Settings(
        data=site.data, **{name.lower(): site.settings[name] for name in engines_of(site)}
    )
