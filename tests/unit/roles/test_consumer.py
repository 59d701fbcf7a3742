"""The loop acks what is done, retries what may work later and buries the rest."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from mediakiln.adapters.broker.memory import MemoryBroker
from mediakiln.model.deadletter import DeadLetter
from mediakiln.model.errors import (
    BadMedia,
    EngineError,
    EngineUnavailable,
    Leased,
    NotifyFailed,
    StorageFull,
)
from mediakiln.model.messages import Message
from mediakiln.model.topology import TOPOLOGY
from mediakiln.roles.consumer import Consumer, Handler, Policy

QUICK = Policy(concurrency=2, lease_s=0.6, wait_s=0.2, max_attempts=3, base_s=0.01, drain_s=2)


@pytest.fixture
async def broker() -> AsyncIterator[MemoryBroker]:
    made = MemoryBroker.from_url("memory://")
    await made.ensure(TOPOLOGY)
    yield made
    await made.close()


def _message(name: str = "m") -> Message:
    return Message(id=name, key="k", body=b"{}")


async def _consume(
    broker: MemoryBroker, handler: Handler, *, until: asyncio.Event, policy: Policy = QUICK
) -> None:
    stop = asyncio.Event()
    consumer = Consumer(broker, "classify", {"received": handler}, policy)
    running = asyncio.create_task(consumer.run(stop))
    async with asyncio.timeout(60):
        await until.wait()
    stop.set()
    await running


async def _waiting(broker: MemoryBroker) -> int:
    backlog = await broker.backlog("received", "classify")
    return backlog.ready + backlog.leased + backlog.delayed


async def _letters(broker: MemoryBroker) -> list[DeadLetter]:
    found = await broker.receive("dead", "dead", limit=10, wait=0, lease=5)
    return [DeadLetter.read(delivery.message) for delivery in found]


async def test_a_handled_message_is_acked(broker: MemoryBroker) -> None:
    done = asyncio.Event()

    async def handler(_: Message) -> None:
        done.set()

    await broker.publish("received", [_message()])
    await _consume(broker, handler, until=done)
    assert await _waiting(broker) == 0


async def test_a_permanent_error_is_buried_at_once_with_its_reason(broker: MemoryBroker) -> None:
    done, calls = asyncio.Event(), 0

    async def handler(_: Message) -> None:
        nonlocal calls
        calls += 1
        done.set()
        raise BadMedia("torn")

    await broker.publish("received", [_message()])
    await _consume(broker, handler, until=done)
    (letter,) = await _letters(broker)
    assert (calls, letter.reason, letter.message().body) == (1, "bad_media: torn", b"{}")


@pytest.mark.parametrize("error", [EngineError, NotifyFailed, RuntimeError])
async def test_what_may_work_later_is_tried_again_up_to_the_limit(
    broker: MemoryBroker, error: type[Exception]
) -> None:
    done, calls = asyncio.Event(), 0

    async def handler(_: Message) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            done.set()
        raise error("no")

    await broker.publish("received", [_message()])
    await _consume(broker, handler, until=done)
    assert calls == 3
    assert len(await _letters(broker)) == 1


@pytest.mark.parametrize("error", [EngineUnavailable, StorageFull])
async def test_an_outage_is_waited_out_however_long_it_takes(
    broker: MemoryBroker, error: type[Exception]
) -> None:
    done, calls = asyncio.Event(), 0

    async def handler(_: Message) -> None:
        nonlocal calls
        calls += 1
        if calls <= 2 * QUICK.max_attempts:
            raise error("not now")
        done.set()

    await broker.publish("received", [_message()])
    await _consume(broker, handler, until=done)
    assert await _letters(broker) == []
    assert await _waiting(broker) == 0


@pytest.mark.parametrize("error", [EngineUnavailable, StorageFull])
async def test_a_broker_that_cannot_give_messages_now_is_asked_again(
    broker: MemoryBroker, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    done, asked, receive = asyncio.Event(), 0, broker.receive

    async def full(*args: Any, **options: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked <= 3:
            raise error("not now")
        return await receive(*args, **options)

    async def handler(_: Message) -> None:
        done.set()

    monkeypatch.setattr(broker, "receive", full)
    await broker.publish("received", [_message()])
    await _consume(broker, handler, until=done)
    assert asked > 3


async def test_a_message_that_cannot_be_given_back_is_left_to_its_lease(
    broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, calls, receive = asyncio.Event(), 0, broker.receive

    class Stuck:
        """A delivery of a broker without space."""

        def __init__(self, delivery: Any) -> None:
            self.message, self.attempt = delivery.message, delivery.attempt

        async def retry(self, delay: float = 0.0) -> None:
            raise StorageFull(str(delay))

        async def extend(self, seconds: float) -> None:
            raise StorageFull(str(seconds))

    async def stuck(*args: Any, **options: Any) -> Any:
        return [Stuck(delivery) for delivery in await receive(*args, **options)]

    async def handler(_: Message) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            done.set()
        raise NotifyFailed

    monkeypatch.setattr(broker, "receive", stuck)
    await broker.publish("received", [_message()])
    await _consume(broker, handler, until=done)
    assert calls == 2


async def test_a_claim_held_elsewhere_is_never_buried(broker: MemoryBroker) -> None:
    done, calls = asyncio.Event(), 0

    async def handler(_: Message) -> None:
        nonlocal calls
        calls += 1
        if calls > 5:
            done.set()
            return
        raise Leased(retry_after=-0.5)

    await broker.publish("received", [_message()])
    await _consume(broker, handler, until=done)
    assert await _letters(broker) == []


async def test_a_lease_is_kept_while_work_outlasts_it(broker: MemoryBroker) -> None:
    done, calls = asyncio.Event(), 0

    async def handler(_: Message) -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(3.5)
        done.set()

    policy = replace(QUICK, lease_s=1.5)  # renewed early enough even where all stands still a while
    await broker.publish("received", [_message()])
    await _consume(broker, handler, until=done, policy=policy)
    assert calls == 1
    assert await _waiting(broker) == 0


async def test_no_more_handlers_run_at_once_than_allowed(broker: MemoryBroker) -> None:
    done, now, most, seen = asyncio.Event(), 0, 0, 0

    async def handler(_: Message) -> None:
        nonlocal now, most, seen
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        seen += 1
        if seen == 20:
            done.set()

    await broker.publish("received", [_message(str(number)) for number in range(20)])
    await _consume(broker, handler, until=done)
    assert most == 2


async def test_stopping_lets_running_handlers_end(broker: MemoryBroker) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def handler(_: Message) -> None:
        started.set()
        await asyncio.sleep(0.3)
        ended.set()

    await broker.publish("received", [_message()])
    await _consume(broker, handler, until=started)
    assert ended.is_set()
    assert await _waiting(broker) == 0


async def test_a_handler_that_does_not_end_in_time_gives_its_message_back(
    broker: MemoryBroker,
) -> None:
    started = asyncio.Event()

    async def handler(_: Message) -> None:
        started.set()
        await asyncio.sleep(60)

    policy = Policy(concurrency=1, lease_s=30, wait_s=0.2, drain_s=0.1)
    await broker.publish("received", [_message()])
    await _consume(broker, handler, until=started, policy=policy)
    assert len(await broker.receive("received", "classify", limit=1, wait=0, lease=5)) == 1


async def test_no_topic_starves_behind_one_that_is_always_full(broker: MemoryBroker) -> None:
    done, order = asyncio.Event(), list[str]()

    async def full(_: Message) -> None:
        order.append("full")
        await broker.publish("stored", [_message()])

    async def other(_: Message) -> None:
        order.append("other")
        done.set()

    await broker.publish("stored", [_message(str(number)) for number in range(20)])
    await broker.publish("finished", [_message()])
    stop = asyncio.Event()
    consumer = Consumer(broker, "join", {"stored": full, "finished": other}, QUICK)
    running = asyncio.create_task(consumer.run(stop))
    async with asyncio.timeout(60):
        await done.wait()
    stop.set()
    await running
    assert len(order) < 20


async def test_long_work_leaves_slots_to_short_work(broker: MemoryBroker) -> None:
    quick, release, full, all_done = (asyncio.Event() for _ in range(4))
    slow_now, most, ended = 0, 0, 0

    async def slow(_: Message) -> None:
        nonlocal slow_now, most, ended
        slow_now += 1
        most = max(most, slow_now)
        if slow_now == 2:
            full.set()
        await release.wait()
        slow_now, ended = slow_now - 1, ended + 1
        if ended == 10:
            all_done.set()

    async def short(_: Message) -> None:
        quick.set()

    await broker.publish("stored", [_message(str(number)) for number in range(10)])
    stop = asyncio.Event()
    policy = Policy(concurrency=3, lease_s=5, wait_s=5)
    handlers: dict[str, Handler] = {"stored": slow, "finished": short}
    consumer = Consumer(broker, "join", handlers, policy, slow=["stored"], slow_most=2)
    running = asyncio.create_task(consumer.run(stop))
    async with asyncio.timeout(60):
        await full.wait()
        await broker.publish("finished", [_message()])
        await quick.wait()
        release.set()
        await all_done.wait()
    stop.set()
    await running
    assert most == 2


async def test_a_waiting_consumer_loses_nothing_of_many_topics(broker: MemoryBroker) -> None:
    seen: set[str] = set()
    done = asyncio.Event()

    async def handler(message: Message) -> None:
        seen.add(message.id)
        if len(seen) == 200:
            done.set()

    stop = asyncio.Event()
    handlers: dict[str, Handler] = {"stored": handler, "finished": handler}
    consumer = Consumer(broker, "join", handlers, Policy(concurrency=3, lease_s=30, wait_s=0.05))
    running = asyncio.create_task(consumer.run(stop))
    for number in range(100):
        for topic in handlers:
            await broker.publish(topic, [_message(f"{topic}-{number}")])
        await asyncio.sleep(0.001 * (number % 3))
    async with asyncio.timeout(10):
        await done.wait()
    stop.set()
    await running
