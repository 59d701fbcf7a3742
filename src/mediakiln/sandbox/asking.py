"""Questions of jobs to models outside the sandbox, and how the runner answers them.

A child has no network. It writes what a model is to see into its scratch folder and sends an `ask`
with the model's name and the file; the runner looks whether this job may ask that, has it answered
by whoever gave it the work, and sends an `answer`. The child is believed in nothing.
"""

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mediakiln.model.errors import (
    EngineError,
    EngineUnavailable,
    MediakilnError,
    ModelUnavailable,
    OperationFailed,
)
from mediakiln.ports.runner import Answer, Task, Work
from mediakiln.sandbox import products, wire
from mediakiln.sandbox.link import Child
from mediakiln.sandbox.police import Police

_log = logging.getLogger("mediakiln.sandbox")


class Questions:
    """What the tasks of a job ask, in the runner."""

    def __init__(self, work: Work, child: Child, police: Police) -> None:
        self._work = work
        self._child = child
        self._police = police
        self._asked = 0
        self._waited_s = 0.0
        self.outage: EngineError | None = None
        """What kept a question of the current task from being answered now."""
        self.tools: dict[str, str] = {}
        """Versions of the models that answered the current task."""

    def begin(self) -> None:
        """Another task begins, which has asked nothing yet."""
        self._asked, self._waited_s, self.outage, self.tools = 0, 0.0, None, {}

    async def answer(self, task: Task, message: Mapping[str, Any]) -> bytes:
        """The frame that answers an `ask`, once there is an answer.

        Raises:
            KeyError, TypeError, ValueError, OperationFailed: no sound child asks that.
        """
        self._asked += 1
        if message["name"] != task.name or self._asked > task.limits.asks:
            raise ValueError(f"question {self._asked} of {message['name']!r:.80}")
        model = message["model"]
        most = task.context.models[model]["wanted"]["max_bytes"]
        image = await asyncio.to_thread(_read, self._work.scratch, message["file"], most)
        with self._police.waiting():
            return await self._told(task, model, image)

    async def _told(self, task: Task, model: str, image: bytes) -> bytes:
        try:
            answer = await self._answered(task, model, image)
            frame = wire.frame({"type": "answer", "told": dict(answer.told)})
        except MediakilnError as error:
            if isinstance(error, EngineError):
                self.outage = error
            return wire.frame({"type": "answer", "error": wire.encode_error(error)})
        except Exception:  # noqa: BLE001 - whatever it is, it is not the child's fault
            _log.exception("the model %r could not be asked", model)
            failed = OperationFailed(f"the model {model!r} could not be asked")
            return wire.frame({"type": "answer", "error": wire.encode_error(failed)})
        self.tools |= answer.tools
        return frame

    async def _answered(self, task: Task, model: str, image: bytes) -> Answer:
        """The answer, unless it takes too long or the child ends before."""
        if self._work.answers is None:
            raise ModelUnavailable(f"nobody answers for the model {model!r} here")
        started = time.monotonic()
        question = asyncio.ensure_future(self._work.answers(model, image))
        awaited: set[asyncio.Future[Any]] = {question, self._child.ended}
        try:
            await asyncio.wait(
                awaited,
                timeout=task.limits.answers_s - self._waited_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if question.done():
                return question.result()
        finally:
            self._waited_s += time.monotonic() - started
            question.cancel()
            await asyncio.gather(question, return_exceptions=True)
        raise EngineUnavailable(
            f"the model {model!r} gave no answer in {task.limits.answers_s:g} s",
            limit=task.limits.answers_s,
            unit="s",
        )


def _read(scratch: Path, file: str, most: int) -> bytes:
    """A file of the scratch folder, which may change while it is read."""
    with products.open_file(scratch, file) as opened:
        if os.fstat(opened.fileno()).st_size > most:
            raise OperationFailed(f"{file!r:.80} is larger than the model takes")
        data = bytearray()
        while len(data) <= most and (chunk := opened.read(most + 1 - len(data))):
            data += chunk
    if len(data) > most:
        raise OperationFailed(f"{file!r:.80} is larger than the model takes")
    return bytes(data)
