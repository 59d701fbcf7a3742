"""The role that does the work: one sandbox, as many jobs at once as there are workers."""

import asyncio
import os
import socket

from mediakiln.model.ids import new_id
from mediakiln.model.messages import jobs_topic
from mediakiln.ports.operation import OperationSet
from mediakiln.ports.runner import Runner
from mediakiln.roles import models, parts
from mediakiln.roles.consumer import Consumer
from mediakiln.roles.engines import Engines
from mediakiln.roles.models import Models
from mediakiln.roles.service import Service
from mediakiln.roles.settings import Settings
from mediakiln.sandbox.runner import ForkRunner
from mediakiln.stages.process import Process
from mediakiln.stages.process.answers import Answering
from mediakiln.stages.process.claims import Claims
from mediakiln.stages.process.commit import Commits
from mediakiln.stages.process.originals import Originals
from mediakiln.stages.process.scratch import Scratch
from mediakiln.stages.process.tasks import TaskMaker


class Worker:
    """Consumes job queues; its sandbox, scratch and recognisers live as long as it does."""

    def __init__(
        self, consumer: Consumer, runner: Runner, scratch: Scratch, answers: Answering
    ) -> None:
        self._consumer = consumer
        self._runner = runner
        self._scratch = scratch
        self._answers = answers

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop."""
        self._scratch.open()
        try:
            await self._runner.start()
            await self._consumer.run(stop)
        finally:
            await self._runner.close()
            await self._answers.close()
            self._scratch.close()


def build(settings: Settings, engines: Engines) -> Service:
    """A worker on the job queues of the settings' kinds."""
    owner = f"{socket.gethostname()}-{os.getpid()}-{new_id()[-8:]}"
    operations = OperationSet.installed()
    known = models.read(settings)
    answers = Answering(known.recognisers)
    runner = ForkRunner(
        preload=_modules(operations, settings),
        require_isolation=settings.isolation_required,
        readable=known.readable(),
    )
    scratch = Scratch(parts.scratch_root(settings, engines), owner=owner)
    stage = Process(
        broker=engines.broker,
        runner=runner,
        operations=operations,
        claims=Claims(parts.ledger(settings, engines), owner=owner, lease_s=settings.lease_s),
        commits=Commits(engines.store, engines.catalog),
        scratch=scratch,
        tasks=_tasks(settings, engines, known),
        originals=Originals(engines.catalog, engines.store),
        answers=answers,
        max_attempts=settings.max_attempts,
    )
    handlers = dict.fromkeys(parts.job_topics(settings), stage)
    policy = parts.policy(
        settings, concurrency=settings.workers, max_attempts=settings.max_attempts + 3
    )
    consumer = Consumer(
        engines.broker,
        "process",
        handlers,
        policy,
        slow=[jobs_topic(kind, heavy=True) for kind in settings.kinds],
        slow_most=max(1, settings.workers // 2),
    )
    return Worker(consumer, runner, scratch, answers)


def _tasks(settings: Settings, engines: Engines, known: Models) -> TaskMaker:
    return TaskMaker(
        engines.store,
        commands=parts.commands(settings),
        models=known.table,
        credentials=parts.credentials(settings),
        max_pixels=settings.max_pixels,
        max_frames=settings.max_frames,
        wall_s=settings.wall_s,
        memory_mb=settings.memory_mb,
    )


def _modules(operations: OperationSet, settings: Settings) -> list[str]:
    """What the operations of the worker's kinds import: warm before the first job comes."""
    wanted = [item for item in operations if item.kind in settings.kinds]
    return list(dict.fromkeys(name for item in wanted for name in item.capabilities.preload))
