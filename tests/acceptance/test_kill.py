"""kill -9 of every role and of sandbox children while files go through: nothing is lost."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx2
import psutil
import pytest
from blake3 import blake3

from mediakiln.client import ApiError, Asset, Client, Retry
from mediakiln.model.kind import AssetState
from mediakiln.roles.settings import Settings
from support import media
from support.audit import Findings, audit
from support.fleet import supervised
from support.hooks import Hooks, receiving
from support.platform import Platform

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(300),
]

SETTINGS = {
    "LEASE_S": "2",
    "STALL_S": "3",
    "RETRY_BASE_S": "0.1",
    "WORKERS": "2",
    "MAX_ATTEMPTS": "50",
}
KILLED = {"crashed"}
"""The only reasons for which a good file may fail here: its child was killed twice."""

Target = Callable[[Platform], Sequence[psutil.Process]]
Files = list[tuple[str, bytes]]


def zygotes(site: Platform) -> Sequence[psutil.Process]:
    """The sandboxes' zygotes; their own forks carry the same command line."""
    found = site.named("mediakiln.sandbox.zygote")
    return [process for process in found if process.parent() not in found]


def sandbox_children(site: Platform) -> Sequence[psutil.Process]:
    """Jobs that are running."""
    return [child for zygote in zygotes(site) for child in zygote.children()]


def role(name: str) -> Target:
    """The processes of one role."""
    return lambda site: site.named("run", name)


def kill_one(site: Platform, target: Target, more: Callable[[], str]) -> list[str]:
    """Kill a process of the target as soon as there is one; `more` uploads work for it."""
    deadline = time.monotonic() + 60
    fed = time.monotonic()
    ids: list[str] = []
    while True:
        with suppress(psutil.NoSuchProcess):
            for victim in target(site)[:1]:
                victim.kill()
                return ids
        assert time.monotonic() < deadline, "there is nothing to kill"
        if time.monotonic() - fed > 1:
            ids.append(more())
            fed = time.monotonic()
        time.sleep(0.01)


def send_while_killing(site: Platform, files: Files, targets: Sequence[Target]) -> list[str]:
    """Upload the files in as many parts as there are targets; a kill falls into each part.

    Where all was done before the kill, further files are made, sent and added to the list.
    """
    size = -(-len(files) // len(targets))
    ids: list[str] = []
    parts = [files[number * size : (number + 1) * size] for number in range(len(targets))]
    with site.client() as client, ThreadPoolExecutor(5) as pool:

        def more() -> str:
            files.append((f"more-{len(files)}.jpg", media.jpeg(10_000 + len(files))))
            return send(client, files[-1])

        for part, target in zip(parts, targets, strict=True):
            sending = [pool.submit(send, client, file) for file in part]
            sending[len(part) // 3].result()
            ids += kill_one(site, target, more)
            ids += [one.result() for one in sending]
    return ids


def send(client: Client, file: tuple[str, bytes]) -> str:
    """Upload until it is acknowledged; what was not is sent again, and may become two assets."""
    name, content = file
    deadline = time.monotonic() + 60
    while True:
        try:
            return client.submit(content, name=name).id
        except (httpx2.TransportError, ApiError) as error:
            final = isinstance(error, ApiError) and error.status < 500
            if final or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def ended(client: Client, ids: Sequence[str]) -> list[Asset]:
    """Every asset at its end."""
    return [client.wait(id, timeout=60) for id in ids]


def insist_on_one_end(found: Findings, ids: Sequence[str], hooks: Hooks) -> None:
    """Each run was told of under one id with one state, which is the record's own."""
    by_id = {asset.id: asset for asset in found.assets}
    assert set(ids) <= by_id.keys()
    assert hooks.assets() == by_id.keys()
    for (id, run), messages in hooks.told.items():
        assert run == 1
        assert len(messages) == 1, f"{id} was told to end as {messages}"
        assert next(iter(messages))[1] == by_id[id].state


def insist_on_downloads(client: Client, assets: Sequence[Asset], folder: Path) -> int:
    """Every product can be had, and matches its checksum."""
    count = 0
    for asset in assets:
        for number, product in enumerate(asset.products):
            client.download(product, folder / f"{asset.id}-{number}")
            count += 1
    return count


def until_all_were_told(client: Client, hooks: Hooks) -> None:
    """Also those that were taken in although their uploader never heard of it."""
    deadline = time.monotonic() + 60
    while missing := {asset.id for asset in client.list()} - hooks.assets():
        assert time.monotonic() < deadline, f"nobody was told of {missing}"
        time.sleep(0.2)


def at_rest(site: Platform, files: Files) -> Findings:
    """Stop, start and stop again, since a start sweeps; then look at everything."""
    site.stop()
    site.up()
    site.stop()
    assert site.survivors() == []
    sent = {f"blake3:{blake3(content).hexdigest()}" for _, content in files}
    found = asyncio.run(audit(Settings(data=site.data), sent))
    assert found.broken == []
    return found


def check(site: Platform, ids: Sequence[str], files: Files, hooks: Hooks, folder: Path) -> None:
    """Everything that must hold once all files are through."""
    out = folder / "out"
    out.mkdir()
    with site.client(retry=Retry(tries=20)) as client:
        assets = ended(client, ids)
        until_all_were_told(client, hooks)
        downloads = insist_on_downloads(client, assets, out)
    failed = [asset for asset in assets if asset.state is not AssetState.READY]
    assert {asset.error.code for asset in failed if asset.error} <= KILLED
    assert len(failed) <= len(ids) // 10
    assert downloads >= len(ids) - len(failed)
    found = at_rest(site, files)
    insist_on_one_end(found, ids, hooks)


def test_every_process_of_up_is_killed_again_and_again_and_no_file_is_lost(tmp_path: Path) -> None:
    files = media.mixed(200)
    targets = [role("core"), role("process"), zygotes, sandbox_children] * 3
    with receiving() as hooks:
        site = Platform(tmp_path, SETTINGS | hooks.settings())
        try:
            site.up()
            ids = send_while_killing(site, files, targets)
            check(site, ids, files, hooks, tmp_path)
        finally:
            site.end()


def test_every_role_that_runs_alone_is_killed_and_no_file_is_lost(tmp_path: Path) -> None:
    files = media.mixed(70)
    roles = ("web", "classify", "process", "join", "notify", "relay", "reconcile")
    with receiving() as hooks:
        site = Platform(tmp_path, SETTINGS | hooks.settings())
        try:
            with supervised(site, roles):
                ids = send_while_killing(site, files, [role(name) for name in roles])
                with site.client() as client:
                    ended(client, ids)
            site.up()
            check(site, ids, files, hooks, tmp_path)
        finally:
            site.end()
