"""Uploads are refused while jobs have waited too long, or too many wait."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from mediakiln.model.errors import EngineUnavailable, Overloaded
from mediakiln.ports.broker import Backlog
from mediakiln.stages import admission
from mediakiln.stages.admission import Admission
from support.world import World

QUEUES = [("jobs.image", "process"), ("jobs.video", "process")]
OLD = Backlog(ready=9_999, leased=0, delayed=0, oldest_age_s=61.0)
MANY = Backlog(ready=60, leased=1_000, delayed=41)

Measure = Callable[[str, str], Awaitable[Backlog]]


def always(found: Backlog) -> Measure:
    async def backlog(topic: str, group: str) -> Backlog:
        assert group == "process"
        quiet = Backlog(ready=0, leased=0, delayed=0)
        return found if topic == "jobs.video" else quiet

    return backlog


@pytest.fixture
def ageless(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A broker that does not know how old its messages are, like Kafka."""
    known = replace(world.broker.capabilities, oldest_age=False)
    monkeypatch.setattr(type(world.broker), "capabilities", property(lambda _: known))
    return world


async def test_a_backlog_that_is_too_old_refuses_uploads_and_keeps_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.receive._admission = Admission(world.broker, QUEUES, max_age_s=60, max_waiting=100)
    monkeypatch.setattr(world.broker, "backlog", always(OLD))
    with pytest.raises(Overloaded) as caught:
        await world.upload()
    assert (caught.value.context["limit"], caught.value.context["value"]) == (60, 61)
    assert caught.value.context["retry_after"] > 0
    assert not (await world.catalog.list("default")).assets


async def test_where_the_age_is_known_the_count_does_not_matter(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.receive._admission = Admission(world.broker, QUEUES, max_age_s=3600, max_waiting=1)
    monkeypatch.setattr(world.broker, "backlog", always(OLD))
    assert (await world.upload()).bytes > 0


async def test_a_young_backlog_lets_uploads_in(world: World) -> None:
    world.receive._admission = Admission(world.broker, QUEUES, max_age_s=60, max_waiting=100)
    assert (await world.upload()).bytes > 0


async def test_where_the_age_is_not_known_too_many_waiting_refuse_uploads(
    ageless: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ageless.broker, "backlog", always(MANY))
    gate = Admission(ageless.broker, QUEUES, max_age_s=60, max_waiting=100)
    ageless.receive._admission = gate
    for _ in range(2):
        with pytest.raises(Overloaded, match=r"101 messages of jobs\.video wait") as caught:
            await ageless.upload()
        assert (caught.value.context["limit"], caught.value.context["value"]) == (100, 101)
        assert caught.value.context["retry_after"] > 0
    assert not (await ageless.catalog.list("default")).assets
    ageless.receive._admission = Admission(ageless.broker, QUEUES, max_age_s=60, max_waiting=101)
    assert (await ageless.upload()).bytes > 0


async def test_uploads_come_in_again_once_the_backlog_has_gone(
    ageless: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "_LOOK_EVERY_S", 0.0)
    ageless.receive._admission = Admission(ageless.broker, QUEUES, max_age_s=60, max_waiting=100)
    with monkeypatch.context() as patch:
        patch.setattr(ageless.broker, "backlog", always(MANY))
        with pytest.raises(Overloaded):
            await ageless.upload()
    assert (await ageless.upload()).bytes > 0


async def test_a_broker_that_does_not_answer_holds_up_no_upload(
    ageless: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def silent(topic: str, group: str) -> Backlog:
        del topic, group
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def out(topic: str, group: str) -> Backlog:
        raise EngineUnavailable(f"no {topic} of {group}")

    monkeypatch.setattr(admission, "_PATIENCE_S", 0.01)
    for backlog in (silent, out):
        monkeypatch.setattr(ageless.broker, "backlog", backlog)
        gate = Admission(ageless.broker, QUEUES, max_age_s=60, max_waiting=0)
        ageless.receive._admission = gate
        assert (await ageless.upload()).bytes > 0
        if gate._look is not None:
            gate._look.cancel()
    assert asked.is_set()
