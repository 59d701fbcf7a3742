"""The whole pipeline: CPU per image against bare pyvips, and throughput of 2 workers against 1.

    python benchmarks/pipeline.py [--json FILE]

The rival decodes, resizes and encodes the same files to the same renditions in a loop that
does nothing else. CPU is user and system time of every process of the platform between the
first upload and the last completed asset, the server's share of the uploads included. The bare
loop runs before and after, so that a machine whose speed drifts favours neither.
"""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from figures import report
from processes import (
    completed,
    cpu_seconds,
    free_port,
    reachable,
    resident_mb,
    started,
    upload,
)

QUALITY = 80
RECIPE = {
    "steps": {
        "web": {"op": "image.resize", "width": 1600, "format": "webp", "quality": QUALITY},
        "thumb": {
            "op": "image.resize",
            "width": 320,
            "height": 320,
            "fit": "cover",
            "format": "webp",
            "quality": QUALITY,
        },
    }
}
SIZES = [(2048, 1536), (2592, 1944), (3264, 2448), (4000, 3000)]
PHOTOS = int(os.environ.get("PHOTOS", "500"))
WARM_UP = 4


def measure() -> list[dict[str, Any]]:
    """Every figure: name, value, unit, rival, ratio, target, holds."""
    with tempfile.TemporaryDirectory(prefix="mediakiln-bench-") as name:
        folder = Path(name)
        files = make_photos(folder / "photos", PHOTOS)
        before = bare(files, folder / "before")
        one = pipeline(files, folder / "one", workers=1)
        after = bare(files, folder / "after")
        two = pipeline(files, folder / "two", workers=2)
        rates = [drained(files, folder / f"queue-{n}", workers=n) for n in (1, 2)]
    cpu, wall = ((first + last) / 2 for first, last in zip(before, after, strict=True))
    return [
        _figure("CPU per image, 1 worker", one["cpu"], "ms", ("bare pyvips", cpu), 1.25, most=True),
        _figure("CPU per image, 2 workers", two["cpu"], "ms", ("bare pyvips", cpu), None),
        _figure(
            "images per second from a full queue, 2 workers",
            rates[1],
            "1/s",
            ("1 worker", rates[0]),
            1.8,
        ),
        _figure(
            "images per second while uploading, 2 workers",
            1 / two["wall"],
            "1/s",
            ("1 worker", 1 / one["wall"]),
            None,
        ),
        _figure(
            "images per second, 1 worker", 1 / one["wall"], "1/s", ("a bare loop", 1 / wall), None
        ),
        {
            "name": "resident memory of every process",
            "value": two["rss_mb"],
            "unit": "MB",
            "rival": None,
            "ratio": None,
            "target": None,
            "holds": None,
        },
    ]


def _figure(
    name: str,
    value: float,
    unit: str,
    rival: tuple[str, float],
    target: float | None,
    *,
    most: bool = False,
) -> dict[str, Any]:
    scale = 1000 if unit == "ms" else 1
    ratio = value / rival[1]
    sign = "<=" if most else ">="
    return {
        "name": name,
        "value": round(value * scale, 2),
        "unit": unit,
        "rival": f"{rival[0]}: {rival[1] * scale:,.4g}",
        "ratio": round(ratio, 3),
        "target": None if target is None else f"{sign} {target}",
        "holds": None if target is None else (ratio <= target if most else ratio >= target),
    }


def make_photos(folder: Path, count: int) -> list[Path]:
    """JPEG photos of 3 to 12 MP, no two with the same bytes.

    A quarter of a byte a pixel, about what phones and cameras write.
    """
    import pyvips

    folder.mkdir(parents=True)
    bases = []
    for number, (width, height) in enumerate(SIZES):
        grain = pyvips.Image.gaussnoise(width, height, sigma=16, seed=number)
        clouds = pyvips.Image.perlin(width, height, cell_size=256, seed=number) * 90 + 128
        edges = pyvips.Image.worley(width, height, cell_size=96, seed=number)
        bands = [clouds + grain * 0.5, clouds * 0.7 + edges, clouds + edges * 0.4 + grain * 0.5]
        image = bands[0].bandjoin(bands[1:]).cast("uchar").copy(interpretation="srgb")
        bases.append(image.jpegsave_buffer(Q=90))
    dice = random.Random(0)  # noqa: S311 - no secret
    files = []
    for number in range(count):
        path = folder / f"photo-{number:04}.jpg"
        path.write_bytes(_with_comment(bases[number % len(bases)], f"{dice.random()}".encode()))
        files.append(path)
    return files


def _with_comment(jpeg: bytes, text: bytes) -> bytes:
    """The same picture with another comment segment, so that no two files have one checksum."""
    segment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
    return jpeg[:2] + segment + jpeg[2:]


def bare(files: Sequence[Path], out: Path) -> tuple[float, float]:
    """CPU and wall seconds per image of the same renditions by pyvips alone, in its own process."""
    out.mkdir()
    script = f"""
import os, sys, time, resource
os.environ["VIPS_CONCURRENCY"] = "1"
import pyvips

pyvips.cache_set_max(0)
files = sys.stdin.read().splitlines()
before, start = time.process_time(), time.perf_counter()
for path in files:
    image = pyvips.Image.thumbnail(path, 1600, height=100000, size="down")
    image.webpsave({str(out)!r} + "/web.webp", Q={QUALITY}, effort=4, keep="none")
    image = pyvips.Image.thumbnail(path, 320, height=320, crop="centre")
    image.webpsave({str(out)!r} + "/thumb.webp", Q={QUALITY}, effort=4, keep="none")
print(time.process_time() - before, time.perf_counter() - start)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        input="\n".join(map(str, files)),
        capture_output=True,
        text=True,
        check=True,
    )
    cpu, wall = done.stdout.split()
    return float(cpu) / len(files), float(wall) / len(files)


def drained(files: Sequence[Path], data: Path, *, workers: int) -> float:
    """Images per second of a worker that finds every job waiting; uploads take no core then."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with started("run", "core", data=data, settings={"PORT": port}):
        asyncio.run(reachable(base))
        asyncio.run(upload(base, files, RECIPE))
        with started("run", "process", data=data, settings={"WORKERS": workers}):
            asyncio.run(completed(base, WARM_UP))
            start = time.perf_counter()
            asyncio.run(completed(base, len(files)))
            return (len(files) - WARM_UP) / (time.perf_counter() - start)


def pipeline(files: Sequence[Path], data: Path, *, workers: int) -> dict[str, float]:
    """CPU and wall seconds per image from the first upload to the last ready one, and memory."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with started("up", data=data, settings={"PORT": port, "WORKERS": workers}) as process:
        asyncio.run(reachable(base))
        asyncio.run(upload(base, files[:WARM_UP], RECIPE))
        asyncio.run(completed(base, WARM_UP))
        before, start = cpu_seconds(process), time.perf_counter()
        asyncio.run(upload(base, files[WARM_UP:], RECIPE))
        asyncio.run(completed(base, len(files)))
        wall, cpu = time.perf_counter() - start, cpu_seconds(process) - before
        rss = resident_mb(process)
    count = len(files) - WARM_UP
    return {"cpu": cpu / count, "wall": wall / count, "rss_mb": round(rss)}


if __name__ == "__main__":
    report(measure, __doc__)
