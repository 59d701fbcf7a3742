"""The runner contract's part on questions: what jobs may ask of models outside, and what not."""

import asyncio
import json
import os
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mediakiln.model.errors import (
    BadMedia,
    Crashed,
    EngineUnavailable,
    LimitExceeded,
    MediakilnError,
    ModelUnavailable,
    OperationFailed,
)
from mediakiln.ports.runner import Answer, TaskDone, TaskKilled, TaskStarted
from mediakiln.testing.runner_tools import PATIENCE, UPLOAD, Workbench, step, within

_MOST = 1_000
MODELS: Mapping[str, Any] = {
    "m": {"wanted": {"max_bytes": _MOST}},
    "here": {"folder": "/models/here"},
}


@dataclass
class _Outside:
    """Answers every question, or holds it until it is cancelled."""

    told: Mapping[str, Any] = field(default_factory=lambda: {"seen": ["a beach", "\u00fc"]})
    error: Exception | None = None
    wait_s: float = 0.0
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, model: str, image: bytes) -> Answer:
        self.asked.append((model, image))
        self.begun.set()
        try:
            await asyncio.sleep(self.wait_s)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if self.error is not None:
            raise self.error
        return Answer(self.told, {"the model": "7.0"})

    async def was_cancelled(self) -> None:
        await asyncio.wait_for(self.cancelled.wait(), PATIENCE)


def _question(**fields: Any) -> dict[str, Any]:
    return {"type": "ask", "name": "step", "model": "m", "file": "good"} | fields


UNSOUND: tuple[Mapping[str, Any], ...] = (
    _question(file="huge"),
    _question(file="grown-by-a-byte"),
    _question(file="link"),
    _question(file="pipe"),
    _question(file="step"),
    _question(file="none"),
    _question(file="../upload-1"),
    _question(file="/etc/hostname"),
    _question(file="nul\0"),
    _question(file=7),
    _question(file=["good"]),
    _question(model="here"),
    _question(model="nobody's"),
    _question(model=["m"]),
    _question(model=None),
    _question(name="other"),
    {"type": "ask"},
    {"type": "answer", "told": {}},
)


def _frame(message: object) -> str:
    body = json.dumps(message).encode()
    return (len(body).to_bytes(4) + body).decode("latin-1")


class RunnerAsking:
    """Answers, errors, limits, ends before the end, and questions that mean no good."""

    @pytest.fixture
    def outside(self, bench: Workbench) -> _Outside:
        """Who answers the bench's jobs."""
        bench.models, outside = MODELS, _Outside()
        bench.answers = outside
        return outside

    async def test_a_job_is_answered_and_the_answerers_version_is_told(
        self, bench: Workbench, outside: _Outside
    ) -> None:
        done = await bench.done(step("ask", times=3), step("copy", "after"))
        assert done.name == "after"
        assert "the model" not in done.tools
        done = await bench.done(step("ask"))
        assert json.loads(done.made[0].path.read_text()) == outside.told
        assert done.tools["the model"] == "7.0"
        assert outside.asked == [("m", UPLOAD)] * 4

    @pytest.mark.parametrize(
        ("error", "passing"),
        [
            (EngineUnavailable("away", hint="later"), True),
            (BadMedia("no image", reported="x"), False),
        ],
    )
    async def test_an_error_reaches_the_job_with_its_class_and_context(
        self, bench: Workbench, outside: _Outside, error: MediakilnError, *, passing: bool
    ) -> None:
        outside.error = error
        failed = await bench.failed(step("ask"))
        assert type(failed.error) is type(error)
        assert (failed.error.message, failed.error.context) == (error.message, error.context)
        assert failed.passing is passing

    async def test_an_answerers_own_fault_is_not_the_jobs(
        self, bench: Workbench, outside: _Outside
    ) -> None:
        for outside.error, outside.told in ((ValueError("secret"), {}), (None, {"no": {1, 2}})):
            failed = await bench.failed(step("ask"))
            assert isinstance(failed.error, OperationFailed)
            assert "secret" not in str(failed.error)
            assert not failed.passing

    async def test_that_an_outage_passes_is_not_believed_of_a_job(self, bench: Workbench) -> None:
        error = {"code": "engine_unavailable", "message": "truly", "context": {}}
        report = {"type": "failed", "name": "step", "seconds": 0, "error": error}
        failed = await bench.failed(step("lie", message=_frame(report)))
        assert not failed.passing

    async def test_waiting_for_an_answer_is_no_part_of_the_wall_clock_limit(
        self, bench: Workbench, outside: _Outside
    ) -> None:
        outside.wait_s = 1.5
        assert isinstance(await bench.done(within(step("ask"), wall_s=1.0)), TaskDone)

    async def test_all_answers_together_have_a_limit_of_their_own(
        self, bench: Workbench, outside: _Outside
    ) -> None:
        outside.wait_s = 0.4
        failed = await bench.failed(within(step("ask", times=9), answers_s=1.0))
        assert isinstance(failed.error, EngineUnavailable)
        assert failed.passing
        assert failed.error.context["limit"] == 1.0
        await outside.was_cancelled()

    async def test_a_closed_job_cancels_its_question(
        self, bench: Workbench, outside: _Outside
    ) -> None:
        outside.wait_s = 300
        work = bench.work(step("ask"))
        async with aclosing(bench.runner.run(work)) as reports:  # type: ignore[type-var]
            assert await anext(reports) == TaskStarted("step")
            rest = asyncio.ensure_future(anext(reports))
            await outside.begun.wait()
            rest.cancel()
            await asyncio.gather(rest, return_exceptions=True)
        await outside.was_cancelled()

    async def test_a_closed_runner_cancels_questions(
        self, bench: Workbench, outside: _Outside
    ) -> None:
        outside.wait_s = 300
        job = asyncio.create_task(bench.run(step("ask")))
        await outside.begun.wait()
        await bench.runner.close()
        assert isinstance((await job)[-1], TaskKilled)
        await outside.was_cancelled()

    async def test_a_sound_job_that_asks_too_much_gets_an_error_and_is_not_ended(
        self, bench: Workbench, outside: _Outside
    ) -> None:
        for params, error in (
            ({"times": 17}, OperationFailed),
            ({"model": "here"}, ModelUnavailable),
            ({"model": "nobody's"}, ModelUnavailable),
            ({"file": "/etc/hostname"}, OperationFailed),
            ({"file": "../none"}, OperationFailed),
        ):
            failed = await bench.failed(step("ask", **params))
            assert type(failed.error) is error, params
        bench.models = {"m": {"wanted": {"max_bytes": 3}}}
        failed = await bench.failed(step("ask"))
        assert isinstance(failed.error, LimitExceeded)
        assert len(outside.asked) == 16

    async def test_where_nobody_answers_the_model_is_unavailable(self, bench: Workbench) -> None:
        bench.models = MODELS
        failed = await bench.failed(step("ask"))
        assert isinstance(failed.error, ModelUnavailable)

    async def test_a_question_that_no_sound_job_asks_ends_it_unanswered(
        self, bench: Workbench, outside: _Outside
    ) -> None:
        for question in UNSOUND:
            work = bench.work(step("lie", message=_frame(question)))
            _lay_out(work.scratch, work.readable[0])
            last = [report async for report in bench.runner.run(work)][-1]
            assert isinstance(last, TaskKilled), question
            assert isinstance(last.error, Crashed), question
        assert outside.asked == []

    async def test_a_job_that_asks_on_and_on_is_ended(
        self, bench: Workbench, outside: _Outside
    ) -> None:
        work = bench.work(step("lie", message=_frame(_question()) * 100))
        _lay_out(work.scratch, work.readable[0])
        reports = [report async for report in bench.runner.run(work)]
        assert isinstance(reports[-1], TaskKilled)
        assert isinstance(reports[-1].error, Crashed)
        assert outside.asked == [("m", b"x" * _MOST)] * 16


def _lay_out(scratch: Path, upload: Path) -> None:
    """Files to ask about, of which only `good` may be."""
    (scratch / "good").write_bytes(b"x" * _MOST)
    (scratch / "grown-by-a-byte").write_bytes(b"x" * (_MOST + 1))
    (scratch / "huge").touch()
    os.truncate(scratch / "huge", 1 << 40)
    (scratch / "link").symlink_to(upload)
    os.mkfifo(scratch / "pipe")
