"""What is special to SQS queues: several processes, polls that were left, the net, strangers."""

import asyncio
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from mediakiln.adapters.broker.sqs import SqsBroker
from mediakiln.adapters.broker.sqs.codec import pack
from mediakiln.model.messages import MAX_MESSAGE_BYTES, Message
from mediakiln.testing.broker_tools import LEASE, TOPOLOGY, collect, made, take_one
from support.servers import server
from support.sqs import url_of, use_credentials

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("sqs")]

PEER = Path(__file__).with_name("sqs_peer.py")


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> str:
    use_credentials(monkeypatch)
    return url_of(server("SQS", "sqs"), fanout="queues")


@pytest.fixture
async def broker(url: str) -> AsyncIterator[SqsBroker]:
    broker = SqsBroker.from_url(url)
    await broker.ensure(TOPOLOGY)
    yield broker
    await broker.close()


@pytest.fixture
async def other(url: str) -> AsyncIterator[SqsBroker]:
    other = SqsBroker.from_url(url)
    yield other
    await other.close()


@contextmanager
def peer(command: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process; killed at the end if it still runs."""
    argv = [sys.executable, str(PEER), command, url]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


async def test_two_processes_never_hold_one_message_at_once(broker: SqsBroker, url: str) -> None:
    with peer("drain", url) as one, peer("drain", url) as two:
        for process in (one, two):
            assert await asyncio.to_thread(lines(process).readline) == "ready\n"
        await broker.publish("work", made(20))
        said = await asyncio.gather(*(asyncio.to_thread(lines(p).readlines) for p in (one, two)))
    assert all(said), "both had a share"
    held = Counter(line.strip() for part in said for line in part)
    assert held == Counter(message.id for message in made(20))
    backlog = await broker.backlog("work", "workers")
    assert (backlog.ready, backlog.leased) == (0, 0)


async def test_a_message_of_a_killed_process_comes_back_after_its_lease(
    broker: SqsBroker, url: str
) -> None:
    await broker.publish("work", made(1))
    with peer("hold", url) as process:
        said = await asyncio.to_thread(lines(process).readline)
        began = time.monotonic()
        process.send_signal(signal.SIGKILL)
    back = await take_one(broker, "work", "workers")
    assert back.message.id == said.strip()
    assert back.attempt == 2
    assert time.monotonic() - began > 1


async def test_a_message_given_to_the_poll_of_a_killed_process_does_not_wait_for_its_lease(
    broker: SqsBroker, url: str
) -> None:
    with peer("wait", url) as process:
        assert await asyncio.to_thread(lines(process).readline) == "waiting\n"
        process.send_signal(signal.SIGKILL)
    await broker.publish("work", made(1))
    async with asyncio.timeout(30):
        while not (got := await broker.receive("work", "workers", limit=1, wait=1, lease=LEASE)):
            pass
    assert got[0].message == made(1)[0]


async def test_a_message_from_a_long_poll_is_held_for_its_whole_lease(
    broker: SqsBroker, other: SqsBroker
) -> None:
    waiting = asyncio.create_task(broker.receive("work", "workers", limit=1, wait=20, lease=LEASE))
    await asyncio.sleep(0.5)
    await other.publish("work", made(1))
    (delivery,) = await waiting
    assert not await other.receive("work", "workers", limit=1, wait=13, lease=LEASE)
    await delivery.ack()


async def test_what_a_left_poll_brings_is_visible_to_others_at_once(
    broker: SqsBroker, other: SqsBroker
) -> None:
    waiting = asyncio.create_task(broker.receive("work", "workers", limit=10, wait=20, lease=LEASE))
    await asyncio.sleep(0.5)
    waiting.cancel()
    await asyncio.wait([waiting])
    began = time.monotonic()
    await other.publish("work", made(5))
    got = await collect(other, "work", "workers", 5)
    assert time.monotonic() - began < 5 < LEASE
    assert sorted(delivery.message.id for delivery in got) == [m.id for m in made(5)]


async def test_a_left_poll_serves_the_next_receiver(broker: SqsBroker) -> None:
    for _ in range(30):
        waiting = asyncio.create_task(
            broker.receive("work", "workers", limit=1, wait=20, lease=LEASE)
        )
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait([waiting])
    (polls,) = broker._polls.values()
    assert len(polls._running) == 1
    await broker.publish("work", made(1))
    assert (await take_one(broker, "work", "workers")).message == made(1)[0]


async def test_forty_long_polls_keep_nobody_waiting(broker: SqsBroker) -> None:
    topics = {f"topic-{number}": ("group",) for number in range(40)}
    await broker.ensure(topics)
    waiting = [
        asyncio.create_task(broker.receive(topic, "group", limit=1, wait=20, lease=LEASE))
        for topic in topics
    ]
    await asyncio.sleep(1)
    began = time.monotonic()
    await broker.publish("work", made(1))
    await (await take_one(broker, "work", "workers")).ack()
    assert time.monotonic() - began < 5
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)


async def test_a_batch_of_the_largest_messages_is_split_and_arrives(broker: SqsBroker) -> None:
    sent = [
        Message(id=f"m{number}", key="k", body=bytes([0xFF, number]) * (MAX_MESSAGE_BYTES // 2))
        for number in range(12)
    ]
    await broker.publish("work", sent)
    got = {d.message.id: d.message for d in await collect(broker, "work", "workers", 12)}
    assert got == {message.id: message for message in sent}


async def test_acks_and_extensions_of_a_hundred_messages_travel_in_batches(
    broker: SqsBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await broker.publish("work", made(100))
    held = await collect(broker, "work", "workers", 100)
    calls: Counter[str] = Counter()
    call = broker._api.sqs

    async def counted(operation: str, **parameters: Any) -> dict[str, Any]:
        calls[operation] += 1
        return await call(operation, **parameters)

    monkeypatch.setattr(broker._api, "sqs", counted)
    broker._outbound._batches.clear()
    await asyncio.gather(*(delivery.extend(LEASE) for delivery in held))
    await asyncio.gather(*(delivery.ack() for delivery in held))
    assert calls == {"change_message_visibility_batch": 10, "delete_message_batch": 10}
    backlog = await broker.backlog("work", "workers")
    assert (backlog.ready, backlog.leased) == (0, 0)


async def test_a_message_received_too_often_falls_into_the_net(broker: SqsBroker) -> None:
    url = await broker._queues.url("work", "workers")
    net = await broker._queues.net()
    answer = await broker._api.sqs(
        "get_queue_attributes", QueueUrl=url, AttributeNames=["RedrivePolicy"]
    )
    policy = answer["Attributes"]["RedrivePolicy"]
    assert '"maxReceiveCount":1000' in policy.replace(" ", "")
    changed = {"RedrivePolicy": policy.replace("1000", "2")}
    await broker._api.sqs("set_queue_attributes", QueueUrl=url, Attributes=changed)
    await broker.ensure(TOPOLOGY)  # an operator's own limit stays
    await broker.publish("work", made(1))
    for _ in range(2):
        await (await take_one(broker, "work", "workers")).retry()
    assert not await broker.receive("work", "workers", limit=1, wait=1, lease=LEASE)
    caught = await broker._api.poll(QueueUrl=net.url, MessageAttributeNames=["All"])
    assert caught["Messages"][0]["Body"].encode() == made(1)[0].body


async def test_a_stranger_s_message_is_delivered_with_its_bytes(broker: SqsBroker) -> None:
    url = await broker._queues.url("work", "workers")
    await broker._api.sqs("send_message", QueueUrl=url, MessageBody="hello \u2603")
    delivery = await take_one(broker, "work", "workers")
    assert delivery.message.body == "hello \u2603".encode()
    assert delivery.message.id
    await delivery.bury("not ours")
    assert (await broker.backlog("dead", "dead")).ready == 1


async def test_the_body_on_the_queue_is_the_event_itself(broker: SqsBroker) -> None:
    message = Message(id="m", key="asset", project="p", body=b'{"specversion": "1.0"}')
    await broker.publish("work", [message])
    url = await broker._queues.url("work", "workers")
    answer = await broker._api.poll(
        QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=2, VisibilityTimeout=1
    )
    (raw,) = answer["Messages"]
    assert raw["Body"] == pack(message).body == '{"specversion": "1.0"}'


async def test_a_group_made_by_another_process_is_published_to(
    broker: SqsBroker, other: SqsBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await other.publish("fan", made(1))
    await broker.ensure({"fan": ("late",)})
    monkeypatch.setattr("mediakiln.adapters.broker.sqs.fanout._KNOWN_S", 0.0)
    await other.publish("fan", made(2)[1:])
    assert (await take_one(broker, "fan", "late")).message == made(2)[1]
