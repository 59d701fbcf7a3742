"""The pages about distributed engines name the options and servers that there are, no others."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import pytest

from mediakiln.adapters.broker.kafka.options import Options as KafkaOptions
from mediakiln.adapters.broker.sqs.address import Address as SqsAddress
from mediakiln.adapters.catalog.cassandra.target import Target as CassandraTarget
from mediakiln.adapters.catalog.dynamodb.address import Address as DynamoAddress
from mediakiln.adapters.catalog.postgres.options import Options as PostgresOptions
from mediakiln.model.errors import EngineMisconfigured
from mediakiln.roles.engines import BROKERS, CATALOGS, STORES, open_broker, open_catalog, open_store
from mediakiln.roles.settings import Settings
from support.project import ROOT

PAGE = (ROOT / "docs" / "howto" / "run-on-distributed-engines.md").read_text()
EMBEDDED = {"memory", "file", "sqlite"}
PLACES = {
    "kafka": "kafka://host:9092",
    "sqs": "sqs://eu-central-1",
    "s3": "s3://name",
    "gs": "gs://name",
    "az": "az://account/name",
    "postgresql": "postgresql://user:password@host/database",
    "dynamodb": "dynamodb://eu-central-1/table",
    "cassandra": "cassandra://host/keyspace",
}
DEFAULTS: Mapping[str, Any] = {
    "kafka": KafkaOptions,
    "sqs": SqsAddress,
    "postgresql": PostgresOptions,
    "dynamodb": DynamoAddress,
    "cassandra": CassandraTarget,
}
"""Where the numbers stand."""
ONLY = {
    "region": {"s3"},
    "tags": {"s3", "az"},
    "anonymous": {"gs"},
    "project": {"gs"},
    "location": {"gs"},
}
"""Options of the stores' common table that not all of them have."""


def section(scheme: str) -> str:
    """What the page says of a scheme's address and options."""
    (found,) = (
        part
        for part in re.split(r"^##+ ", PAGE, flags=re.MULTILINE)
        if re.search(rf"^`{scheme}://[^\n]*|, `{scheme}://[A-Z/]+`", part, re.MULTILINE)
        and "| option |" in part
    )
    return found


def documented(scheme: str) -> set[str]:
    rows = re.findall(r"^\| ((?:`[\w]+`(?:, )?)+) \|", section(scheme), re.MULTILINE)
    names = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    return {name for name in names if scheme in ONLY.get(name, {scheme})}


def refusal(url: str) -> EngineMisconfigured:
    """What the engine says to an option that none has."""
    scheme = url.partition(":")[0]
    field, opened = next((field, opened) for field, table, opened in PORTS if scheme in table)
    with pytest.raises(EngineMisconfigured) as refused:
        opened(Settings(**{field: f"{url}?nonsense=1"}))
    return refused.value


PORTS: tuple[tuple[str, dict[str, str], Callable[[Settings], object]], ...] = (
    ("store", STORES, open_store),
    ("broker", BROKERS, open_broker),
    ("catalog", CATALOGS, open_catalog),
)


def test_the_page_about_tests_names_every_server() -> None:
    page = (ROOT / "docs" / "howto" / "test-with-real-engines.md").read_text()
    table = page.partition("## The servers\n")[2].partition("\n## ")[0]
    servers = {path.stem for path in (ROOT / "engines" / "servers").glob("[a-z]*.py")}
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == servers


def test_every_distributed_engine_is_tried_here() -> None:
    assert PLACES.keys() == {*STORES, *BROKERS, *CATALOGS} - EMBEDDED


def test_the_defaults_on_the_page_are_those_of_the_engines() -> None:
    for scheme, options in DEFAULTS.items():
        for each in fields(options):
            name = each.name.removesuffix("_s")
            if isinstance(each.default, int | float) and not isinstance(each.default, bool):
                row = re.search(rf"^\| `{name}` \| ([^|]*) \|", section(scheme), re.MULTILINE)
                assert row is not None, f"{scheme}: {name}"
                assert row[1].split()[0] == f"{each.default:g}", f"{scheme}: {name}"


@pytest.mark.parametrize("scheme", PLACES)
def test_the_options_on_the_page_are_those_the_engine_knows(scheme: str) -> None:
    error = refusal(PLACES[scheme])
    said = f"{error}\n{error.context.get('hint', '')}"
    assert "nonsense" in said
    known = re.search(r"known are ([\w, ]+)", said)
    assert known is not None, said
    assert set(known[1].split(", ")) == documented(scheme)
