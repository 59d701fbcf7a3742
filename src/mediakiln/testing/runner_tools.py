"""What the runner contract's tests share: jobs of mock operations, and who is still alive."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from mediakiln.ports.operation import Context
from mediakiln.ports.runner import (
    Answers,
    Limits,
    Report,
    Runner,
    Task,
    TaskDone,
    TaskFailed,
    TaskKilled,
    Work,
)

LIMITS = Limits(wall_s=30.0, cpu_s=30.0, memory_mb=512, scratch_mb=256)
PATIENCE = 10.0
"""Seconds to wait for what must come."""
UPLOAD = b"the bytes of an upload"


@dataclass(frozen=True)
class Step:
    """A mock operation with its parameters, as a task that is still to be given its folders."""

    operation: str
    params: dict[str, Any]
    name: str
    parent: str | None = None
    parent_file: str | None = None
    limits: Limits = LIMITS


def step(operation: str, name: str = "step", **params: Any) -> Step:
    """The task `name` that runs `mock.{operation}` on the upload."""
    return Step(operation=f"mock.{operation}", params=params, name=name)


def after(parent: str, made: Step, file: str | None = None) -> Step:
    """The same task, working on the product of another."""
    return replace(made, parent=parent, parent_file=file)


def within(made: Step, **limits: Any) -> Step:
    """The same task with other limits."""
    return replace(made, limits=replace(LIMITS, **limits))


class Workbench:
    """Makes jobs in folders of their own, and runs them."""

    def __init__(self, runner: Runner, folder: Path) -> None:
        self.runner = runner
        self.folder = folder
        self.models: Mapping[str, Any] = {}
        """Of the tasks' contexts."""
        self.answers: Answers | None = None
        self._jobs = 0
        disregard_others()

    def work(self, *steps: Step) -> Work:
        """A job of these steps on a small upload outside its scratch folder."""
        self._jobs += 1
        scratch = self.folder / f"job-{self._jobs}"
        upload = self.folder / f"upload-{self._jobs}"
        upload.write_bytes(UPLOAD)
        tasks = [self._task(each, scratch / each.name, upload) for each in steps]
        kept = self.folder / f"kept-{self._jobs}"
        kept.mkdir()
        return Work("default", scratch, tasks, (upload,), kept, self.answers)

    def _task(self, each: Step, out: Path, upload: Path) -> Task:
        out.mkdir(parents=True)
        return Task(
            name=each.name,
            operation=each.operation,
            params=each.params,
            out=out,
            context=Context("application/octet-stream", name="upload.bin", models=self.models),
            limits=each.limits,
            source=None if each.parent else upload,
            parent=each.parent,
            parent_file=each.parent_file,
        )

    async def run(self, *steps: Step) -> list[Report]:
        """Every report of a job of these steps."""
        return [report async for report in self.runner.run(self.work(*steps))]

    async def done(self, *steps: Step) -> TaskDone:
        """The last report, which must be of success."""
        report = (await self.run(*steps))[-1]
        assert isinstance(report, TaskDone), report
        return report

    async def failed(self, *steps: Step) -> TaskFailed:
        """The last report, which must be of an error that the operation met."""
        report = (await self.run(*steps))[-1]
        assert isinstance(report, TaskFailed), report
        return report

    async def killed(self, *steps: Step) -> TaskKilled:
        """The last report, which must be of a child's end."""
        report = (await self.run(*steps))[-1]
        assert isinstance(report, TaskKilled), report
        return report


_others: set[int] = set()


def disregard_others() -> None:
    """Leave what runs now, and what that starts, out of `children`: it belongs to other tests."""
    _others.clear()
    _others.update(each.pid for each in psutil.Process().children())


def children() -> list[psutil.Process]:
    """Processes that this one has started since `disregard_others`, and that have not ended."""
    return [each for each in psutil.Process().children() if _lives(each)]


def descendants() -> list[psutil.Process]:
    """`children`, and all that they started."""
    found = children()
    for each in tuple(found):
        with suppress(psutil.NoSuchProcess):
            found += [below for below in each.children(recursive=True) if _lives(below)]
    return found


def _lives(process: psutil.Process) -> bool:
    try:
        return process.pid not in _others and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def running(words: str) -> list[int]:
    """The processes anywhere on this machine that have `words` in their command line."""
    found = []
    for each in psutil.process_iter():
        try:
            if words in " ".join(each.cmdline()) and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each.pid)
        except psutil.Error:
            continue
    return found


async def until(condition: Callable[[], object]) -> bool:
    """Whether the condition comes true, now or within some seconds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


async def gone(words: str) -> bool:
    """Whether no process has `words` in its command line, now or within some seconds."""
    return await until(lambda: not running(words))
