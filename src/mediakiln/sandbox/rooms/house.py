"""Rooms: which child of a project does the next job, and how long it waits for one."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from mediakiln.sandbox.rooms.lodger import Lodger, RoomRules, Spawn

_log = logging.getLogger("mediakiln.sandbox")


class Rooms:
    """Every room of a runner: those that work, and those whose children wait."""

    def __init__(self, rules: RoomRules, spawn: Spawn) -> None:
        self._rules = rules
        self._spawn = spawn
        self._idle: list[Lodger] = []
        self._timers: dict[Lodger, asyncio.TimerHandle] = {}
        self._all: set[Lodger] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def room(self, project: str) -> AsyncIterator[Lodger]:
        """One of the project's that waits, else a new one; kept afterwards if it is still sound."""
        lodger = self._waiting(project)
        if lodger is None:
            lodger = Lodger(project, self._rules, self._spawn)
            self._all.add(lodger)
        try:
            if not lodger.usable:
                await lodger.move_in()
            yield lodger
        finally:
            await asyncio.shield(self._begun(self._give_back(lodger)))

    async def close(self) -> None:
        """End every child."""
        if self._watch is not None:
            self._watch.cancel()
        for lodger in tuple(self._all):
            self._begun(self._end(lodger))
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _waiting(self, project: str) -> Lodger | None:
        for lodger in self._idle[::-1]:  # the one whose memory is warmest comes first
            if lodger.project == project:
                self._wake(lodger)
                if lodger.usable:
                    return lodger
                self._begun(self._end(lodger))
        return None

    def _wake(self, lodger: Lodger) -> None:
        self._idle.remove(lodger)
        self._timers.pop(lodger).cancel()
        lodger.rest = None

    async def _give_back(self, lodger: Lodger) -> None:
        try:
            await lodger.tidy()
        finally:
            waits = lodger.rest is not None and lodger.usable
            if not waits:
                self._begun(self._end(lodger))
        if not waits:
            return
        self._idle.append(lodger)
        loop = asyncio.get_running_loop()
        self._timers[lodger] = loop.call_later(self._rules.idle_s, self._dismiss, lodger)
        if len(self._idle) > self._rules.most_idle:
            self._dismiss(self._idle[0])
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._patrol())

    async def _patrol(self) -> None:
        """End those that do anything but wait, as a file could have them do that took one over."""
        while self._idle:
            await asyncio.sleep(self._rules.look_s)
            for lodger in tuple(self._idle):
                since = lodger.rest
                unrest = await lodger.unrest()
                if lodger.rest is not since or lodger not in self._idle:
                    continue  # it was given a job meanwhile
                if unrest is not None:
                    _log.warning("a waiting child was ended: it %s", unrest)
                if unrest is not None or not lodger.usable:
                    self._dismiss(lodger)

    def _dismiss(self, lodger: Lodger) -> None:
        self._wake(lodger)
        self._begun(self._end(lodger))

    async def _end(self, lodger: Lodger) -> None:
        if lodger in self._timers:
            self._wake(lodger)
        self._all.discard(lodger)
        await lodger.end()

    def _begun(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task
