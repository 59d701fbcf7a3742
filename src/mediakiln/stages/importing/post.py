"""The messages by which an import goes on."""

from collections.abc import Sequence
from typing import Literal

from mediakiln.model.imports import Import
from mediakiln.model.messages import ImportWork
from mediakiln.ports.broker import Broker


async def send(
    broker: Broker, job: Import, step: Literal["list", "walk"], *, page: int = 0
) -> None:
    """Send a message that lists or walks on."""
    work = ImportWork(asset=job.id, project=job.project, step=step, round=job.round, page=page)
    await broker.publish(ImportWork.topic, [work.to_message()])


async def send_pages(broker: Broker, job: Import, numbers: Sequence[int]) -> None:
    """Send pages to the workers, each under a key of its own: their order does not matter."""
    messages = []
    for number in numbers:
        work = ImportWork(
            asset=job.id, project=job.project, step="page", round=job.round, page=number
        )
        messages.append(work.to_message().model_copy(update={"key": f"{job.id}/{number}"}))
    await broker.publish(ImportWork.topic, messages)
