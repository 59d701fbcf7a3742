"""The stage itself: from a job to `stored` per step and one `finished`."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from mediakiln.model.asset import Asset, Problem, StepProducts
from mediakiln.model.errors import (
    OUTAGES,
    AttemptsSpent,
    Crashed,
    EngineError,
    LeaseLost,
    MediakilnError,
    SandboxKill,
    StorageFull,
)
from mediakiln.model.kind import StepState
from mediakiln.model.messages import Finished, Job, Message, StepOutcome, Stored
from mediakiln.model.product import Manifest
from mediakiln.ports.broker import Broker
from mediakiln.ports.operation import OperationSet
from mediakiln.ports.runner import Answers, Runner, TaskDone, TaskFailed, TaskKilled, Work
from mediakiln.stages.process.claims import Claims
from mediakiln.stages.process.commit import Commits
from mediakiln.stages.process.originals import Originals
from mediakiln.stages.process.plan import PlannedStep, others, plan
from mediakiln.stages.process.run import Run
from mediakiln.stages.process.scratch import Place, Scratch
from mediakiln.stages.process.tasks import TaskMaker, check_parent
from mediakiln.telemetry import metrics

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
MAX_EXCUSED = 20
"""Attempts that a failing engine may end uncounted; an outage or a shutdown always may."""
MAX_KILLS = 2
"""A step whose child the sandbox ended this often has failed."""


class Process:
    """Handles `jobs.*`. `max_attempts` starts of one run are allowed."""

    def __init__(
        self,
        *,
        broker: Broker,
        runner: Runner,
        operations: OperationSet,
        claims: Claims,
        commits: Commits,
        scratch: Scratch,
        tasks: TaskMaker,
        originals: Originals,
        answers: Answers | None = None,
        max_attempts: int = MAX_ATTEMPTS,
    ) -> None:
        self._broker = broker
        self._runner = runner
        self._operations = operations
        self._claims = claims
        self._commits = commits
        self._scratch = scratch
        self._tasks = tasks
        self._originals = originals
        self._answers = answers
        self._max_attempts = max_attempts

    async def __call__(self, message: Message) -> None:
        """Carry a run to its end, or as far as this attempt gets.

        Raises:
            Leased: another worker holds the run.
            SandboxKill: the child was ended; another attempt may follow.
            EngineError, StorageFull: an engine failed, or a recogniser; the attempt does not count,
                unless others than unreachable or full ones failed `MAX_EXCUSED` times before.
        """
        job = Job.of(message)
        asset = await self._claims.take(job)
        if asset is None:
            return
        if asset.counted_attempts > self._max_attempts + 1:
            # Not even the attempt that was to end the run came to its end.
            await self._abandon(asset, AttemptsSpent(limit=self._max_attempts))
            return
        try:
            async with self._claims.held(asset):
                await self._attempt(asset)
        except LeaseLost as error:
            log.info("left to another: %s", error, extra={"asset": asset.id, "run": asset.run})
        except SandboxKill:
            raise
        except (EngineError, StorageFull, asyncio.CancelledError) as error:
            excused = not isinstance(error, EngineError) or isinstance(error, OUTAGES)
            await asyncio.shield(
                self._give_back(asset, excused=excused or asset.excused < MAX_EXCUSED)
            )
            raise
        except MediakilnError as error:
            if error.retryable:
                raise
            await self._abandon(asset, error)

    async def _give_back(self, asset: Asset, *, excused: bool) -> None:
        try:
            await self._claims.release(asset, excused=excused)
        except MediakilnError as error:
            log.warning("a claim lapses by itself: %s", error, extra={"asset": asset.id})

    async def _abandon(self, asset: Asset, error: MediakilnError) -> None:
        """The run cannot be done at all: say so, since a dead letter would leave it standing."""
        finished = Finished(
            asset=asset.id,
            project=asset.project,
            run=asset.run,
            attempt=asset.attempts,
            steps={},
            seconds=0.0,
            error=Problem.of(error),
        )
        await self._broker.publish(Finished.topic, [finished.to_message()])

    async def _attempt(self, asset: Asset) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        found = await self._originals.find(asset.project, others(asset, self._operations))
        tables = self._tasks
        steps = plan(
            asset,
            self._operations,
            tables.commands,
            found.names,
            tables.models,
            tables.credentials,
        )
        run = Run(asset, steps, found)
        for planned in list(run.planned.values()):
            problem = found.problem(planned.others)
            if problem is not None:
                run.fail(planned.name, problem)
            elif planned.name not in run.outcomes:
                await self._take_what_is_there(run, planned)
        if asset.counted_attempts > self._max_attempts:
            for planned in run.open_steps():
                run.fail(planned.name, AttemptsSpent(limit=self._max_attempts))
        if run.open_steps():
            with self._scratch.folder(f"{asset.id}-{asset.run}") as folder:
                await self._work(run, folder)
        await self._finish(run, loop.time() - started)

    async def _take_what_is_there(self, run: Run, planned: PlannedStep) -> None:
        """Use what an earlier attempt committed, or what equal work made before."""
        manifest = None
        if run.attempt > 1:
            manifest = await self._commits.find(run.asset, planned.name)
        if manifest is None:
            manifest = await self._commits.reuse(run.asset, run.attempt, planned)
        if manifest is not None:
            await self._announce(run, planned.name, manifest)

    async def _announce(self, run: Run, step: str, manifest: Manifest) -> None:
        products = StepProducts.of(manifest, steps=len(run.planned))
        run.manifests[step] = manifest
        run.outcomes[step] = StepOutcome(
            state=StepState.DONE, digest=products.digest, seconds=manifest.seconds
        )
        stored = Stored(
            asset=run.asset.id,
            project=run.asset.project,
            run=run.asset.run,
            attempt=run.attempt,
            step=step,
            products=products,
            seconds=manifest.seconds,
        )
        await self._broker.publish(Stored.topic, [stored.to_message()])

    async def _work(self, run: Run, folder: Path) -> None:
        """Run the open steps, in a fresh child after each that had to be ended."""
        source = await self._originals.fetch(run.asset, folder)
        others = {
            id: await self._originals.fetch(asset, folder)
            for id, asset in run.others.assets.items()
        }
        while steps := self._fit_steps(run):
            place = Place.below(folder)
            tasks = await self._tasks.make(run.asset, steps, run.manifests, source, place, others)
            work = Work(
                project=run.asset.project,
                scratch=place.scratch,
                kept=place.kept,
                tasks=tasks.tasks,
                readable=(source, *tasks.readable),
                answers=self._answers,
            )
            reported = len(run.outcomes) + len(run.killed)
            async with aclosing(self._runner.run(work)) as reports:  # type: ignore[type-var]
                async for report in reports:
                    if not await self._record(run, report):
                        break
            if run.outage is not None:
                raise run.outage
            if len(run.outcomes) + len(run.killed) == reported:
                raise EngineError("the runner reported nothing", asset=run.asset.id)
        if run.killed:
            await self._claims.release(run.asset)
            raise next(iter(run.killed.values()))

    @staticmethod
    def _fit_steps(run: Run) -> Sequence[PlannedStep]:
        """The open steps, without those that cannot take what their parent made: these fail."""
        for planned in run.open_steps():
            try:
                check_parent(planned, run.manifests)
            except MediakilnError as error:
                run.fail(planned.name, error)
        return run.open_steps()

    async def _record(self, run: Run, report: Any) -> bool:
        """Take note of a report; whether its child may go on."""
        if isinstance(report, TaskDone):
            try:
                await self._commit(run, report)
            except Crashed as error:
                await self._killed(run, TaskKilled(report.name, report.seconds, error))
                return False
        elif isinstance(report, TaskFailed):
            if isinstance(report.error, StorageFull):
                raise report.error
            if report.passing:  # the others are done first, since this may last
                run.outage = report.error
                return True
            run.fail(report.name, report.error, report.seconds)
            name = run.planned[report.name].operation.name
            metrics.STEP_SECONDS.labels(name, "failed").observe(report.seconds)
        elif isinstance(report, TaskKilled):
            await self._killed(run, report)
        return True

    async def _commit(self, run: Run, report: TaskDone) -> None:
        planned = run.planned[report.name]
        manifest = await self._commits.commit(
            run.asset,
            run.attempt,
            planned,
            report.made,
            seconds=report.seconds,
            tools=report.tools,
        )
        metrics.STEP_SECONDS.labels(planned.operation.name, "done").observe(report.seconds)
        await self._announce(run, report.name, manifest)

    async def _killed(self, run: Run, report: TaskKilled) -> None:
        """A first kill costs this attempt, after the other steps; the last one fails the step."""
        name = run.planned[report.name].operation.name
        metrics.STEP_SECONDS.labels(name, "killed").observe(report.seconds)
        log.warning(
            "step ended by the sandbox: %s",
            report.error,
            extra={
                "asset": run.asset.id,
                "step": report.name,
                "attempt": run.attempt,
            },
        )
        await self._claims.count_kill(run.asset, report.name)
        if run.asset.kills.get(report.name, 0) + 1 < MAX_KILLS:
            run.killed[report.name] = report.error
        else:
            run.fail(report.name, report.error, report.seconds)

    async def _finish(self, run: Run, seconds: float) -> None:
        finished = Finished(
            asset=run.asset.id,
            project=run.asset.project,
            run=run.asset.run,
            attempt=run.attempt,
            steps=run.outcomes,
            seconds=seconds,
        )
        await self._broker.publish(Finished.topic, [finished.to_message()])
