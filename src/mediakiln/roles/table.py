"""The roles that can be started, by name, and how a process runs one."""

import asyncio
import gc
import logging
import signal
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import cast

from mediakiln.model.errors import OUTAGES, EngineMisconfigured
from mediakiln.roles.engines import Engines, open_engines
from mediakiln.roles.exposition import exposed
from mediakiln.roles.service import Service, Together, wait_for_stop
from mediakiln.roles.settings import Settings

log = logging.getLogger(__name__)

Builder = Callable[[Settings, Engines], Service]

ROLES = (
    "web",
    "receive",
    "import",
    "watch",
    "classify",
    "process",
    "join",
    "notify",
    "relay",
    "reconcile",
    "dead",
)
_MODULES = {"import": "imports"}
"""Of roles whose name no module can have."""
DOORS = ("upload", "multipart", "tus", "s3", "direct", "delivery")
"""Ways in and out, parts of `web`, each to be run alone: the names of `mediakiln.web.doors`."""
CORE = "core"
"""Every role but `process`, in one process: what `mediakiln up` runs beside its workers.

`watch` is in it where there are folders to watch."""
_FIRST_PAUSE_S, _MOST_PAUSE_S = 1.0, 15.0
_COLLECT_AFTER = (20_000, 20, 50)


def builder(role: str) -> Builder:
    """The `build` function of a role's module, imported now; ways in are parts of `web`.

    Raises:
        EngineMisconfigured: there is no such role.
    """
    if role == CORE:
        return _core
    if role in DOORS:
        return partial(import_module("mediakiln.roles.web").build, door=role)
    if role not in ROLES:
        known = ", ".join((*ROLES, *DOORS, CORE))
        raise EngineMisconfigured(f"there is no role {role!r}", hint=f"known are {known}")
    return cast("Builder", import_module(f"mediakiln.roles.{_MODULES.get(role, role)}").build)


def _core(settings: Settings, engines: Engines) -> Service:
    apart = {"process"} if settings.watch else {"process", "watch"}
    return Together([builder(role)(settings, engines) for role in ROLES if role not in apart])


async def serve(role: str, settings: Settings) -> None:
    """Run a role until SIGTERM or SIGINT, then drain."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    settings.check()
    engines = open_engines(settings)
    try:
        with exposed(role, settings):
            if not await _are_ready(engines, stop):
                return
            service = builder(role)(settings, engines)
            _settle_memory()
            log.info("%s is up", role, extra={"role": role})
            await service.run(stop)
            log.info("%s is drained", role, extra={"role": role})
    finally:
        await engines.close()


async def _are_ready(engines: Engines, stop: asyncio.Event) -> bool:
    """Wait for engines that are out, as they may be when all is started at once."""
    pause = _FIRST_PAUSE_S
    while not stop.is_set():
        try:
            await engines.ensure()
        except OUTAGES as error:
            log.warning("an engine is not ready, next try in %.0f s: %s", pause, error)
            await wait_for_stop(stop, pause)
            pause = min(2 * pause, _MOST_PAUSE_S)
        else:
            return True
    return False


def _settle_memory() -> None:
    """Keep the collector off what start-up made, which stays, and let it look less often.

    By default every 700 new objects start a collection, which an event loop makes all the time;
    those of the oldest generation visit every module and class.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def run(role: str, settings: Settings) -> None:
    """Run a role in this process, on uvloop."""
    import uvloop

    uvloop.run(serve(role, settings))
