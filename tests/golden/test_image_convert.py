"""image.convert: quality by number, by bytes and by eye; animations; palettes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image

from golden.image_samples import frames, pixels, psnr, saved, scene
from mediakiln.model.errors import InvalidRecipe, LimitExceeded, ModelUnavailable, TooManyPixels
from mediakiln.model.product import Product
from mediakiln.operations.image.edit.convert import convert
from mediakiln.operations.image.pixels.codecs.score import Reference
from mediakiln.ports.operation import Context

CONTEXT = Context("image/x", threads=1)


def _run(source: Path, out: Path, **params: Any) -> tuple[Path, Product]:
    (product,) = convert.run(source, params, out, CONTEXT)
    return out / product.file, product


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Something with the detail of a photograph: soft shapes under smooth noise."""
    rng = np.random.default_rng(7)
    noise = rng.normal(0, 60, (20, 30, 3)).repeat(8, axis=0).repeat(8, axis=1)
    fine = rng.normal(0, 12, (160, 240, 3))
    picture = np.asarray(scene(240, 160), dtype=float) * 0.7 + noise + fine
    soft = pyvips.Image.new_from_array(picture.clip(0, 255).astype("uint8")).gaussblur(1)
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    soft.copy(interpretation="srgb").pngsave(str(path))
    return path


def _score(photo: Path, made: Path) -> float:
    images = [pyvips.Image.new_from_file(str(path)).copy_memory() for path in (photo, made)]
    return Reference(images[0]).score(images[1])


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif"])
def test_a_byte_budget_is_met_and_used(photo: Path, out: Path, format: str) -> None:
    whole, _ = _run(photo, out, format=format, quality=90)
    budget = whole.stat().st_size // 3
    path, product = _run(photo, out, format=format, quality=90, max_bytes=budget)
    size = path.stat().st_size
    assert 0.75 * budget < size <= budget
    facts = product.metadata["encoding"]
    assert (facts["max_bytes"], facts["budget_met"]) == (budget, True)
    assert facts["encodings"] <= 8
    again, _ = _run(photo, out, format=format, quality=facts["quality"])
    assert again.stat().st_size == size


def test_a_budget_that_is_large_enough_changes_nothing(photo: Path, out: Path) -> None:
    path, product = _run(photo, out, format="jpeg", max_bytes=10_000_000)
    budgeted = path.read_bytes()
    assert product.metadata["encoding"]["encodings"] == 1
    plain, _ = _run(photo, out, format="jpeg")
    assert plain.read_bytes() == budgeted


@pytest.mark.parametrize("format", ["jpeg", "png", "gif"])
def test_a_budget_that_nothing_meets_is_an_error_or_recorded(
    tmp_path: Path, out: Path, format: str
) -> None:
    photo = saved(scene(96, 60), tmp_path / "scene.png")
    with pytest.raises(LimitExceeded) as refused:
        _run(photo, out, format=format, max_bytes=100)
    assert refused.value.context["limit"] == 100
    assert "max_bytes_strict" in refused.value.context["hint"]
    path, product = _run(photo, out, format=format, max_bytes=100, max_bytes_strict=False)
    assert product.metadata["encoding"]["budget_met"] is False
    assert path.stat().st_size == refused.value.context["value"]


def test_a_png_in_a_budget_has_fewer_colours(photo: Path, out: Path) -> None:
    whole, _ = _run(photo, out, format="png")
    budget = whole.stat().st_size // 3
    path, product = _run(photo, out, format="png", max_bytes=budget)
    assert path.stat().st_size <= budget
    with Image.open(path) as image:
        assert image.mode == "P"
        assert len(image.getcolors() or ()) <= product.metadata["encoding"]["colours"]


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif"])
def test_auto_quality_reaches_its_target_and_no_more(photo: Path, out: Path, format: str) -> None:
    sizes, qualities = [], []
    asked = {"format": format, "quality": "auto", "chroma": "4:4:4"}
    for target in (68, 74, 80):
        path, product = _run(photo, out, **asked, target=target)
        facts = product.metadata["encoding"]
        assert facts["metric"] == "ssimulacra2"
        assert facts["target_met"]
        assert target <= facts["score"] < target + 4
        assert abs(_score(photo, path) - facts["score"]) < 0.1
        assert facts["encodings"] <= 8
        sizes.append(path.stat().st_size)
        qualities.append(facts["quality"])
    assert sizes == sorted(set(sizes))
    assert qualities == sorted(set(qualities))


def test_a_large_picture_is_searched_by_its_parts_and_scored_whole(
    photo: Path, tmp_path: Path, out: Path
) -> None:
    tiles = pyvips.Image.new_from_file(str(photo)).replicate(4, 3)
    tiles.pngsave(str(tmp_path / "large.png"))
    path, product = _run(tmp_path / "large.png", out, format="jpeg", quality="auto", target=72)
    facts = product.metadata["encoding"]
    assert facts["target_met"]
    assert 72 <= facts["score"] < 76
    assert path.stat().st_size < 200_000


def test_a_target_beyond_the_format_is_recorded_as_missed(tmp_path: Path, out: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype="uint8")
    source = saved(Image.fromarray(noise), tmp_path / "noise.png")
    _, product = _run(source, out, format="webp", quality="auto", target=95)
    facts = product.metadata["encoding"]
    assert not facts["target_met"]
    assert facts["quality"] == 98


def test_auto_quality_and_a_budget_go_together(photo: Path, out: Path) -> None:
    free, _ = _run(photo, out, format="jpeg", quality="auto", target=85)
    budget = free.stat().st_size // 2
    path, product = _run(photo, out, format="jpeg", quality="auto", target=85, max_bytes=budget)
    assert path.stat().st_size <= budget
    facts = product.metadata["encoding"]
    assert facts["budget_met"]
    assert not facts["target_met"]


def test_auto_quality_of_a_png_finds_the_fewest_colours(tmp_path: Path, out: Path) -> None:
    flat = Image.new("RGB", (120, 80), (250, 250, 250))
    flat.paste((10, 90, 200), (20, 20, 100, 60))
    path, product = _run(saved(flat, tmp_path / "flat.png"), out, format="png", quality="auto")
    assert product.metadata["encoding"]["colours"] <= 4
    assert psnr(pixels(path), np.asarray(flat, dtype=float)) > 30


@pytest.mark.parametrize("format", ["jpeg", "avif"])
def test_full_chroma_keeps_thin_coloured_lines(tmp_path: Path, out: Path, format: str) -> None:
    lines = np.zeros((64, 64, 3), dtype="uint8")
    lines[:, ::2] = (255, 0, 0)
    lines[:, 1::2] = (0, 0, 255)
    source = saved(Image.fromarray(lines), tmp_path / "lines.png")
    full, _ = _run(source, out, format=format, quality=85, chroma="4:4:4")
    sharp = psnr(pixels(full), lines.astype(float))
    half, _ = _run(source, out, format=format, quality=85, chroma="4:2:0")
    assert sharp > psnr(pixels(half), lines.astype(float)) + 6


def test_a_palette_has_the_colours_asked_for_and_dithers_if_it_may(photo: Path, out: Path) -> None:
    for format, colours in (("png", 16), ("gif", 32)):
        path, _ = _run(photo, out, format=format, colours=colours)
        with Image.open(path) as image:
            assert len(image.convert("RGB").getcolors(1000) or ()) <= colours
    rough, _ = _run(photo, out, format="png", colours=16, dither=0)
    plain = rough.stat().st_size
    fine, _ = _run(photo, out, format="png", colours=16, dither=1)
    assert fine.stat().st_size > plain


@pytest.mark.parametrize("format", ["webp", "avif", "png", "tiff"])
def test_lossless_loses_nothing(photo: Path, out: Path, format: str) -> None:
    path, _ = _run(photo, out, format=format, lossless=True)
    assert np.array_equal(pixels(path), pixels(photo))


@pytest.mark.parametrize(
    ("source", "format"),
    [("gif", "avif"), ("webp", "avif"), ("png", "png"), ("png", "webp"), ("avif", "gif")],
)
def test_animations_stay_animations(tmp_path: Path, out: Path, source: str, format: str) -> None:
    first, *rest = frames()
    options = {"save_all": True, "append_images": rest, "duration": 70}
    walk = saved(first, tmp_path / f"walk.{source}", **options)
    path, product = _run(walk, out, format=format)
    assert product.metadata["frames"] == product.metadata["original"]["frames"] == 4
    with Image.open(path) as image:
        for number in range(4):
            image.seek(number)
            image.load()
            assert image.info["duration"] == 70
            row = np.asarray(image.convert("L"))[20]
            assert row[number * 16 + 5] > 200
            assert row[(number + 2) % 4 * 16 + 5] < 80


@pytest.mark.parametrize("format", ["webp", "avif", "png"])
def test_an_animation_whose_encoder_joins_frames_has_a_score(
    tmp_path: Path, out: Path, format: str
) -> None:
    first, *rest = frames()
    options = {"save_all": True, "append_images": [first, *rest, rest[-1]]}
    walk = tmp_path / ("walk.png" if format == "png" else "walk.webp")
    saved(first, walk, **options, lossless=True, minimize_size=False)
    _, product = _run(walk, out, format=format, quality="auto", target=70)
    assert product.metadata["encoding"]["score"] >= 70


def test_a_still_is_made_of_an_animation_where_that_is_wanted(tmp_path: Path, out: Path) -> None:
    first, *rest = frames()
    for extension, params in (("gif", {"format": "png"}), ("avif", {"animated": False})):
        walk = saved(first, tmp_path / f"w.{extension}", save_all=True, append_images=rest)
        path, product = _run(walk, out, **params)
        assert product.metadata["frames"] == 1
        assert psnr(pixels(path), np.asarray(first, dtype=float)) > 28


@pytest.mark.parametrize("extension", ["avif", "png"])
def test_frames_of_every_format_count_together(tmp_path: Path, out: Path, extension: str) -> None:
    first, *rest = frames()
    walk = saved(first, tmp_path / f"w.{extension}", save_all=True, append_images=rest)
    with pytest.raises(TooManyPixels):
        convert.run(walk, {"format": "webp"}, out, Context("i", max_pixels=4 * 64 * 40 - 1))
    with pytest.raises(LimitExceeded):
        convert.run(walk, {"format": "webp"}, out, Context("i", max_frames=3))


def test_an_image_is_upright_whatever_its_encoding(tmp_path: Path, out: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    source = saved(scene(), tmp_path / "s.jpg", exif=exif, quality=95)
    for params in ({"format": "png"}, {"format": "tiff", "depth": 16}, {"metadata": "keep"}):
        path, _ = _run(source, out, **params)
        with Image.open(path) as image:
            assert image.size == (160, 256)
            assert image.getexif().get(0x0112, 1) == 1


def test_jpeg_xl_goes_there_and_back(photo: Path, tmp_path: Path, out: Path) -> None:
    pytest.importorskip("imagecodecs", reason="the extra jxl is not installed")
    path, product = _run(photo, out, format="jxl", quality=90, metadata="keep")
    assert product.media_type == "image/jxl"
    kept = path.rename(tmp_path / "photo.jxl")
    back, _ = _run(kept, out, format="png")
    assert psnr(pixels(back), pixels(photo)) > 30
    exact, _ = _run(photo, out, format="jxl", lossless=True)
    again, _ = _run(exact.rename(tmp_path / "exact.jxl"), out, format="png")
    assert np.array_equal(pixels(again), pixels(photo))
    grey = saved(scene().convert("L"), tmp_path / "grey.png")
    _, facts = _run(grey, out, format="jxl", quality="auto")
    assert facts.metadata["encoding"]["target_met"]


def test_an_animated_jpeg_xl_is_its_first_frame(tmp_path: Path, out: Path) -> None:
    codecs = pytest.importorskip("imagecodecs", reason="the extra jxl is not installed")
    shots = np.random.default_rng(0).integers(0, 256, (3, 20, 30, 3), np.uint8)
    source = tmp_path / "moving.jxl"
    source.write_bytes(codecs.jpegxl_encode(shots, lossless=True))
    still, _ = _run(source, out, format="png")
    assert np.array_equal(pixels(still), shots[0])


def test_jpeg_xl_without_its_codec_names_the_extra(
    photo: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "imagecodecs", None)
    with pytest.raises(ModelUnavailable) as missing:
        _run(photo, out, format="jxl")
    assert "mediakiln[jxl]" in missing.value.context["hint"]
    assert not list(out.iterdir())


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"format": "jpeg", "depth": 16}, "png or tiff"),
        ({"format": "png", "depth": 10}, "avif"),
        ({"format": "webp", "lossless": True, "quality": "auto"}, "lossless"),
        ({"format": "png", "depth": 16, "quality": 80}, "8 bits"),
        ({"target": 80}, "quality auto"),
        ({"format": "tiff", "quality": "auto"}, "quality auto"),
        ({"format": "tiff", "max_bytes": 1000}, "needs a quality"),
        ({"format": "jpeg", "colours": 8}, "palette"),
        ({"metadata": "strip", "location": True}, "metadata keep"),
        ({"max_bytes_strict": False}, "max_bytes"),
        ({"quality": "best"}, "auto"),
        ({"quality": 0}, "1"),
    ],
)
def test_what_an_encoding_cannot_do_is_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRecipe) as refused:
        convert.parse(params)
    assert words in str(refused.value) + str(refused.value.context)
