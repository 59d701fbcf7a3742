"""A Cassandra catalog behind TLS."""

import os
import uuid
from collections.abc import Iterator

import pytest

from mediakiln.adapters.catalog.cassandra import CassandraCatalog
from mediakiln.model.errors import EngineMisconfigured
from mediakiln.testing.catalog_samples import an_asset
from support.cassandra import administrator
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("cassandra")]


@pytest.fixture
def url() -> Iterator[str]:
    contact, name = server("CASSANDRA", "cassandra"), f"test_{uuid.uuid4().hex[:12]}"
    yield f"cassandra://{contact}/{name}?replication=1&tls=true"
    with administrator(contact) as session:
        session.execute(f"DROP KEYSPACE IF EXISTS {name}", timeout=60)


@pytest.fixture
def authority() -> str:
    server("CASSANDRA", "cassandra")
    return os.environ["MEDIAKILN_TEST_CASSANDRA_CA"]


@pytest.mark.parametrize("verify", ["", "&verify=full", "&verify=ca"])
async def test_a_trusted_cluster_is_worked_with(url: str, authority: str, verify: str) -> None:
    catalog = CassandraCatalog.from_url(f"{url}&ca={authority}{verify}")
    await catalog.ensure()
    asset = await catalog.create(an_asset())
    assert await catalog.get(asset.id) == asset
    await catalog.close()


async def test_any_certificate_will_do_where_that_is_said(url: str) -> None:
    catalog = CassandraCatalog.from_url(f"{url}&verify=none")
    await catalog.ensure()
    await catalog.close()


async def test_a_cluster_that_is_not_trusted_is_told_with_a_remedy(url: str) -> None:
    catalog = CassandraCatalog.from_url(url)
    with pytest.raises(EngineMisconfigured, match="CERTIFICATE_VERIFY_FAILED") as caught:
        await catalog.ensure()
    assert "ca" in caught.value.context["hint"]
    assert "cassandra:cassandra" not in f"{caught.value} {caught.value.context}"
    await catalog.close()
