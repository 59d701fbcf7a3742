"""Uploads are refused while a job has waited too long."""

import pytest

from mediakiln.model.errors import Overloaded
from mediakiln.ports.broker import Backlog
from mediakiln.stages.admission import Admission
from support.world import World

QUEUES = [("jobs.image", "process"), ("jobs.video", "process")]


async def _backlog(_: str, group: str) -> Backlog:
    assert group == "process"
    return Backlog(ready=1, leased=0, delayed=0, oldest_age_s=61.0)


async def test_a_backlog_that_is_too_old_refuses_uploads_and_keeps_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.receive._admission = Admission(world.broker, QUEUES, max_age_s=60)
    monkeypatch.setattr(world.broker, "backlog", _backlog)
    with pytest.raises(Overloaded) as caught:
        await world.upload()
    assert (caught.value.context["limit"], caught.value.context["value"]) == (60, 61)
    assert caught.value.context["retry_after"] > 0
    assert not (await world.catalog.list("default")).assets


async def test_a_young_backlog_lets_uploads_in(world: World) -> None:
    world.receive._admission = Admission(world.broker, QUEUES, max_age_s=60)
    assert (await world.upload()).bytes > 0
