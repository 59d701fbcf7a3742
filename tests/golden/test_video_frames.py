"""Stills show what was filmed, at the time they say."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from golden.av_samples import clip, cut, picture, turned
from mediakiln.model.errors import BadMedia, InvalidRecipe, LimitExceeded
from mediakiln.operations.av import program
from mediakiln.operations.video.frames import frames
from mediakiln.ports.operation import Context

CONTEXT = Context("video/mp4")


def _reference(folder: Path, frame: int) -> Image.Image:
    """Frame `frame` of the test picture, straight from its source."""
    path = folder / f"reference-{frame}.png"
    source = "testsrc2=size=320x180:rate=25"
    chosen = ["-vf", f"select=eq(n\\,{frame})", "-frames:v", "1", "-update", "1"]
    program.run(["-f", "lavfi", "-i", source, *chosen, f"file:{path}"])
    return picture(path)


def _psnr(one: Path, other: Image.Image) -> float:
    a = np.asarray(picture(one).convert("RGB"), float)
    b = np.asarray(other.convert("RGB"), float)
    return float(10 * np.log10(255**2 / np.mean((a - b) ** 2)))


@pytest.mark.parametrize(("form", "suffix"), [("jpeg", "jpg"), ("png", "png"), ("webp", "webp")])
def test_a_still_is_the_frame_that_was_filmed(
    form: str, suffix: str, out: Path, tmp_path: Path
) -> None:
    source = clip(tmp_path / "clip.mp4")
    made = frames.run(source, {"times": [0.4, 1.2], "format": form, "quality": 95}, out, CONTEXT)
    assert [item.metadata["time_s"] for item in made] == [0.4, 1.2]
    for item, frame in zip(made, (10, 30), strict=True):
        right = _psnr(out / item.file, _reference(tmp_path, frame))
        wrong = _psnr(out / item.file, _reference(tmp_path, frame + 1))
        assert right > 25
        assert right > wrong + 3, "it is another frame"
    assert (out / f"frame-0001.{suffix}").exists()


def test_seeking_and_decoding_once_find_the_same_frames(out: Path, tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4")
    decoded = frames.run(source, {"count": 10, "format": "png"}, out, CONTEXT)
    again = tmp_path / "again"
    again.mkdir()
    times = [0.1 + 0.2 * index for index in range(10)]
    sought = frames.run(source, {"times": times, "format": "png"}, again, CONTEXT)
    for one, other in zip(decoded, sought, strict=True):
        assert one.metadata["time_s"] == pytest.approx(other.metadata["time_s"], abs=0.002)
        assert (out / one.file).read_bytes() == (again / other.file).read_bytes()


def test_black_stays_black_and_white_stays_white(out: Path, tmp_path: Path) -> None:
    for name, level in (("black", 0), ("white", 255)):
        source = clip(tmp_path / f"{name}.mp4", source=f"color={name}:s=64x64:r=5", seconds=1)
        for form in ("jpeg", "png", "webp"):
            (made,) = frames.run(source, {"count": 1, "format": form}, out, CONTEXT)
            pixels = np.asarray(picture(out / made.file).convert("RGB"), int)
            assert np.abs(pixels - level).max() <= 3, form


def test_a_turned_film_stands_upright_once(out: Path, tmp_path: Path) -> None:
    made = frames.run(turned(tmp_path / "turned.mp4", 90), {"times": [0.4]}, out, CONTEXT)
    assert picture(out / made[0].file).size == (180, 320)
    assert (made[0].metadata["width"], made[0].metadata["height"]) == (180, 320)
    upright = _reference(tmp_path, 10).rotate(90, expand=True)
    assert _psnr(out / made[0].file, upright) > 25


def test_wide_pixels_are_made_square(out: Path, tmp_path: Path) -> None:
    source = clip(tmp_path / "wide.mp4", "-vf", "setsar=2/1")
    (made,) = frames.run(source, {"count": 1}, out, CONTEXT)
    assert picture(out / made.file).size == (640, 180)


def test_stills_are_never_enlarged(out: Path, tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4")
    (made,) = frames.run(source, {"count": 1, "width": 4000}, out, CONTEXT)
    assert picture(out / made.file).size == (320, 180)


def test_a_time_past_the_end_gives_the_last_frame(out: Path, tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4")
    (made,) = frames.run(source, {"times": [3600.0]}, out, CONTEXT)
    assert made.metadata["time_s"] == pytest.approx(1.96, abs=0.03)


def test_a_film_cut_short_gives_the_stills_it_has(out: Path, tmp_path: Path) -> None:
    source = cut(clip(tmp_path / "cut.mp4", "-movflags", "+faststart"), 0.5)
    made = frames.run(source, {"count": 10}, out, CONTEXT)
    assert 1 <= len(made) < 10
    assert made[0].metadata["missing"] == 10 - len(made)


def test_a_film_without_its_index_is_refused(out: Path, tmp_path: Path) -> None:
    with pytest.raises(BadMedia):
        frames.run(cut(clip(tmp_path / "cut.mp4"), 0.5), {"count": 2}, out, CONTEXT)


def test_too_many_stills_are_refused_before_decoding(out: Path, tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4")
    with pytest.raises(LimitExceeded) as refused:
        frames.run(source, {"every_s": 0.04}, out, Context("video/mp4", max_frames=20))
    assert refused.value.context["limit"] == 20
    assert not list(out.iterdir())


@pytest.mark.parametrize(
    "params", [{}, {"count": 2, "every_s": 1}, {"times": []}, {"times": [float("nan")]}]
)
def test_the_choice_of_times_must_be_clear(params: dict[str, object]) -> None:
    with pytest.raises(InvalidRecipe):
        frames.parse(params)
