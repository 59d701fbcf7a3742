"""Records and messages stay within 64 KiB whatever recipes, names and errors hold."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from mediakiln.model.asset import MAX_PROBLEM_BYTES, Problem, StepProducts
from mediakiln.model.errors import BadMedia, ModelUnavailable
from mediakiln.model.kind import AssetState, StepState
from mediakiln.model.messages import Finished, StepOutcome, Stored
from mediakiln.model.product import Lineage, Manifest, StoredFile
from mediakiln.model.recipe import MAX_STEPS
from mediakiln.stages.ledger import Change
from support.world import World

TAGS = tuple(f"{number:02}" + "\N{SNOWMAN}" * 40 for number in range(50))


def _name(prefix: str, number: int) -> str:
    return f"{prefix}{number:02}".ljust(64, "x")


def _recipe(prefix: str = "s") -> dict[str, Any]:
    step = {"op": "mock.copy", "file": "f" * 300}
    return {"steps": {_name(prefix, number): step for number in range(MAX_STEPS)}}


def _manifest(id: str, step: str, run: int, note: str) -> Manifest:
    key = f"default/{id}/{step}/{run}-1/out"
    file = StoredFile(
        file="out", media_type="text/plain", bytes=1, checksum="", key=key, metadata={"n": note}
    )
    return Manifest(
        project="default",
        asset=id,
        run=run,
        attempt=1,
        step=step,
        product_key="k",
        files=(file,),
        lineage=Lineage(source="s", operation="mock.copy", version=1, params={}),
        seconds=1.0,
        created_at=datetime.now(UTC),
    )


@pytest.mark.parametrize("text", ["x" * 9_000, "\N{SNOWMAN}" * 9_000, "\0" * 9_000, "\ud800" * 99])
def test_the_words_of_an_error_are_cut_by_their_size_on_the_wire(text: str) -> None:
    problem = Problem.of(BadMedia(text), "one")
    assert 0 < len(problem.message) <= MAX_PROBLEM_BYTES
    steps = {
        _name("s", number): StepOutcome(state=StepState.FAILED, error=problem)
        for number in range(MAX_STEPS)
    }
    Finished(asset="a", attempt=1, steps=steps, seconds=1.0).to_message()


def test_what_to_do_about_an_error_stands_in_the_record() -> None:
    error = ModelUnavailable("no model for labels is set up", hint="name one in THIS")
    assert Problem.of(error).message == "no model for labels is set up; name one in THIS"


@pytest.mark.parametrize("note", ["x" * 12_000, "\N{SNOWMAN}" * 4_000, "\N{SNOWMAN}" * 11_000])
def test_inlined_file_lists_fit_into_a_message(note: str) -> None:
    products = StepProducts.of(_manifest("a", "one", 1, note), steps=1)
    Stored(asset="a", attempt=1, step="one", products=products, seconds=1.0).to_message()


async def test_a_record_that_grows_too_large_is_slimmed_and_completes(world: World) -> None:
    asset = await world.upload(recipe=_recipe(), tags=TAGS, uploader="\N{SNOWMAN}" * 200)
    for message in await world.messages("received", "classify"):
        await world.classify(message)
    standing = await world.asset(asset.id)
    assert standing.state is AssetState.PROCESSING
    older = {
        _name(f"o{run}", number): StepProducts(
            op="mock.copy",
            manifest=f"default/{asset.id}/{_name('o', number)}/{run}.manifest.json",
            digest="0" * 64,
            run=run,
            attempt=1,
            made_on=date(2026, 1, 1),
            count=1,
            total_bytes=1,
        )
        for run in (1, 2)
        for number in range(MAX_STEPS)
    }

    def grown(_: object) -> Change:
        return Change(standing.model_copy(update={"published": older, "run": 3}))

    await world.ledger.change(asset.id, grown)
    problem = Problem.of(BadMedia("\N{SNOWMAN}" * 9_000), _name("s", 0))
    outcomes: dict[str, StepOutcome] = {}
    for number in range(MAX_STEPS):
        step = _name("s", number)
        if number < MAX_STEPS // 2:
            outcomes[step] = StepOutcome(state=StepState.FAILED, error=problem)
            continue
        products = StepProducts.of(_manifest(asset.id, step, 3, "n" * 100), steps=MAX_STEPS)
        assert products.files
        outcomes[step] = StepOutcome(state=StepState.DONE, digest=products.digest)
        event = Stored(asset=asset.id, run=3, attempt=1, step=step, products=products, seconds=1.0)
        await world.join.stored(event.to_message())
    end = Finished(asset=asset.id, run=3, attempt=1, steps=outcomes, seconds=1.0)
    await world.join.finished(end.to_message())
    after = await world.asset(asset.id)
    assert after.state is AssetState.FAILED
    assert {name for name in after.published if name.startswith("s")} == {
        name for name, outcome in outcomes.items() if outcome.state is StepState.DONE
    }
    assert after.error is not None
    assert after.error.message, "why it failed is still told"
