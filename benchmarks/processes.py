"""Real processes under load: start them, upload to them, wait for them, weigh them."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil

AT_ONCE = 8
_READY_S = 60.0
_SCRAPE_S = 15.0
_ENDED = re.compile(r"^mediakiln_completed_total\{.*state=\"(\w+)\"\} ([0-9.]+)$", re.MULTILINE)


@contextmanager
def started(*command: str, data: Path, settings: Mapping[str, object]) -> Iterator[psutil.Process]:
    """`mediakiln COMMAND` on a data folder, without a key, ended by SIGTERM."""
    given = {"DATA": data, "AUTH": 0, "LOG_LEVEL": "warning", **settings}
    environment = os.environ | {f"MEDIAKILN_{name}": str(value) for name, value in given.items()}
    running = subprocess.Popen(
        [sys.executable, "-m", "mediakiln", *command], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        yield psutil.Process(running.pid)
    finally:
        running.terminate()
        running.wait(60)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def reachable(base: str) -> None:
    """Wait until the server is ready."""
    async with asyncio.timeout(_READY_S), httpx2.AsyncClient() as client:
        while True:
            try:
                if (await client.get(f"{base}/readyz")).is_success:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.1)


async def upload(base: str, files: Sequence[Path], recipe: Mapping[str, Any]) -> None:
    """Upload files, some at once."""
    waiting = iter(files)
    params = {"recipe": json.dumps(recipe)}
    async with httpx2.AsyncClient(base_url=base, timeout=120) as client:

        async def uploader() -> None:
            for path in waiting:
                answer = await client.post(
                    "/v1/assets",
                    params={**params, "filename": path.name},
                    content=path.read_bytes(),
                )
                answer.raise_for_status()

        await asyncio.gather(*(uploader() for _ in range(AT_ONCE)))


async def completed(base: str, count: int) -> None:
    """Wait until that many runs ended since the server started; fail if one is not ready."""
    async with httpx2.AsyncClient(base_url=base, timeout=30) as client:
        while True:
            ended = _ENDED.findall((await client.get("/metrics")).text)
            bad = [state for state, number in ended if state != "ready" and float(number)]
            if bad:
                raise SystemExit(f"some assets ended {bad}")
            left = count - sum(float(number) for _, number in ended)
            if left <= 0:
                return
            # Asking costs the server CPU time, which is measured: as seldom as a scrape by
            # Prometheus, but often near the end.
            await asyncio.sleep(max(0.1, min(_SCRAPE_S, 0.1 * (left - AT_ONCE))))


def cpu_seconds(process: psutil.Process) -> float:
    """CPU seconds of a process tree, those of children that have ended included."""
    total = 0.0
    for member in _tree(process):
        try:
            times = member.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def resident_mb(process: psutil.Process) -> float:
    """Resident memory of a process tree."""
    return sum(member.memory_info().rss for member in _tree(process)) / 1e6


def _tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]
