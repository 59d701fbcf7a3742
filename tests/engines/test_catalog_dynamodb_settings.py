import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from mediakiln.adapters.catalog.dynamodb import DynamoCatalog
from mediakiln.model.errors import EngineMisconfigured
from mediakiln.testing.catalog_samples import an_asset
from support.dynamodb import Proxy, a_table_url, client, through, use_credentials
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("dynamodb")]


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> str:
    use_credentials(monkeypatch)
    return server("DYNAMODB", "dynamodb")


@pytest.fixture
def url(endpoint: str) -> Iterator[str]:
    with a_table_url(endpoint) as url:
        yield url


@pytest.fixture
async def proxy(endpoint: str) -> AsyncIterator[Proxy]:
    async with Proxy(endpoint) as proxy:
        yield proxy


def table_of(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


async def refusal(url: str) -> EngineMisconfigured:
    """How `ensure` refuses."""
    catalog = DynamoCatalog.from_url(url)
    with pytest.raises(EngineMisconfigured) as refused:
        await catalog.ensure()
    await catalog.close()
    return refused.value


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("dynamodb://eu-central-1", "table"),
        ("dynamodb://eu-central-1/ab", "'ab'"),
        ("dynamodb://eu-central-1/a/b/c", "'a/b/c'"),
        ("dynamodb:///mediakiln", "region"),
        ("dynamodb://localhost:8000/mediakiln", "localhost:8000"),
        ("dynamodb://eu-centrall-1/mediakiln", "eu-centrall-1"),
        ("dynamodb://eu-central-1/mediakiln?endpont=http://x", "endpont"),
        ("dynamodb://eu-central-1/mediakiln?endpoint=x:80", "x:80"),
        ("dynamodb://eu-central-1/mediakiln?patience=long", "long"),
        ("dynamodb://eu-central-1/mediakiln?patience=nan", "nan"),
        ("dynamodb://eu-central-1/mediakiln?connections=0", "connections"),
        ("dynamodb://eu-central-1/mediakiln?streams=yes", "yes"),
        ("dynamodb://eu-central-1/mediakiln?streams", "not a URL"),
        ("sqlite:///x.db", "sqlite"),
    ],
)
def test_a_url_that_will_not_do_is_refused_with_its_reason(url: str, named: str) -> None:
    with pytest.raises(EngineMisconfigured, match="MEDIAKILN_CATALOG") as refused:
        DynamoCatalog.from_url(url)
    assert named in refused.value.message
    assert refused.value.context["hint"]


def test_a_mistyped_region_is_told_the_right_one() -> None:
    with pytest.raises(EngineMisconfigured) as refused:
        DynamoCatalog.from_url("dynamodb://eu-centrall-1/mediakiln")
    assert "eu-central-1" in refused.value.context["hint"]


def test_a_region_newer_than_the_sdk_is_reached_by_its_endpoint() -> None:
    DynamoCatalog.from_url(
        "dynamodb://xx-north-9/mediakiln?endpoint=https://dynamodb.xx-north-9.amazonaws.com"
    )


async def test_the_table_is_made_once_by_many_with_expiry_and_without_a_stream(
    endpoint: str, url: str
) -> None:
    catalogs = [DynamoCatalog.from_url(url) for _ in range(6)]
    await asyncio.gather(*(catalog.ensure() for catalog in catalogs))
    asset = await catalogs[0].create(an_asset())
    assert await catalogs[5].get(asset.id) == asset
    await asyncio.gather(*(catalog.close() for catalog in catalogs))
    seen = client(endpoint)
    table = seen.describe_table(TableName=table_of(url))["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert len(table["GlobalSecondaryIndexes"]) == 6
    assert not table.get("StreamSpecification", {}).get("StreamEnabled")
    expiry = seen.describe_time_to_live(TableName=table_of(url))["TimeToLiveDescription"]
    assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expires")
    seen.close()


async def test_expired_entries_carry_the_second_in_which_the_table_may_delete_them(
    endpoint: str, url: str
) -> None:
    catalog = DynamoCatalog.from_url(url)
    await catalog.ensure()
    end = datetime(2040, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    await catalog.records("s").put("k", {}, expires_at=end)
    await catalog.close()
    key = {"pk": {"S": "R#s"}, "sk": {"S": "k"}}
    seen = client(endpoint)
    item = seen.get_item(TableName=table_of(url), Key=key)["Item"]
    seen.close()
    assert item["expires"] == {"N": str(int(end.timestamp()) + 1)}


async def test_another_programs_table_is_refused_and_left_as_it_is(endpoint: str, url: str) -> None:
    seen = client(endpoint)
    made: dict[str, Any] = {
        "TableName": table_of(url),
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    seen.create_table(**made)
    refused = await refusal(url)
    assert "the table's own keys" in refused.message
    assert "by-state-and-kind" in refused.message
    expiry = seen.describe_time_to_live(TableName=table_of(url))["TimeToLiveDescription"]
    assert expiry["TimeToLiveStatus"] == "DISABLED"
    seen.close()


async def test_a_missing_index_is_named(endpoint: str, url: str) -> None:
    catalog = DynamoCatalog.from_url(url)
    await catalog.ensure()
    await catalog.close()
    seen = client(endpoint)
    gone = [{"Delete": {"IndexName": "by-kind"}}]
    seen.update_table(TableName=table_of(url), GlobalSecondaryIndexUpdates=gone)
    refused = await refusal(url)
    seen.close()
    assert refused.message.endswith(": by-kind")


async def test_a_table_that_is_not_there_is_told_how_to_make_it(url: str) -> None:
    catalog = DynamoCatalog.from_url(url)
    for call in (catalog.get("x"), catalog.create(an_asset()), catalog.list("default")):
        with pytest.raises(EngineMisconfigured, match=table_of(url)) as refused:
            await call
        assert "mediakiln init" in refused.value.context["hint"]
    await catalog.close()


async def test_keys_that_the_server_refuses_are_named(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server takes any key of letters and digits, and no other."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "no-such-key")
    refused = await refusal(url)
    assert "UnrecognizedClientException" in refused.message
    assert "AWS_ACCESS_KEY_ID" in refused.context["hint"]


async def test_a_machine_without_keys_is_told_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    refused = await refusal(url)
    assert "no AWS credentials" in refused.message
    assert "AWS_ACCESS_KEY_ID" in refused.context["hint"]


@pytest.mark.parametrize(
    ("operation", "permission"),
    [
        ("DescribeTable", "dynamodb:DescribeTable"),
        ("CreateTable", "dynamodb:CreateTable"),
        ("UpdateTimeToLive", "dynamodb:UpdateTimeToLive"),
    ],
)
async def test_a_missing_permission_is_named(
    url: str, proxy: Proxy, operation: str, permission: str
) -> None:
    proxy.refuse(operation, "AccessDeniedException")
    refused = await refusal(through(url, proxy))
    assert permission in refused.context["hint"]


async def test_a_signature_for_another_region_is_a_wrong_setting(url: str, proxy: Proxy) -> None:
    proxy.refuse("DescribeTable", "InvalidSignatureException")
    refused = await refusal(through(url, proxy))
    assert "us-east-1" in refused.message
    assert "region" in refused.context["hint"]


async def test_an_address_of_something_else_is_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_credentials(monkeypatch)

    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")
        writer.close()

    async with await asyncio.start_server(page, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        refused = await refusal(
            f"dynamodb://us-east-1/mediakiln?endpoint=http://127.0.0.1:{port}&patience=0.1"
        )
    assert "is not DynamoDB" in refused.message
    assert "endpoint" in refused.context["hint"]
