"""A store that tells the broker itself of what was put into the bucket."""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from mediakiln.model.ids import new_id
from mediakiln.model.keys import input_key
from support import media
from support.deployments import settings_of, urls_of
from support.platform import Platform, platform
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.slow, pytest.mark.xdist_group("pipeline-brokers")]

Tell = Callable[[Platform, bytes], Coroutine[Any, Any, None]]


async def by_sqs(site: Platform, body: bytes) -> None:
    """As S3 does: into the queue of role `receive`."""
    from aiobotocore.session import get_session

    session, prefix = get_session(), site.settings["BROKER"].split("prefix=")[1].split("&")[0]
    async with session.create_client(
        "sqs", region_name="us-east-1", endpoint_url=server("SQS", "sqs")
    ) as client:
        listed = await client.list_queues(QueueNamePrefix=f"{prefix}objects")
        for url in listed["QueueUrls"]:
            if "net" not in url.rpartition("objects")[2]:
                await client.send_message(QueueUrl=url, MessageBody=body.decode())


async def by_kafka(site: Platform, body: bytes) -> None:
    """As MinIO does: into the topic `objects`, with a key of its own."""
    from confluent_kafka import Producer

    prefix = site.settings["BROKER"].split("prefix=")[1].split("&")[0]
    producer = Producer({"bootstrap.servers": server("KAFKA", "kafka")})
    producer.produce(f"{prefix}objects", value=body, key=b"bucket/key")
    assert await asyncio.to_thread(producer.flush, 20) == 0


WAYS: dict[str, tuple[str, Tell]] = {
    "sqs": ("sqs+s3+embedded", by_sqs),
    "kafka": ("kafka+s3+embedded", by_kafka),
}


@pytest.fixture(scope="module", params=WAYS)
def way(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Platform, Tell]]:
    """A platform, and how a store tells its broker."""
    deployment, tell = WAYS[request.param]
    with platform(tmp_path_factory.mktemp("site"), settings=urls_of(deployment)) as site:
        yield site, tell


@pytest.mark.timeout(240)
def test_an_object_put_into_the_bucket_is_processed_once_it_is_told_of(
    way: tuple[Platform, Tell],
) -> None:
    site, tell = way
    id = new_id()
    key = input_key("default", id, datetime.now(UTC))
    asyncio.run(_put(site, key, media.jpeg(1)))
    note = _notification("mediakiln-input", key)
    for _ in range(2):
        asyncio.run(tell(site, note))
    asset = _until_it_is_there(site, id)
    assert asset["state"] == "ready", asset
    assert asset["run"] == 1


@pytest.mark.timeout(240)
def test_what_nobody_can_read_is_kept_with_its_bytes(way: tuple[Platform, Tell]) -> None:
    site, tell = way
    body = '{"what": "nobody knows ☂"}\n'.encode()
    asyncio.run(tell(site, body))
    with site.client() as client:
        deadline = time.monotonic() + 60
        while not (letters := list(client.dead_letters())):
            assert time.monotonic() < deadline, site.log.read_text()[-2000:]
            time.sleep(0.3)
    (letter,) = letters
    assert (letter.topic, letter.group) == ("objects", "receive")
    assert base64.b64decode(letter.body_b64) == body
    assert letter.reason.startswith("unreadable_message")


async def _put(site: Platform, key: str, content: bytes) -> None:
    """As another program does: what this platform itself writes, it records itself."""
    from aiobotocore.session import get_session

    bucket = settings_of(site).store_url.removeprefix("s3://").partition("?")[0] + "-input"
    async with get_session().create_client("s3", endpoint_url=server("S3", "s3")) as client:
        await client.put_object(Bucket=bucket, Key=key, Body=content)


def _notification(bucket: str, key: str) -> bytes:
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": bucket},
            "object": {"key": key, "sequencer": "0055AED6DCD90281E5"},
        },
    }
    return json.dumps({"Records": [record]}).encode()


def _until_it_is_there(site: Platform, id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        answer = httpx2.get(f"{site.url}/v1/assets/{id}", trust_env=False)
        if answer.is_success and answer.json()["state"] in {"ready", "failed", "rejected"}:
            return dict(answer.json())
        time.sleep(0.3)
    raise AssertionError(site.log.read_text()[-2000:])
