"""The operator's signing key goes to steps that sign, and to nothing else."""

from pathlib import Path

from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.asset import Asset, Source, StepRecord
from mediakiln.model.clock import utc_now
from mediakiln.model.recipe import Recipe
from mediakiln.ports.operation import OperationSet
from mediakiln.stages.process.plan import PlannedStep, plan
from mediakiln.stages.process.scratch import Place
from mediakiln.stages.process.tasks import TaskMaker, Tasks

STEPS = {
    "half": {"op": "image.crop", "width": "50%"},
    "small": {"op": "image.resize", "from": "half", "width": 9},
    "signed": {"op": "image.credentials", "from": "small", "mode": "sign"},
    "told": {"op": "image.credentials"},
}
OPERATOR = {
    "certificate": "/c/chain.pem",
    "key": "/c/key.pem",
    "algorithm": "es256",
    "anchors": "/c/anchors.pem",
    "fingerprint": "f",
}


def _asset() -> Asset:
    return Asset(
        id="a",
        name="a.png",
        bytes=1,
        checksum="blake3:0",
        media_type="image/png",
        source=Source(key="k"),
        recipe=Recipe.model_validate({"steps": STEPS}),
        steps={name: StepRecord() for name in STEPS},
        created_at=utc_now(),
        run_started_at=utc_now(),
        updated_at=utc_now(),
    )


def _planned(fingerprint: str = "f") -> dict[str, PlannedStep]:
    credentials = OPERATOR | {"fingerprint": fingerprint}
    return plan(_asset(), OperationSet.installed(), {}, credentials=credentials)


async def _tasks(folder: Path, *names: str) -> Tasks:
    maker = TaskMaker(MemoryObjectStore(), credentials=OPERATOR)
    steps = [planned for name, planned in _planned().items() if name in names]
    return await maker.make(_asset(), steps, {}, folder / "source", Place.below(folder))


async def test_a_step_that_signs_may_read_the_key_and_hears_of_the_steps_before(
    tmp_path: Path,
) -> None:
    made = await _tasks(tmp_path, "half", "small", "signed")
    assert [str(path) for path in made.readable] == [
        "/c/chain.pem",
        "/c/key.pem",
        "/c/anchors.pem",
    ]
    told = {task.name: task.context.credentials for task in made.tasks}
    assert (told["half"], told["small"]) == ({}, {})
    assert told["signed"]["key"] == "/c/key.pem"
    assert [step["operation"] for step in told["signed"]["steps"]] == [
        "image.crop",
        "image.resize",
    ]
    assert told["signed"]["original"] == {
        "path": str(tmp_path / "source"),
        "media_type": "image/png",
        "name": "a.png",
    }


async def test_a_step_that_reads_may_not_read_the_key(tmp_path: Path) -> None:
    made = await _tasks(tmp_path, "told")
    assert [str(path) for path in made.readable] == ["/c/anchors.pem"]
    assert "key" not in made.tasks[0].context.credentials


async def test_other_jobs_may_read_nothing_of_it(tmp_path: Path) -> None:
    assert (await _tasks(tmp_path, "half", "small")).readable == []


def test_another_certificate_makes_other_products() -> None:
    before, after = _planned(), _planned("g")
    assert before["small"].key == after["small"].key
    assert before["signed"].key != after["signed"].key
