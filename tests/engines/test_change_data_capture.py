"""Changes reach Kafka by Debezium, configured word by word as the how-to says."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from mediakiln.adapters.broker.kafka import KafkaBroker
from mediakiln.adapters.catalog.postgres import PostgresCatalog
from mediakiln.model.ids import new_id
from mediakiln.model.kind import AssetState
from mediakiln.model.messages import Changed, Message
from mediakiln.model.topology import CHANGES, topology
from mediakiln.ports.catalog import Outgoing
from mediakiln.testing.catalog_samples import all_pending, an_asset, an_event, changed
from support.postgres import administrator, fresh_url
from support.servers import server

pytestmark = [
    pytest.mark.engines,
    pytest.mark.timeout(180),
    pytest.mark.xdist_group("postgres"),
]

GROUP = "statistics"
HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "change-data-capture.md"


def _block(language: str, begin: str) -> str:
    """The fenced block of the how-to that begins so."""
    found = re.search(rf"```{language}\n({re.escape(begin)}.*?)```", HOWTO.read_text(), re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
async def broker() -> AsyncIterator[KafkaBroker]:
    servers = server("KAFKA", "kafka postgres connect")
    prefix = f"cdc{new_id()[:13]}."
    engine = KafkaBroker.from_url(f"kafka://{servers}?replication=1&partitions=2&prefix={prefix}")
    await engine.ensure({CHANGES: topology([GROUP])[CHANGES]})
    yield engine
    await engine.close()


@pytest.fixture
async def catalog() -> AsyncIterator[PostgresCatalog]:
    async with fresh_url() as url:
        engine = PostgresCatalog.from_url(url)
        await engine.ensure()
        yield engine
        await engine.close()


class Capture:
    """The connector of the how-to, for the catalog's schema and the broker's topics."""

    def __init__(self, catalog: PostgresCatalog, broker: KafkaBroker) -> None:
        self._schema = catalog._options.schema
        self._database = urlsplit(catalog._options.dsn)
        self._prefix = broker._options.prefix
        self._connect = server("CONNECT", "kafka postgres connect")

    def _fitted(self, text: str) -> str:
        """The how-to's text with our own names."""
        ours = text.replace("mediakiln_changes", f"{self._schema}_changes")
        ours = ours.replace("SCHEMA mediakiln ", f"SCHEMA {self._schema} ")
        return ours.replace("mediakiln.outbox", f"{self._schema}.outbox")

    async def begin(self) -> None:
        """Make the publication and the connector; wait until it reads."""
        async with administrator() as connection:
            for begin in ("CREATE PUBLICATION", "CREATE ROLE"):
                await connection.execute(self._fitted(_block("sql", begin)))
        config: dict[str, str] = json.loads(self._fitted(_block("json", "{")))
        config |= {
            "database.hostname": str(self._database.hostname),
            "database.port": str(self._database.port),
            "database.dbname": self._database.path.strip("/"),
            "topic.prefix": self._schema,
            "transforms.event.route.topic.replacement": f"{self._prefix}${{routedByValue}}",
        }
        await self._ask("PUT", "/config", json=config)
        async with administrator() as connection:
            active = "SELECT active FROM pg_replication_slots WHERE slot_name = $1"
            for _ in range(300):
                if await connection.fetchval(active, f"{self._schema}_changes"):
                    return
                await asyncio.sleep(0.2)
        pytest.fail(f"the connector does not read: {await self._ask('GET', '/status')}")

    async def pause(self, *, paused: bool) -> None:
        """Stop reading for a while, or go on."""
        await self._ask("PUT", "/stop" if paused else "/resume")

    async def end(self) -> None:
        """Take it all away, as the how-to says."""
        await self._ask("DELETE", "")
        drop = self._fitted(_block("sql", "SELECT pg_drop_replication_slot"))
        async with administrator() as connection:
            for _ in range(100):
                try:
                    await connection.execute(drop)
                except Exception as error:
                    if "is active" not in str(error):
                        raise
                    await asyncio.sleep(0.1)
                else:
                    break
            role = f"{self._schema}_changes"
            await connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")

    async def _ask(self, method: str, path: str, **given: Any) -> str:
        url = f"{self._connect}/connectors/{self._schema}{path}"
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
            answer = await client.request(method, url, **given)
        assert answer.is_success, answer.text
        return answer.text


@pytest.fixture
async def capture(catalog: PostgresCatalog, broker: KafkaBroker) -> AsyncIterator[Capture]:
    made = Capture(catalog, broker)
    await made.begin()
    yield made
    await made.end()


def _announcement(asset: str, version: int) -> Outgoing:
    event = Changed(asset=asset, project="prøject", version=version, state=AssetState.PROCESSING)
    return Outgoing(CHANGES, event.to_message())


async def _received(broker: KafkaBroker, count: int, *, within: float) -> list[Message]:
    found: list[Message] = []
    async with asyncio.timeout(within):
        while len(found) < count:
            for delivery in await broker.receive(CHANGES, GROUP, limit=100, wait=1.0, lease=30.0):
                found.append(delivery.message)
                await delivery.ack()
    return found


@pytest.mark.usefixtures("capture")
async def test_a_change_reaches_its_readers_within_ten_seconds_byte_for_byte(
    catalog: PostgresCatalog, broker: KafkaBroker
) -> None:
    asset = an_asset(project="prøject")
    first, second = (_announcement(asset.id, version) for version in (1, 2))
    written = await catalog.create(asset, [an_event(asset), first])
    await catalog.update(changed(written), expected=1, events=[second, an_event(asset)])
    # The writer publishes by itself what is not announced, and forgets all of it at once.
    await catalog.sent([(kept.asset, kept.message.id) for kept in await all_pending(catalog)])
    found = await _received(broker, 2, within=10)
    assert found == [first.message, second.message]
    assert [Changed.of(message).version for message in found] == [1, 2]


async def test_what_changes_while_the_connector_is_away_arrives_when_it_is_back(
    catalog: PostgresCatalog, broker: KafkaBroker, capture: Capture
) -> None:
    asset = an_asset(project="prøject")
    events = [_announcement(asset.id, version) for version in range(1, 6)]
    await capture.pause(paused=True)
    await catalog.create(asset, events[:1])
    for version, event in enumerate(events[1:], start=1):
        await catalog.update(changed(asset), expected=version, events=[event])
    await catalog.sent([(asset.id, event.message.id) for event in events])
    assert await all_pending(catalog) == []
    await capture.pause(paused=False)
    found = await _received(broker, 5, within=60)
    assert [Changed.of(message).version for message in found] == [1, 2, 3, 4, 5]
