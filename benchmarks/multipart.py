"""Parts of uploads on the local store: how fast they are written, and what completing them costs.

    python benchmarks/multipart.py

BENCH_BYTES, 2 GB if not set, is how much is written for the rate. The object of 10 GB
whose completion is timed is sparse: the bytes of its parts were never written, since completing
must not touch them.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from blake3 import blake3

from figures import report
from mediakiln.adapters.object_store.local import LocalObjectStore
from mediakiln.adapters.object_store.multipart.journal import Entry, Journal
from mediakiln.model.keys import Bucket
from mediakiln.ports.multipart import Part

Row = dict[str, Any]

GB = 1_000_000_000
MIB = 1 << 20
BYTES = int(os.environ.get("BENCH_BYTES", 2 * GB))
PART, PARALLEL, ROUNDS = 64 * MIB, 4, 3
OBJECT, SMALL, LARGE = 10 * GB, 8 * MIB, 1 << 30
COMPLETIONS = 9
BLOCK = os.urandom(MIB)
KEY = "default/2026/01/01/upload"


def measure() -> list[Row]:
    """Every figure, in about a minute."""
    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(_measure(Path(name)))


async def _measure(root: Path) -> list[Row]:
    store = LocalObjectStore(root / "store")
    await store.ensure()
    try:
        disk = _best(ROUNDS, lambda: _write_plainly(root / "plain"))
        hashing = _best(1, _hash)
        ours = max([await _rate(store) for _ in range(ROUNDS)])
        small, large = [
            [await _completion_s(store, root, size) for _ in range(COMPLETIONS)]
            for size in (SMALL, LARGE)
        ]
    finally:
        await store.close()
    return [_writing(ours, disk, hashing), *_completing(small, large, disk)]


def _writing(ours: float, disk: float, hashing: float) -> Row:
    slower = min(disk, hashing)
    return {
        "name": "writing parts",
        "value": round(ours / 1e6, 1),
        "unit": "MB/s",
        "rival": "min(disk write, hash)",
        "ratio": ours / slower,
        "target": "at least 0.8",
        "holds": ours >= 0.8 * slower,
    }


def _completing(small: Sequence[float], large: Sequence[float], disk: float) -> list[Row]:
    one, other = statistics.median(small), statistics.median(large)
    copying = OBJECT / disk
    return [
        {
            "name": "completing 10 GB of 1 GiB parts",
            "value": round(other * 1e3, 2),
            "unit": "ms",
            "rival": "writing its bytes",
            "ratio": other / copying,
            "target": "at most 0.01",
            "holds": other <= 0.01 * copying,
        },
        {
            "name": "completing 10 GB of 8 MiB parts",
            "value": round(one * 1e3, 2),
            "unit": "ms",
            "rival": "writing its bytes",
            "ratio": one / copying,
            "target": "at most 0.01",
            "holds": one <= 0.01 * copying,
        },
    ]


def _best(rounds: int, call: Callable[[], float]) -> float:
    return max(call() for _ in range(rounds))


def _write_plainly(path: Path) -> float:
    """Bytes a second, written by one thread in blocks of 1 MiB and made durable."""
    began = time.perf_counter()
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for _ in range(BYTES // MIB):
            os.write(descriptor, BLOCK)
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
    took = time.perf_counter() - began
    path.unlink()
    return BYTES / took


def _hash() -> float:
    """Bytes a second, hashed by one thread."""
    began, digest = time.perf_counter(), blake3()
    for _ in range(BYTES // MIB):
        digest.update(BLOCK)
    return BYTES / (time.perf_counter() - began)


async def _rate(store: LocalObjectStore) -> float:
    """Bytes a second, of an object of parts from its beginning to its completion."""
    numbers = iter(range(1, max(BYTES // PART, 1) + 1))
    began = time.perf_counter()
    upload = await store.begin(Bucket.INPUT, KEY)

    async def work() -> None:
        for number in numbers:
            async with store.part_writer(
                Bucket.INPUT, KEY, upload, number, offset=(number - 1) * PART, size=PART
            ) as writer:
                for _ in range(PART // MIB):
                    await writer.write(BLOCK)
                await writer.commit()

    await asyncio.gather(*(work() for _ in range(PARALLEL)))
    info = await store.complete(
        Bucket.INPUT, KEY, upload, await store.parts(Bucket.INPUT, KEY, upload)
    )
    took = time.perf_counter() - began
    await store.delete(Bucket.INPUT, [KEY])
    return info.size / took


async def _completion_s(store: LocalObjectStore, root: Path, size: int) -> float:
    """Seconds to make an object of 10 GB of parts of a size."""
    upload = await store.begin(Bucket.INPUT, KEY)
    folder = root / "store" / ".multipart" / upload
    starts = range(0, OBJECT, size)
    entries = [
        Entry(Part(number, min(size, OBJECT - start), "00" * 32), start)
        for number, start in enumerate(starts, start=1)
    ]
    with Journal.opened(str(folder / "parts"), Bucket.INPUT, KEY) as journal:
        journal.write(*entries)
    os.truncate(folder / "data", OBJECT)
    parts = [entry.part for entry in entries]
    began = time.perf_counter()
    await store.complete(Bucket.INPUT, KEY, upload, parts)
    took = time.perf_counter() - began
    await store.delete(Bucket.INPUT, [KEY])
    return took


if __name__ == "__main__":
    report(measure, __doc__)
