"""Scores of likeness against those of the reference tool, and what they must do anyway."""

import numpy as np
import pytest
import pyvips

from golden.image_samples import scene
from mediakiln.operations.image.pixels.codecs.score import Reference


def _image(pixels: np.ndarray) -> pyvips.Image:
    space = "srgb" if pixels.ndim == 3 else "b-w"
    return pyvips.Image.new_from_array(pixels).copy(interpretation=space)


def _pattern(width: int = 320, height: int = 240) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    waves = [127 + 100 * np.sin(x / (4 + n)) * np.cos(y / (5 + n)) for n in range(3)]
    return np.dstack(waves).round().astype("uint8")


def _posterised(pixels: np.ndarray, step: int) -> np.ndarray:
    return (pixels // step * step + step // 2).astype("uint8")


# By the package ssimulacra2 0.3.0, which follows the reference's source.
@pytest.mark.parametrize(("step", "expected"), [(4, 95.26), (8, 91.39), (16, 82.66)])
def test_scores_are_those_of_the_reference(step: int, expected: float) -> None:
    pattern = _pattern()
    score = Reference(_image(pattern)).score(_image(_posterised(pattern, step)))
    assert score == pytest.approx(expected, abs=0.5)


def test_an_image_is_wholly_like_itself_and_less_so_the_more_it_loses() -> None:
    for picture in (_pattern(), _pattern()[..., 0], np.asarray(scene(900, 900))):
        reference = Reference(_image(picture))
        scores = [reference.score(_image(_posterised(picture, step))) for step in (4, 16, 48)]
        assert reference.score(_image(picture)) == 100
        assert [100.0, *scores] == sorted([100.0, *scores], reverse=True)


def test_what_transparency_hides_does_not_count() -> None:
    clear = np.dstack([_pattern(), np.zeros((240, 320), dtype="uint8")])
    other = clear.copy()
    other[..., :3] = 255 - other[..., :3]
    assert Reference(_image(clear)).score(_image(other)) == 100
    shown = other.copy()
    shown[..., 3] = 255
    assert Reference(_image(clear)).score(_image(shown)) < 50


def test_images_of_other_sizes_are_not_compared() -> None:
    with pytest.raises(ValueError, match="size"):
        Reference(_image(_pattern())).score(_image(_pattern(300)))
