"""What is made with the operator's models is not taken for the work of other models."""

from mediakiln.model.asset import Asset, Source, StepRecord
from mediakiln.model.clock import utc_now
from mediakiln.model.recipe import Recipe
from mediakiln.ports.operation import OperationSet
from mediakiln.stages.process.plan import PlannedStep, plan


def _planned(**checksums: str) -> dict[str, PlannedStep]:
    steps = {"seen": {"op": "image.labels"}, "web": {"op": "image.resize", "width": 9}}
    asset = Asset(
        id="a",
        name="a.png",
        bytes=1,
        checksum="blake3:0",
        source=Source(key="k"),
        recipe=Recipe.model_validate({"steps": steps}),
        steps={name: StepRecord() for name in steps},
        created_at=utc_now(),
        run_started_at=utc_now(),
        updated_at=utc_now(),
    )
    models = {name: {"folder": "/m", "checksum": value} for name, value in checksums.items()}
    return plan(asset, OperationSet.installed(), {}, models=models)


def _keys(**checksums: str) -> dict[str, str]:
    return {name: planned.key for name, planned in _planned(**checksums).items()}


def test_a_steps_key_names_the_models_it_asks_and_no_other_step_does() -> None:
    before, after = _keys(m="1"), _keys(m="2")
    assert before == _keys(m="1")
    assert before["seen"] != after["seen"]
    assert before["web"] == after["web"]
    assert len({before["seen"], _keys()["seen"], _keys(m="1", n="1")["seen"]}) == 3


def test_the_lineage_names_the_models_of_steps_that_ask_some() -> None:
    found = _planned(aws="rekognition://r?labels=yes", m="blake3:1")
    assert found["seen"].lineage.models == {"aws": "rekognition://r?labels=yes", "m": "blake3:1"}
    assert found["web"].lineage.models == {}
