"""A role waits for engines that are out, and starts once they are there."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from mediakiln.adapters.catalog.sqlite import SqliteCatalog
from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable, MediakilnError
from mediakiln.roles import table
from mediakiln.roles.settings import Settings
from support.waiting import eventually


def _failing(monkeypatch: pytest.MonkeyPatch, error: MediakilnError, times: int) -> list[int]:
    """Have the catalog fail so often; the list grows by one at each try."""
    tries: list[int] = []
    ensure = SqliteCatalog.ensure

    async def failing(self: SqliteCatalog) -> None:
        tries.append(1)
        if len(tries) <= times:
            raise error
        await ensure(self)

    monkeypatch.setattr(SqliteCatalog, "ensure", failing)
    monkeypatch.setattr(table, "_FIRST_PAUSE_S", 0.01)
    return tries


async def test_a_role_waits_for_an_engine_that_is_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = _failing(monkeypatch, EngineUnavailable("not yet"), 3)
    serving = asyncio.create_task(table.serve("relay", Settings(data=tmp_path)))
    await eventually(lambda: len(tries) == 4, within_s=30)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, 30)


async def test_a_role_that_waits_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = _failing(monkeypatch, EngineUnavailable("never"), 10_000)
    serving = asyncio.create_task(table.serve("relay", Settings(data=tmp_path)))
    await eventually(lambda: len(tries) > 1, within_s=30)  # it listens for signals by now
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, 30)


async def test_a_wrong_setting_ends_a_role_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = _failing(monkeypatch, EngineMisconfigured("wrong"), 10_000)
    with pytest.raises(EngineMisconfigured):
        await table.serve("relay", Settings(data=tmp_path))
    assert tries == [1]
