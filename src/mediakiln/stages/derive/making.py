"""Making one image: one task in a room of the delivery role's own sandbox."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediakiln.model.errors import (
    Crashed,
    EngineError,
    EngineUnavailable,
    LimitExceeded,
    MediakilnError,
    OperationFailed,
)
from mediakiln.model.product import canonical_json
from mediakiln.ports.operation import Context
from mediakiln.ports.runner import (
    Limits,
    Made,
    Room,
    Runner,
    Task,
    TaskDone,
    TaskFailed,
    TaskKilled,
    Work,
)
from mediakiln.stages.derive.plan import Plan

_NAME = "image"
_MOST_FACTS = 32 * 1024
"""Bytes of JSON about an image, which its record keeps and the shelf has in memory."""
SMALL = 1024 * 1024
"""Images up to this size are answered from memory, before the store has them."""


@dataclass(frozen=True, slots=True)
class Making:
    """What one image may cost."""

    wall_s: float = 30.0
    memory_mb: int = 1024
    scratch_mb: int = 512
    max_pixels: int = 200_000_000
    max_frames: int = 1_000


class Maker:
    """Runs plans in the sandbox."""

    def __init__(self, runner: Runner, operation: str, limits: Making) -> None:
        self._runner = runner
        self._operation = operation
        self._making = limits
        self._limits = Limits(
            wall_s=limits.wall_s,
            cpu_s=max(10.0, 2 * limits.wall_s),
            memory_mb=limits.memory_mb,
            scratch_mb=limits.scratch_mb,
        )

    async def start(self) -> None:
        """Start the sandbox."""
        await self._runner.start()

    @asynccontextmanager
    async def made(
        self, plan: Plan, path: Path, others: Mapping[str, Path]
    ) -> AsyncIterator[tuple[Made, bytes | None]]:
        """The image, and its bytes if it is `SMALL`; else its file is there within the context.

        Args:
            plan: what is to be made.
            path: the source.
            others: the files of the plan's other assets, by id.

        Raises:
            MediakilnError: what the operation refused the file for.
            LimitExceeded: it took more time or memory than one image may, or its process crashed.
            EngineUnavailable: its process was ended from outside: the next may well make it.
        """
        async with self._runner.room(plan.source.project) as room:
            source, *lent = await room.lend([path, *others.values()])
            task = Task(
                name=_NAME,
                operation=self._operation,
                params=dict(plan.params),
                out=room.out,
                context=self._context(plan, dict(zip(others, lent, strict=True))),
                limits=self._limits,
                source=source,
            )
            made = await _run(room, Work(plan.source.project, room.scratch, (task,)))
            yield made, await room.take(made, SMALL)

    def _context(self, plan: Plan, others: Mapping[str, Path]) -> Context:
        return Context(
            media_type=plan.source.media_type,
            name=plan.source.name,
            max_pixels=self._making.max_pixels,
            max_frames=self._making.max_frames,
            inputs=others,
        )


async def _run(room: Room, work: Work) -> Made:
    async with aclosing(room.run(work)) as reports:  # type: ignore[type-var]
        async for report in reports:
            if isinstance(report, TaskDone):
                return _first(report)
            if isinstance(report, TaskFailed):
                raise report.error
            if isinstance(report, TaskKilled):
                raise _ended(report.error)
    raise EngineError("the runner reported nothing")


def _first(report: TaskDone) -> Made:
    if not report.made:
        raise OperationFailed("the operation made nothing")
    made = report.made[0]
    size = len(canonical_json(made.product.metadata))
    if size > _MOST_FACTS:
        raise OperationFailed("too much is told of the image", limit=_MOST_FACTS, value=size)
    return made


def _ended(error: MediakilnError) -> MediakilnError:
    """A child that was ended: what its image cost, or what befell it from outside.

    The first is of this address, since another asset's image may well be made; the second passes.
    """
    context: Mapping[str, Any] = {**error.context, "reason": error.code}
    lost = error.context.get("signal") == "SIGKILL" or error.context.get("sandbox") == "lost"
    if isinstance(error, Crashed) and lost:
        return EngineUnavailable(f"the image was not made: {error.message}", **context)
    return LimitExceeded(f"the image could not be made: {error.message}", **context)
