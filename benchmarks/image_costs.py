"""What images cost a worker: several widths of one decode, and memory on very large input."""

import asyncio
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil

import image_huge
from mediakiln.ports.operation import Context, OperationSet
from mediakiln.ports.runner import Limits, Task, TaskDone, Work
from mediakiln.sandbox import meter
from mediakiln.sandbox.runner import ForkRunner
from processes import cpu_seconds

Row = dict[str, Any]

WIDTHS: Final = (400, 800, 1200, 1600, 2000)
ROUNDS = 3
MOST_MB = 250
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def measured(root: Path, files: Mapping[str, Path]) -> list[Row]:
    """The figures, by jobs in the sandbox."""
    return asyncio.run(_measured(root, files["24mp.jpg"]))


async def _measured(root: Path, photo: Path) -> list[Row]:
    operation = OperationSet.installed().get("image.resize")
    runner = ForkRunner(preload=operation.capabilities.preload)
    jobs = _Jobs(root / "jobs", runner)
    try:
        widths = await _widths(jobs, photo)
        huge = [await _memory(jobs, huge) for huge in image_huge.each(root)]
        return [widths, *huge]
    finally:
        await runner.close()


class _Jobs:
    """Resizes in the sandbox, a child each."""

    def __init__(self, folder: Path, runner: ForkRunner) -> None:
        self._folder = folder
        self._runner = runner
        self._count = 0

    async def resize(self, source: Path, media_type: str, **params: Any) -> None:
        """Make JPEG of a file."""
        self._count += 1
        scratch = self._folder / str(self._count)
        out = scratch / "out"
        out.mkdir(parents=True)
        task = Task(
            name="image",
            operation="image.resize",
            params={"format": "jpeg", **params},
            out=out,
            context=Context(
                media_type=media_type,
                name=source.name,
                max_pixels=200_000_000,
                max_frames=1,
            ),
            limits=Limits(wall_s=120, cpu_s=120, memory_mb=2048, scratch_mb=2048),
            source=source,
        )
        work = Work(project="bench", scratch=scratch, tasks=(task,), readable=(source,))
        reports = [each async for each in self._runner.run(work)]
        assert isinstance(reports[-1], TaskDone), reports


async def _widths(jobs: _Jobs, photo: Path) -> Row:
    """CPU of five widths from one decode beside five runs; the best of a few rounds each."""
    await jobs.resize(photo, "image/jpeg", width=WIDTHS[0])
    ones, fives = [], []
    for _ in range(ROUNDS):
        before = _cpu_s()
        await jobs.resize(photo, "image/jpeg", widths=WIDTHS)
        between = _cpu_s()
        for width in WIDTHS:
            await jobs.resize(photo, "image/jpeg", width=width)
        ones.append(between - before)
        fives.append(_cpu_s() - between)
    ratio = min(ones) / min(fives)
    return {
        "name": "five widths of a 24 MP JPEG from one decode: CPU",
        "value": round(1000 * min(ones), 1),
        "unit": "ms",
        "rival": f"five runs: {1000 * min(fives):,.0f}",
        "ratio": ratio,
        "target": "<= 0.6",
        "holds": ratio <= 0.6,
    }


def _cpu_s() -> float:
    return cpu_seconds(psutil.Process())


async def _memory(jobs: _Jobs, huge: image_huge.Huge) -> Row:
    """The figure; without a target where a decoder has to hold the image whole."""
    with _peak_mb() as peak:
        await jobs.resize(huge.path, huge.media_type, width=800)
    return {
        "name": f"resident memory of a child on 100 MP {huge.label}",
        "value": round(peak[0], 1),
        "unit": "MB",
        "rival": None,
        "ratio": None,
        "target": f"<= {MOST_MB}" if huge.streams else None,
        "holds": peak[0] <= MOST_MB if huge.streams else None,
    }


@contextmanager
def _peak_mb() -> Iterator[list[float]]:
    """The most that any child of the zygote has had resident, with the programs it runs.

    Of itself as the kernel keeps it, of both as it is when looked at.
    """
    peak, stop = [0.0], threading.Event()
    mine = psutil.Process()

    def watch() -> None:
        while not stop.wait(0.005):
            below = [meter.tree(each.pid) for child in mine.children() for each in child.children()]
            alone = (_high_mb(tree[0]) for tree in below)
            together = (sum(map(meter.resident_bytes, tree)) / 1e6 for tree in below)
            peak[0] = max([peak[0], *alone, *together])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def _high_mb(pid: int) -> float:
    try:
        found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0  # it has ended
    return int(found[1]) * 1024 / 1e6 if found else 0.0
