"""Sandbox, disk, clock, port and key of this machine."""

import os
import shutil
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from mediakiln.model.errors import MediakilnError
from mediakiln.roles.checkup.findings import Finding, fails, good
from mediakiln.roles.settings import MIB, Settings
from mediakiln.sandbox.runner import ForkRunner

_SLOW_FSYNC_S = 0.05
_CLOCK_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)


async def machine(settings: Settings) -> list[Finding]:
    """Every check of the machine itself."""
    found = await _sandbox(settings)
    return [*found, *_disk(settings), _clock(settings), _port(settings), _key(settings)]


async def _sandbox(settings: Settings) -> list[Finding]:
    """Which protections of the sandbox hold on this kernel."""
    runner = ForkRunner()
    try:
        await runner.start()
        found = runner.capabilities
    except MediakilnError as error:
        return [fails("sandbox", error, "see the explanation of the sandbox in the documentation")]
    finally:
        await runner.close()
    isolated = found.isolated_files and found.isolated_network
    state: Literal["note", "fails"] = "fails" if settings.isolation_required else "note"
    findings = []
    for name, how in found.detail:
        if how.startswith("active"):
            findings.append(good(f"sandbox: {name}", how))
        else:
            remedy = "" if isolated else "run on Linux 5.13 or newer with user namespaces allowed"
            findings.append(Finding(f"sandbox: {name}", "note" if isolated else state, how, remedy))
    return findings


def _disk(settings: Settings) -> Iterator[Finding]:
    """Whether the data folder can be written, how fast it syncs, and what is free."""
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        took = _fsync_seconds(settings.data)
    except OSError as error:
        yield fails("data folder", error, f"make {settings.data} writable, or set MEDIAKILN_DATA")
        return
    yield good("data folder", str(settings.data.resolve()))
    if took > _SLOW_FSYNC_S:
        yield Finding(
            "disk sync",
            "note",
            f"{took * 1000:.0f} ms: uploads wait for it",
            "a local SSD is faster than a network disk",
        )
    else:
        yield good("disk sync", f"{took * 1000:.1f} ms")
    free = shutil.disk_usage(settings.data).free
    if free < settings.reserve_bytes:
        yield fails(
            "free space",
            f"{free // MIB} MiB, less than the reserve",
            "free space, or lower MEDIAKILN_RESERVE_BYTES",
        )
    else:
        yield good("free space", f"{free // MIB:,} MiB")


def _fsync_seconds(folder: Path) -> float:
    path = folder / f".doctor-{os.getpid()}"
    started = time.perf_counter()
    try:
        with path.open("wb") as file:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
    finally:
        path.unlink(missing_ok=True)
    return time.perf_counter() - started


def _clock(settings: Settings) -> Finding:
    now = datetime.now(UTC)
    path = settings.data / f".doctor-clock-{os.getpid()}"
    try:
        path.touch()
        skew = abs(path.stat().st_mtime - time.time())
        path.unlink()
    except OSError:
        skew = 0.0
    remedy = "set the clock, and keep it set with NTP (chrony or systemd-timesyncd)"
    if now < _CLOCK_EARLIEST:
        return fails("clock", f"{now:%Y-%m-%d %H:%M} lies in the past", remedy)
    if skew > 1:
        return fails("clock", f"the disk's clock is {skew:.1f} s off", remedy)
    return good("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _port(settings: Settings) -> Finding:
    where = f"{settings.host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            written = settings.data / "address"
            if written.is_file() and written.read_text().strip().endswith(f":{settings.port}"):
                return good("port", f"{where} is served by the platform on this data folder")
            return fails("port", f"{where}: {error.strerror}", "choose another with --port")
    return good("port", f"{where} is free")


def _key(settings: Settings) -> Finding:
    path = settings.data / "owner.key"
    if not path.exists():
        return good("owner key", "made at the first start")
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        return fails("owner key", f"others can read it (mode {mode:o})", f"chmod 600 {path}")
    return good("owner key", "readable by its owner only")
