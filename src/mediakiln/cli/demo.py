"""`mediakiln demo`: what `make run` runs."""

import asyncio
import json
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.live import Live

from mediakiln.cli import words
from mediakiln.cli.output import console
from mediakiln.cli.samples import make_samples
from mediakiln.cli.up import page_url, serve
from mediakiln.client import Asset, AsyncClient
from mediakiln.model.kind import AssetState
from mediakiln.roles.settings import Settings
from mediakiln.telemetry import log

TIMEOUT_S = 300.0


def demo(
    *,
    data: Annotated[Path | None, Parameter(help="The folder that holds all state.")] = None,
    host: Annotated[str | None, Parameter(help="Address to listen on.")] = None,
    port: Annotated[int | None, Parameter(help="Port to listen on; 0 takes a free one.")] = None,
    workers: Annotated[int | None, Parameter(help="Jobs that run at once.")] = None,
) -> None:
    """Start the platform, put a sample of each kind through it, and keep serving.

    Without a terminal it ends by itself: exit code 0, or 1 where an asset failed.
    """
    settings = Settings.given(data=data, host=host, port=port, workers=workers)
    if "log_level" not in settings.model_fields_set:
        settings = settings.model_copy(update={"log_level": "warning"})
    log.set_up(level=settings.log_level, as_json=settings.log_json)
    outcome: list[bool] = []

    async def when_ready(base: str, ready: Settings) -> None:
        try:
            outcome.append(await _show(base, ready))
        except TimeoutError:
            print(f"mediakiln: not done after {TIMEOUT_S:.0f} s", file=sys.stderr)
            outcome.append(False)
        finally:
            if not sys.stdout.isatty():
                os.kill(os.getpid(), signal.SIGTERM)

    asyncio.run(serve(settings, when_ready))
    sys.exit(0 if outcome and all(outcome) else 1)


async def _show(base: str, settings: Settings) -> bool:
    """Put the samples through, print the table and how to go on; whether all are ready."""
    key = settings.owner_key() if settings.auth else None
    files = await asyncio.to_thread(make_samples, settings.data.resolve() / "samples")
    async with asyncio.timeout(TIMEOUT_S), AsyncClient(base, key) as client:
        assets = await _put_through(client, files)
    console().print(words.result_table(assets))
    _say_how_to_go_on(await page_url(base, settings), files[0], base, key)
    return all(asset.state is AssetState.READY for asset in assets)


async def _put_through(client: AsyncClient, files: Sequence[Path]) -> list[Asset]:
    """Upload and watch all at once, with a table that follows."""
    latest: dict[str, Asset] = {}
    screen = Console(stderr=True)
    with Live(console=screen, transient=True, auto_refresh=False) as live:

        async def one(path: Path) -> str:
            asset = await client.submit(path)
            async for asset in client.watch(asset):  # noqa: B020 - its newest form
                latest[asset.id] = asset
                live.update(words.result_table(latest.values()), refresh=screen.is_terminal)
            return asset.id

        ids = await asyncio.gather(*(one(path) for path in files))
    return [latest[id] for id in ids]


def _say_how_to_go_on(page: str, file: Path, base: str, key: str | None) -> None:
    """Three lines that work as they are when pasted: a browser's, and two of a shell's."""
    bearer = ("-H", f"Authorization: Bearer {key}") if key else ()
    upload = f"{base}/v1/assets?filename={file.name}"
    server = ", ".join(json.dumps(word) for word in (base, key) if word)
    submit = f"mediakiln.Client({server}).submit({json.dumps(str(file))})"
    program = f"import mediakiln; print({submit}.url)"
    print(f"\nPage    {page}")
    print("curl   ", shlex.join(["curl", *bearer, "--data-binary", f"@{file}", upload]))
    print("Python ", shlex.join([sys.executable, "-c", program]), flush=True)
    if sys.stdout.isatty():
        print("\nServing until Ctrl-C.", flush=True)
