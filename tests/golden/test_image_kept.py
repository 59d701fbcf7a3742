"""Steps of one job that share pixels: what they make looks as if each had read the file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from golden.image_samples import pixels, psnr, saved, scene
from mediakiln.operations.image.edit.resize import resize
from mediakiln.operations.image.pixels import kept, picture
from mediakiln.ports.operation import Context

FIRST = Context("image/x", threads=1, again=True)
LAST = Context("image/x", threads=1)


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    kept.forget()
    yield
    kept.forget()


class Made:
    """Runs steps as a job does, and tells which of them decoded the file's pixels."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.decodes = 0
        scaled = picture.Picture.scaled

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.decodes += 1
            return scaled(*args, **kwargs)

        monkeypatch.setattr(picture.Picture, "scaled", counted)

    def __call__(self, source: Path, name: str, context: Context, **params: Any) -> Path:
        out = self.folder / name
        out.mkdir()
        (product,) = resize.run(source, params, out, context)
        return out / product.file


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    return Made(tmp_path, monkeypatch)


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "bmp", "tif"])
def test_a_small_rendition_after_a_large_one_looks_as_if_made_alone(
    made: Made, tmp_path: Path, extension: str
) -> None:
    source = saved(scene(1200, 900), tmp_path / f"scene.{extension}")
    cover = {"width": 160, "height": 160, "fit": "cover", "format": "png"}
    alone = made(source, "alone", LAST, **cover)
    made(source, "web", FIRST, width=800, format="webp")
    assert made.decodes == 2
    small = made(source, "thumb", LAST, **cover)
    assert made.decodes == 2, "the file is not decoded a third time"
    assert psnr(pixels(small), pixels(alone)) > 34
    assert pixels(small).shape == pixels(alone).shape == (160, 160, 3)


def test_pixels_serve_renditions_of_half_the_size_and_less_only(made: Made, tmp_path: Path) -> None:
    source = saved(scene(640, 400), tmp_path / "scene.png")
    made(source, "first", FIRST, width=320, format="png")
    made(source, "half", FIRST, width=160, format="png")
    assert made.decodes == 1
    made(source, "more", LAST, width=162, format="png")
    assert made.decodes == 2


def test_nothing_is_kept_for_a_step_that_nobody_follows(made: Made, tmp_path: Path) -> None:
    source = saved(scene(640, 400), tmp_path / "scene.png")
    made(source, "first", LAST, width=320, format="png")
    made(source, "second", LAST, width=80, format="png")
    assert made.decodes == 2


def test_another_file_of_the_same_name_is_decoded(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "scene.png"
    made(saved(scene(640, 400), path), "first", FIRST, width=320, format="png")
    path.unlink()
    red = Image.new("RGB", (640, 400), (255, 0, 0))
    second = made(saved(red, path), "second", LAST, width=80, format="png")
    assert np.all(pixels(second)[..., 0] > 250)
    assert np.all(pixels(second)[..., 1] < 5)


def test_pixels_in_their_own_colours_do_not_serve_a_step_that_wants_srgb(
    made: Made, tmp_path: Path
) -> None:
    source = saved(scene(640, 400), tmp_path / "scene.png")
    made(source, "first", FIRST, width=320, format="png", metadata="icc")
    made(source, "second", LAST, width=80, format="png")
    assert made.decodes == 2


def test_an_animation_keeps_its_frames_after_a_still_of_it(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "moving.gif"
    shots = [Image.new("RGB", (400, 300), colour) for colour in ("red", "green", "blue")]
    shots[0].save(path, save_all=True, append_images=shots[1:], duration=100)
    made(path, "still", FIRST, width=200, format="png", animated=False)
    moving = made(path, "moving", LAST, width=80, format="webp")
    with Image.open(moving) as image:
        assert getattr(image, "n_frames", 1) == 3


def test_a_vast_rendition_is_not_held_in_memory(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "MAX_BYTES", 1000)
    source = saved(scene(640, 400), tmp_path / "scene.png")
    made(source, "first", FIRST, width=320, format="png")
    made(source, "second", LAST, width=80, format="png")
    assert made.decodes == 2


def test_transparency_survives_sharing(made: Made, tmp_path: Path) -> None:
    image = Image.new("RGBA", (400, 400), (0, 128, 255, 0))
    image.paste((0, 128, 255, 255), (0, 0, 200, 400))
    source = saved(image, tmp_path / "half.png")
    made(source, "first", FIRST, width=200, format="png")
    small = made(source, "second", LAST, width=40, format="png")
    assert made.decodes == 1
    alpha = pixels(small, "RGBA")[..., 3]
    assert alpha[20, 5] == 255
    assert alpha[20, 35] == 0
