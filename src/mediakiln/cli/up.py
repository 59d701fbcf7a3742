"""`mediakiln up`."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import httpx2
from cyclopts import Parameter

from mediakiln.roles.settings import Settings
from mediakiln.roles.supervisor import (
    Supervisor,
    children_of,
    listen,
    lock_data,
    shared_metrics,
)
from mediakiln.telemetry import log

READY_S = 30.0
_POLL_S = 0.05

_REACHED_BY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - the address to open, not to bind
"""A server on every address is opened by this one from the machine itself."""

WhenReady = Callable[[str, Settings], Awaitable[None]]


def up(
    *,
    data: Annotated[Path | None, Parameter(help="The folder that holds all state.")] = None,
    host: Annotated[str | None, Parameter(help="Address to listen on.")] = None,
    port: Annotated[int | None, Parameter(help="Port to listen on; 0 takes a free one.")] = None,
    workers: Annotated[int | None, Parameter(help="Jobs that run at once.")] = None,
    auth: Annotated[bool | None, Parameter(help="Ask for a key.")] = None,
) -> None:
    """Run the whole platform on this machine until Ctrl-C."""
    settings = Settings.given(data=data, host=host, port=port, workers=workers, auth=auth)
    log.set_up(level=settings.log_level, as_json=settings.log_json)
    asyncio.run(serve(settings, say_where))


async def serve(settings: Settings, when_ready: WhenReady) -> None:
    """Supervise every role; `when_ready` gets the base URL once requests are answered."""
    settings.check()
    lock = lock_data(settings.make_data())
    listener = listen(settings)
    host, port = listener.getsockname()[:2]
    host = _REACHED_BY.get(host, host)
    base = f"http://{f'[{host}]' if ':' in str(host) else host}:{port}"
    if settings.auth:
        settings.owner_key()
    (settings.data / "address").write_text(base + "\n")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        with shared_metrics() as environment:
            supervisor = Supervisor(children_of(settings, listener, environment))
            async with asyncio.TaskGroup() as group:
                usable = group.create_task(supervisor.run(stop))
                telling = group.create_task(_announce(base, settings, when_ready, stop))
                # Once nobody answers any more, there is nobody to wait for.
                usable.add_done_callback(lambda _: telling.cancel())
    finally:
        del lock
        (settings.data / "address").unlink(missing_ok=True)
        listener.close()
    if not usable.result():
        sys.exit(os.EX_CONFIG)


async def _announce(
    base: str, settings: Settings, when_ready: WhenReady, stop: asyncio.Event
) -> None:
    """Wait until requests are answered, then tell; give up on a platform that does not start."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + READY_S
    while not stop.is_set():
        if await is_ready(base):
            await when_ready(base, settings)
            return
        if loop.time() > deadline:
            print(f"mediakiln: not ready after {READY_S:.0f} s; see the log", file=sys.stderr)
            deadline = loop.time() + READY_S
        await asyncio.sleep(_POLL_S)


async def is_ready(base: str) -> bool:
    """Whether `/readyz` answers 200."""
    host, _, port = base.removeprefix("http://").rpartition(":")
    try:
        reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except OSError:
        return False
    writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    try:
        async with asyncio.timeout(5):
            return b" 200 " in await reader.readline()
    except (TimeoutError, OSError):
        return False
    finally:
        writer.close()


async def page_url(base: str, settings: Settings) -> str:
    """The page, with a sign-in link that works once when a key is asked for."""
    if not settings.auth:
        return f"{base}/"
    headers = {"Authorization": f"Bearer {settings.owner_key()}"}
    async with httpx2.AsyncClient(base_url=base, headers=headers, trust_env=False) as http:
        made = (await http.post("/v1/signin")).raise_for_status().json()
    link = urlsplit(made["url"])
    # Here the address that is listened on counts, not the one that clients elsewhere know.
    return f"{base}{link.path}?{link.query}"


async def say_where(base: str, settings: Settings) -> None:
    """Print where the platform is."""
    print(f"mediakiln is ready: {base}", flush=True)
    print(f"  page  {await page_url(base, settings)}", flush=True)
    if settings.auth:
        print(f"  key   {settings.data / 'owner.key'}", flush=True)
