"""Operations of distributions that lie elsewhere than mediakiln itself."""

from pathlib import Path

import pytest

from mediakiln.ports.operation import Context
from mediakiln.ports.runner import Limits, Task, TaskDone, Work
from mediakiln.sandbox.runner import ForkRunner
from support import plugin


async def test_an_operation_from_any_folder_of_the_module_path_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(plugin.install(tmp_path / "plugins"))
    source, scratch = tmp_path / "source", tmp_path / "scratch"
    source.write_text("anything")
    (scratch / "out").mkdir(parents=True)
    task = Task(
        name="say",
        operation="mischief.write",
        params={"word": "hello"},
        out=scratch / "out",
        context=Context(media_type="text/plain"),
        limits=Limits(),
        source=source,
    )
    runner = ForkRunner()
    work = Work(project="default", scratch=scratch, tasks=[task], readable=[source])
    try:
        reports = [report async for report in runner.run(work)]
    finally:
        await runner.close()
    assert isinstance(reports[-1], TaskDone)
    assert (scratch / "out" / "word.txt").read_text() == "hello"
