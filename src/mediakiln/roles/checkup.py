"""What `mediakiln doctor` checks: codecs, sandbox, disk, engines, clock, port, configuration."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from mediakiln.model.errors import MediakilnError
from mediakiln.model.ids import new_id
from mediakiln.model.keys import Bucket
from mediakiln.model.topology import TOPOLOGY
from mediakiln.roles import parts
from mediakiln.roles.engines import Engines, open_detector, open_engines, open_notifiers
from mediakiln.roles.settings import MIB, Settings
from mediakiln.sandbox.runner import ForkRunner

_SLOW_FSYNC_S = 0.05
_CLOCK_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
_CODECS = {
    "jpegload": "JPEG",
    "pngload": "PNG",
    "webpload": "WebP",
    "heifload": "AVIF",
    "gifload": "GIF",
    "tiffload": "TIFF",
    "svgload": "SVG",
}
_ENCODERS = ("libx264", "libx265", "libsvtav1", "libvpx-vp9", "aac", "libmp3lame", "libopus")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result; `fails` ones have a remedy."""

    name: str
    state: Literal["good", "note", "fails"]
    found: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """Its public form."""
        return asdict(self)


def good(name: str, found: str) -> Finding:
    """All is well."""
    return Finding(name, "good", found)


def fails(name: str, error: object, remedy: str) -> Finding:
    """Something must be done."""
    hint = error.context.get("hint") if isinstance(error, MediakilnError) else None
    return Finding(name, "fails", str(error), str(hint or remedy))


async def checkup(settings: Settings) -> list[Finding]:
    """Every check, in the order a newcomer would meet the problems."""
    findings = [_python(), *_codecs(), *_programs()]
    findings += await _sandbox(settings)
    findings += [*_disk(settings), _clock(settings), _port(settings), _key(settings)]
    findings += _configuration(settings)
    findings += await _engines(settings)
    return findings


def _python() -> Finding:
    return good("Python", sys.version.split()[0])


def _codecs() -> Iterator[Finding]:
    """Whether libvips and the libraries beside it load, and what they read."""
    try:
        import pyvips

        have = [
            word for loader, word in _CODECS.items() if pyvips.type_find("VipsOperation", loader)
        ]
    except (ImportError, OSError) as error:
        yield fails("libvips", error, "install again: pip install --force-reinstall pyvips-binary")
    else:
        lacking = sorted(set(_CODECS.values()) - set(have))
        version = ".".join(str(pyvips.version(part)) for part in range(3))
        if lacking:
            remedy = "pip install --force-reinstall pyvips-binary"
            yield fails("libvips", f"{version} lacks {', '.join(lacking)}", remedy)
        else:
            yield good("libvips", f"{version}: {', '.join(have)}")
    for name, module in (
        ("HEIC", "pi_heif"),
        ("PDF", "pypdfium2"),
        ("MediaInfo", "pymediainfo"),
        ("3D", "trimesh"),
    ):
        try:
            __import__(module)
        except (ImportError, OSError) as error:
            yield fails(name, error, f"pip install --force-reinstall {module.replace('_', '-')}")
        else:
            yield good(name, f"{module} loads")


def _programs() -> Iterator[Finding]:
    """Whether FFmpeg runs, and the encoders it has."""
    remedy = "pip install --force-reinstall imageio-ffmpeg"
    try:
        import imageio_ffmpeg

        program = imageio_ffmpeg.get_ffmpeg_exe()
        listed = subprocess.run(
            [program, "-hide_banner", "-encoders"],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        ).stdout
    except (ImportError, RuntimeError, OSError, subprocess.SubprocessError) as error:
        yield fails("FFmpeg", error, remedy)
        return
    lacking = [name for name in _ENCODERS if f" {name} " not in listed]
    if lacking:
        yield fails("FFmpeg", f"lacks {', '.join(lacking)}", remedy)
    else:
        yield good("FFmpeg", f"{imageio_ffmpeg.get_ffmpeg_version()}: {', '.join(_ENCODERS)}")


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
        settings.data.mkdir(parents=True, exist_ok=True)
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


def _configuration(settings: Settings) -> Iterator[Finding]:
    """Settings that only fail later if nobody looks: recipes, commands, targets, detector."""
    checks: list[tuple[str, Callable[[], object], str]] = [
        ("settings", settings.check, "change the setting"),
        ("recipes", lambda: parts.recipe_book(settings), "mend the file MEDIAKILN_RECIPES names"),
        ("commands", lambda: parts.commands(settings), "mend the file MEDIAKILN_COMMANDS names"),
        ("notify", lambda: open_notifiers(settings), "mend MEDIAKILN_NOTIFY"),
        ("detector", lambda: open_detector(settings), "set MEDIAKILN_DETECTOR=signature"),
    ]
    for name, check, remedy in checks:
        try:
            check()
        except MediakilnError as error:
            yield fails(name, error, remedy)
        else:
            yield good(name, "valid")


async def _engines(settings: Settings) -> list[Finding]:
    """A round trip through each configured engine."""
    try:
        engines = open_engines(settings)
    except MediakilnError as error:
        return [fails("engines", error, "mend the engine's URL")]
    try:
        return [
            await _engine("store", settings.store_url, lambda: _store(engines)),
            await _engine("broker", settings.broker_url, lambda: _broker(engines)),
            await _engine("catalog", settings.catalog_url, lambda: _catalog(engines)),
        ]
    finally:
        await engines.close()


async def _engine(name: str, url: str, check: Callable[[], Awaitable[str]]) -> Finding:
    remedy = f"check MEDIAKILN_{name.upper()} and that the engine runs"
    try:
        async with asyncio.timeout(20):
            return good(name, f"{url}: {await check()}")
    except MediakilnError as error:
        return fails(name, f"{url}: {error}", remedy)
    except TimeoutError:
        return fails(name, f"{url}: no answer in 20 s", remedy)


async def _store(engines: Engines) -> str:
    await engines.store.ensure()
    key = f"doctor/{new_id()}"
    await engines.store.put(Bucket.INPUT, key, b"doctor", if_absent=True)
    await engines.store.get(Bucket.INPUT, key)
    await engines.store.delete(Bucket.INPUT, [key])
    return "written, read and deleted"


async def _broker(engines: Engines) -> str:
    await engines.broker.ensure(TOPOLOGY)
    backlog = await engines.broker.backlog("received", "classify")
    return f"{backlog.ready + backlog.leased} messages wait for classify"


async def _catalog(engines: Engines) -> str:
    await engines.catalog.ensure()
    space, key = engines.catalog.records("doctor"), new_id()
    version = await space.put(key, {"checked": True})
    await space.delete(key, expected=version)
    return "written, read and deleted"
