"""image.transform: chains of edits look as their parts would, and cost one decode."""

from pathlib import Path

import pytest
from PIL import Image

from golden.image_samples import frames, pixels, psnr, saved, scene
from mediakiln.model.errors import InvalidRecipe, TooManyPixels
from mediakiln.operations.image.edit.resize import resize
from mediakiln.operations.image.edit.transform import transform
from mediakiln.ports.operation import Context

CONTEXT = Context("image/x", threads=1)
SMALL = {"op": "image.resize", "width": 120, "height": 90, "fit": "fill"}


def test_one_step_is_the_operation_itself(tmp_path: Path, out: Path) -> None:
    source = saved(scene(600, 450), tmp_path / "scene.jpg", quality=95)
    (chained,) = transform.run(source, {"steps": [SMALL], "format": "png"}, out, CONTEXT)
    made = pixels(out / chained.file)
    plain = {name: value for name, value in SMALL.items() if name != "op"}
    (alone,) = resize.run(source, {**plain, "format": "png"}, out, CONTEXT)
    assert psnr(made, pixels(out / alone.file)) > 50


def test_steps_are_done_in_their_order(tmp_path: Path, out: Path) -> None:
    source = saved(scene(600, 450), tmp_path / "scene.jpg", quality=95)
    framed = {"op": "image.resize", "width": 50, "height": 80, "fit": "contain"}
    (made,) = transform.run(
        source, {"steps": [SMALL, {**framed, "background": "#f00"}], "format": "png"}, out, CONTEXT
    )
    with Image.open(out / made.file) as image:
        assert image.size == (50, 80)
        assert image.convert("RGB").getpixel((25, 2)) == (255, 0, 0)


def test_without_steps_the_encoding_alone_changes(tmp_path: Path, out: Path) -> None:
    source = saved(scene(64, 48), tmp_path / "scene.png")
    (made,) = transform.run(source, {"format": "webp", "lossless": True}, out, CONTEXT)
    assert made.media_type == "image/webp"
    assert psnr(pixels(out / made.file), pixels(source)) > 50


def test_every_frame_goes_through_every_step(tmp_path: Path, out: Path) -> None:
    first, *rest = frames()
    source = saved(first, tmp_path / "walk.gif", save_all=True, append_images=rest, duration=50)
    steps = [SMALL, {"op": "image.resize", "width": 40, "height": 40, "fit": "cover"}]
    (made,) = transform.run(source, {"steps": steps, "format": "webp"}, out, CONTEXT)
    assert (made.metadata["width"], made.metadata["height"]) == (40, 40)
    assert made.metadata["frames"] == len(rest) + 1


def test_what_a_step_would_make_is_held_against_the_limit(tmp_path: Path, out: Path) -> None:
    source = saved(scene(64, 48), tmp_path / "scene.png")
    large = {"op": "image.resize", "width": 5000, "enlarge": True}
    with pytest.raises(TooManyPixels):
        transform.run(source, {"steps": [SMALL, large]}, out, Context("i", max_pixels=100_000))


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"op": "image.resize", "widht": 1}, "widht"),
        ({"op": "image.resize", "width": 0}, "width"),
        ({"op": "image.resize"}, "give width or height"),
        ({"op": "image.forge"}, "op is one of"),
        ({}, "op is one of"),
    ],
)
def test_a_wrong_step_is_named(step: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidRecipe, match=words) as refused:
        transform.parse({"steps": [step]})
    assert refused.value.context["field"] == "steps.0"
