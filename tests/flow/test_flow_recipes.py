"""Recipes of every shape through the whole pipeline: chains, skips, failures, commands."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mediakiln.model.asset import Asset
from mediakiln.model.errors import InvalidRecipe, MediakilnError, UnknownRecipe
from mediakiln.model.kind import AssetState, StepState
from mediakiln.roles.oneshot import Pipeline
from support import media

Submit = Callable[..., Awaitable[Asset]]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("flow")]

DONE, SKIPPED, FAILED = StepState.DONE, StepState.SKIPPED, StepState.FAILED


def states(asset: Asset) -> dict[str, StepState]:
    return {name: step.state for name, step in asset.steps.items()}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(media.jpeg(7, 640, 480))
    return path


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_bytes(media.text(7))
    return path


async def test_a_step_takes_its_input_from_another(
    submit: Submit, running: Pipeline, photo: Path, tmp_path: Path
) -> None:
    steps = {
        "small": {"op": "image.resize", "from": "web", "width": 64, "format": "png"},
        "web": {"op": "image.resize", "width": 320, "format": "webp"},
    }
    asset = await submit(photo, {"steps": steps})
    assert states(asset) == {"small": DONE, "web": DONE}
    products = await running.take(asset, tmp_path / "out")
    sizes = {}
    for name, path in products.items():
        with Image.open(path) as image:
            sizes[name.partition("/")[0]] = (image.format, image.size)
    assert sizes == {"small": ("PNG", (64, 48)), "web": ("WEBP", (320, 240))}


async def test_a_still_of_a_video_is_resized_like_any_image(
    submit: Submit, running: Pipeline, made_samples: dict[str, Path], tmp_path: Path
) -> None:
    steps = {
        "stills": {"op": "video.frames", "count": 2, "format": "png"},
        "thumb": {"op": "image.resize", "from": "stills", "width": 80, "format": "webp"},
    }
    asset = await submit(made_samples["video"], {"steps": steps})
    assert states(asset) == {"stills": DONE, "thumb": DONE}
    products = await running.take(asset, tmp_path)
    assert len(products) == 3
    thumb = next(path for name, path in products.items() if name.startswith("thumb/"))
    with Image.open(thumb) as image:
        assert (image.format, image.size) == ("WEBP", (80, 45))


async def test_one_step_yields_several_files_and_another_names_the_one_it_wants(
    submit: Submit, running: Pipeline, photo: Path, tmp_path: Path
) -> None:
    steps: dict[str, Any] = {"set": {"op": "image.resize", "widths": [320, 160], "format": "png"}}
    asset = await submit(photo, {"steps": steps})
    names = sorted(await running.take(asset, tmp_path / "a"))
    assert len(names) == 2
    small = next(name for name in names if "160" in name)
    steps["tiny"] = {"op": "image.resize", "from": small, "width": 40, "format": "png"}
    asset = await submit(photo, {"steps": steps})
    assert states(asset) == {"set": DONE, "tiny": DONE}
    taken = await running.take(asset, tmp_path / "b")
    with Image.open(next(path for name, path in taken.items() if "tiny" in name)) as image:
        assert image.size == (40, 30)


async def test_a_file_that_the_parent_did_not_make_fails_only_the_step_that_wants_it(
    submit: Submit, photo: Path
) -> None:
    steps = {
        "web": {"op": "image.resize", "width": 101},
        "lost": {"op": "image.resize", "from": "web/nothing.png", "width": 40},
    }
    asset = await submit(photo, {"steps": steps})
    assert states(asset) == {"web": DONE, "lost": FAILED}
    assert asset.state is AssetState.FAILED
    assert asset.error is not None
    assert asset.error.step == "lost"


@pytest.mark.parametrize("recipe", ["document", "video", "audio", "model3d"])
async def test_a_recipe_for_another_kind_is_rejected(
    submit: Submit, photo: Path, recipe: str
) -> None:
    asset = await submit(photo, recipe)
    assert asset.state is AssetState.REJECTED
    assert asset.error is not None
    assert asset.error.code == "recipe_kind_mismatch"
    assert asset.steps == {}


async def test_a_step_that_does_not_apply_is_skipped_with_what_needs_it(
    submit: Submit, photo: Path
) -> None:
    steps = {
        "words": {"op": "document.text"},
        "loud": {"op": "custom.command", "from": "words", "command": "upper"},
        "thumb": {"op": "image.resize", "width": 50},
    }
    asset = await submit(photo, {"steps": steps})
    assert asset.state is AssetState.READY
    assert states(asset) == {"words": SKIPPED, "loud": SKIPPED, "thumb": DONE}


async def test_an_operators_command_makes_a_product(
    submit: Submit, running: Pipeline, note: Path, tmp_path: Path
) -> None:
    steps = {"loud": {"op": "custom.command", "command": "upper"}}
    asset = await submit(note, {"steps": steps})
    assert asset.state is AssetState.READY, asset.error
    products = await running.take(asset, tmp_path / "out")
    assert products["loud/loud.txt"].read_text() == note.read_text().upper()


async def test_a_failed_step_keeps_the_others_products(
    submit: Submit, running: Pipeline, note: Path, tmp_path: Path
) -> None:
    steps = {
        "words": {"op": "document.text"},
        "broken": {"op": "custom.command", "command": "fail"},
        "after": {"op": "document.text", "from": "broken"},
    }
    asset = await submit(note, {"steps": steps})
    assert asset.state is AssetState.FAILED
    assert states(asset) == {"words": DONE, "broken": FAILED, "after": SKIPPED}
    assert asset.error is not None
    assert (asset.error.code, asset.error.step) == ("command_failed", "broken")
    assert "the kiln is cold" in asset.error.message
    assert await running.take(asset, tmp_path / "out")


async def test_a_file_that_is_damaged_fails_with_what_is_wrong_with_it(
    submit: Submit, tmp_path: Path
) -> None:
    broken = tmp_path / "half.jpg"
    data = media.jpeg(3, 800, 600)
    broken.write_bytes(data[: len(data) // 3])
    asset = await submit(broken)
    assert asset.state is AssetState.FAILED
    assert asset.error is not None
    assert asset.error.code == "bad_media"


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ({"steps": {"a": {"op": "image.resize", "width": -1}}}, ("a", "width")),
        ({"steps": {"a": {"op": "image.resize", "colour": 1}}}, ("a", "colour")),
        ({"steps": {"a": {"op": "image.nothing"}}}, ("a", "op")),
        ({"steps": {"a": {"op": "document.text", "from": "b"}}}, ("a", "from")),
    ],
)
async def test_an_invalid_recipe_is_refused_with_step_field_and_what_is_allowed(
    running: Pipeline, recipe: Any, expected: tuple[str, str]
) -> None:
    with pytest.raises(InvalidRecipe) as caught:
        running.recipes.resolve(recipe)
    context = caught.value.context
    assert (context["step"], context["field"]) == expected
    assert context["allowed"] is not None


async def test_an_unknown_preset_names_the_known_ones(running: Pipeline) -> None:
    with pytest.raises(UnknownRecipe) as caught:
        running.recipes.resolve("nonsense")
    assert "image" in caught.value.context["allowed"]


async def test_many_files_at_once_all_end_ready(running: Pipeline, tmp_path: Path) -> None:
    paths = []
    for name, content in media.mixed(20):
        path = tmp_path / name
        path.write_bytes(content)
        paths.append(path)
    taken = [await running.submit(path, recipe=None) for path in paths]
    ended = [await running.wait(asset.id) for asset in taken]
    assert [asset.error for asset in ended] == [None] * 20
    letters, _ = await running.engines.catalog.records("dead").list()
    assert not letters


async def test_a_refused_upload_leaves_nothing(running: Pipeline, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jpg"
    empty.touch()
    with pytest.raises(MediakilnError) as caught:
        await running.submit(empty, recipe=None)
    assert caught.value.code == "empty_file"


async def test_a_step_reads_another_asset_of_its_project(
    submit: Submit, running: Pipeline, photo: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "mark.png"
    Image.new("RGB", (40, 40), (255, 0, 0)).save(mark)
    other = await submit(mark, {"steps": {"small": {"op": "image.resize", "width": 10}}})
    marked = {"op": "image.watermark", "image": other.id, "opacity": 1, "width": 40}
    asset = await submit(photo, {"steps": {"marked": {**marked, "format": "png"}}})
    assert states(asset) == {"marked": DONE}
    (path,) = (await running.take(asset, tmp_path / "out")).values()
    with Image.open(path) as image:
        assert image.convert("RGB").getpixel((620, 460)) == (255, 0, 0)


async def test_a_step_that_names_no_asset_fails_alone(submit: Submit, photo: Path) -> None:
    missing = "01a1ff0b-3449-7294-ad03-682a5a06032c"
    steps = {
        "marked": {"op": "image.watermark", "image": missing},
        "small": {"op": "image.resize", "width": 50},
    }
    asset = await submit(photo, {"steps": steps})
    assert states(asset) == {"marked": FAILED, "small": DONE}
    error = asset.steps["marked"].error
    assert error is not None
    assert error.code == "invalid_recipe"
    assert missing in error.message
