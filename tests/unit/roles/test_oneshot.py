"""The pipeline of one process says why it cannot go on, and leaves nothing half-marked."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from mediakiln.model.errors import EngineMisconfigured
from mediakiln.model.upload import Offer
from mediakiln.roles import parts
from mediakiln.roles.engines import open_engines
from mediakiln.roles.oneshot import pipeline
from mediakiln.roles.settings import Settings
from mediakiln.sandbox.runner import ForkRunner


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text("some words\n")
    return path


async def test_a_role_that_cannot_start_ends_the_wait_with_its_reason(
    tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: ForkRunner) -> None:
        raise EngineMisconfigured("jobs would not be isolated here")

    monkeypatch.setattr(ForkRunner, "start", refuse)

    async def one_file() -> None:
        async with pipeline(Settings(), folder=tmp_path / "work") as run:
            asset = await run.submit(text, recipe=None)
            await run.wait(asset.id)

    with pytest.raises(EngineMisconfigured, match="isolated"):
        await asyncio.wait_for(one_file(), 20)


async def test_sent_events_are_marked_before_the_engines_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data=tmp_path, broker="memory://", catalog="memory://")
    engines = open_engines(settings, shared=False)
    await engines.ensure()
    receive = parts.receive(settings, engines)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"some words\n"

    sent, marked = engines.catalog.sent, list[tuple[str, str]]()

    async def slow(events: Sequence[tuple[str, str]]) -> None:
        await asyncio.sleep(0.05)
        await sent(events)
        marked.extend(events)

    monkeypatch.setattr(engines.catalog, "sent", slow)
    created = await receive(Offer(name="a.txt"), chunks())
    await engines.close()
    assert [asset for asset, _ in marked] == [created.id]
