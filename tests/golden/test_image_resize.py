"""image.resize against Pillow's resampling and against patterns known beforehand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from golden.image_samples import RED, frames, pixels, psnr, saved, scene
from mediakiln.model.product import Product
from mediakiln.operations.image.edit.resize import resize
from mediakiln.ports.operation import Context

Resize = Callable[..., tuple[Path, Product]]


@pytest.mark.parametrize(
    ("format", "floor"),
    [("jpeg", 32), ("png", 38), ("webp", 31), ("avif", 31), ("tiff", 38), ("gif", 24)],
)
def test_every_output_format_looks_like_pillows_resampling(
    resized: Resize, tmp_path: Path, format: str, floor: float
) -> None:
    source = saved(scene(), tmp_path / "scene.png")
    path, product = resized(source, width=128, format=format)
    expected = np.asarray(scene().resize((128, 80), Image.Resampling.LANCZOS), dtype=float)
    assert psnr(pixels(path), expected) > floor
    assert (product.metadata["width"], product.metadata["height"]) == (128, 80)
    assert product.media_type == f"image/{format}"


@pytest.mark.parametrize(
    ("extension", "options"),
    [
        ("jpg", {"quality": 95}),
        ("png", {}),
        ("webp", {"lossless": True}),
        ("avif", {"quality": 95}),
        ("tif", {}),
        ("tif", {"compression": "tiff_lzw"}),
        ("bmp", {}),
        ("jp2", {}),
        ("ppm", {}),
        ("qoi", {}),
    ],
)
def test_every_input_format_is_read_right(
    resized: Resize, tmp_path: Path, extension: str, options: dict[str, object]
) -> None:
    source = saved(scene(), tmp_path / f"scene.{extension}", **options)
    path, product = resized(source, width=128, format="png")
    expected = np.asarray(scene().resize((128, 80), Image.Resampling.LANCZOS), dtype=float)
    assert psnr(pixels(path), expected) > 30
    assert product.metadata["original"]["width"] == 256


def test_an_icon_gives_its_largest_image(resized: Resize, tmp_path: Path) -> None:
    source = saved(scene(64, 64), tmp_path / "icon.ico", sizes=[(16, 16), (64, 64)])
    path, product = resized(source, width=32)
    assert product.media_type == "image/png"
    assert product.metadata["original"]["width"] == 64
    expected = np.asarray(scene(64, 64).resize((32, 32), Image.Resampling.LANCZOS), dtype=float)
    assert psnr(pixels(path), expected) > 30


def test_cover_keeps_the_middle_and_north_west_the_corner(resized: Resize, tmp_path: Path) -> None:
    source = saved(scene(), tmp_path / "scene.png")
    box = {"width": 60, "height": 60, "fit": "cover"}
    small = scene().resize((96, 60), Image.Resampling.LANCZOS)
    middle, _ = resized(source, **box)
    assert psnr(pixels(middle), np.asarray(small.crop((18, 0, 78, 60)), dtype=float)) > 38
    corner, _ = resized(source, **box, position="north-west")
    assert psnr(pixels(corner), np.asarray(small.crop((0, 0, 60, 60)), dtype=float)) > 38
    east, _ = resized(source, **box, position="east")
    assert psnr(pixels(east), np.asarray(small.crop((36, 0, 96, 60)), dtype=float)) > 38


@pytest.mark.parametrize(
    ("place", "left"),
    [
        ({"focus_x": 0.25}, 0),
        ({"focus_x": 0.5, "focus_y": 0.1}, 18),
        ({"focus_x": 0.6}, 28),
        ({"focus_x": 1.0, "position": "attention"}, 36),
        ({"position": "west", "offset_x": 5}, 5),
        ({"position": "east", "offset_x": 5}, 31),
        ({"offset_x": "12.5%"}, 30),
    ],
)
def test_cover_keeps_what_is_around_the_focal_point_or_beside_the_place(
    resized: Resize, tmp_path: Path, place: dict[str, object], left: int
) -> None:
    source = saved(scene(), tmp_path / "scene.png")
    path, _ = resized(source, width=60, height=60, fit="cover", **place)
    small = scene().resize((96, 60), Image.Resampling.LANCZOS)
    assert psnr(pixels(path), np.asarray(small.crop((left, 0, left + 60, 60)), dtype=float)) > 38


@pytest.mark.parametrize("position", ["attention", "entropy"])
def test_a_salient_crop_finds_the_detail(resized: Resize, tmp_path: Path, position: str) -> None:
    plain = Image.new("RGB", (400, 100), (128, 128, 128))
    noise = np.random.default_rng(1).integers(0, 255, (80, 60, 3), dtype="uint8")
    plain.paste(Image.fromarray(noise), (320, 10))
    source = saved(plain, tmp_path / "plain.png")
    path, _ = resized(source, width=100, height=100, fit="cover", position=position)
    assert pixels(path).std() > 20, "the plain part was kept"


def test_contain_pads_with_the_background(resized: Resize, tmp_path: Path) -> None:
    source = saved(scene(100, 50), tmp_path / "scene.png")
    path, _ = resized(source, width=60, height=60, fit="contain", background="#102030")
    shown = pixels(path)
    assert shown.shape == (60, 60, 3)
    assert np.allclose(shown[:14], (16, 32, 48), atol=1)
    assert np.allclose(shown[-14:], (16, 32, 48), atol=1)
    clear, _ = resized(source, width=60, height=60, fit="contain")
    assert pixels(clear, "RGBA")[0, 0, 3] == 0
    assert pixels(clear, "RGBA")[30, 30, 3] == 255
    white, _ = resized(source, width=60, height=60, fit="contain", format="jpeg")
    assert pixels(white)[:7].min() > 240


def test_grey_is_padded_in_colour_when_the_background_has_one(
    resized: Resize, tmp_path: Path
) -> None:
    source = saved(scene(100, 50).convert("L"), tmp_path / "grey.png")
    path, _ = resized(source, width=60, height=60, fit="contain", background="#ff0000")
    assert np.allclose(pixels(path)[0, 0], (255, 0, 0), atol=1)


def test_transparency_is_kept_or_laid_on_the_background(resized: Resize, tmp_path: Path) -> None:
    clear = scene(80, 80).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize((80, 80)))
    source = saved(clear, tmp_path / "clear.png")
    kept, _ = resized(source, width=40, format="webp", lossless=True)
    expected = np.asarray(clear.resize((40, 40), Image.Resampling.LANCZOS), dtype=float)
    assert psnr(pixels(kept, "RGBA")[..., 3], expected[..., 3]) > 35
    laid, _ = resized(source, width=40, format="jpeg", background="#00ff00", quality=95)
    ground = Image.new("RGBA", (80, 80), (0, 255, 0, 255))
    ground.alpha_composite(clear)
    flat = np.asarray(ground.convert("RGB").resize((40, 40), Image.Resampling.LANCZOS), dtype=float)
    assert psnr(pixels(laid), flat) > 28


@pytest.mark.parametrize(
    ("mode", "background", "expected"),
    [
        ("RGBA", "transparent", (255, 255, 255)),
        ("RGBA", "#ff000080", (255, 127, 127)),
        ("LA", "#ff0000", (255, 0, 0)),
        ("LA", "#202020", (32, 32, 32)),
    ],
)
def test_what_a_jpeg_cannot_hold_is_laid_on_any_ground(
    resized: Resize, tmp_path: Path, mode: str, background: str, expected: tuple[int, int, int]
) -> None:
    clear = saved(Image.new(mode, (16, 16), 0), tmp_path / "clear.png")
    laid, _ = resized(clear, width=16, format="jpeg", background=background, quality=95)
    assert np.abs(pixels(laid) - expected).max() <= 2


def test_one_decode_gives_every_width(out: Path, tmp_path: Path) -> None:
    source = saved(scene(800, 500), tmp_path / "scene.jpg", quality=95)
    params = {"widths": [400, 80, 200], "format": "png"}
    products = resize.run(source, params, out, Context("image/jpeg"))
    assert [p.file for p in products] == ["w400.png", "w80.png", "w200.png"]
    for product in products:
        width, height = product.metadata["width"], product.metadata["height"]
        assert (f"w{width}.png", height) == (product.file, width * 5 // 8)
        expected = scene(800, 500).resize((width, height), Image.Resampling.LANCZOS)
        assert psnr(pixels(out / product.file), np.asarray(expected, dtype=float)) > 31
        assert product.metadata["srcset"] == "w80.png 80w, w200.png 200w, w400.png 400w"
        assert product.metadata["sizes"] == "(max-width: 400px) 100vw, 400px"


def test_widths_that_come_out_alike_are_named_once_in_the_srcset(out: Path, tmp_path: Path) -> None:
    source = saved(scene(100, 50), tmp_path / "scene.png")
    params = {"widths": [50, 400, 200], "format": "webp"}
    products = resize.run(source, params, out, Context("image/png"))
    assert [p.metadata["width"] for p in products] == [50, 100, 100]
    assert {p.metadata["srcset"] for p in products} == {"w50.webp 50w, w200.webp 100w"}


def test_an_animation_has_every_width_and_one_crop_for_all_frames(
    out: Path, tmp_path: Path, resized: Resize
) -> None:
    first, *rest = frames()
    source = saved(first, tmp_path / "walk.gif", save_all=True, append_images=rest, duration=50)
    products = resize.run(source, {"widths": [16, 32]}, out, Context("image/gif"))
    assert [(p.metadata["width"], p.metadata["frames"]) for p in products] == [(16, 4), (32, 4)]
    box = {"width": 20, "height": 40, "fit": "cover", "position": "attention"}
    path, _ = resized(source, **box, format="webp", lossless=True)
    grounds = []
    with Image.open(path) as result:
        for n in range(getattr(result, "n_frames", 1)):  # frames that are equal are one
            result.seek(n)
            grounds.append(np.asarray(result.convert("L"))[20].argmax())
    assert len(set(grounds)) > 1, "the crop followed the square from frame to frame"


def test_a_small_image_is_enlarged_only_on_request(resized: Resize, tmp_path: Path) -> None:
    source = saved(scene(40, 20), tmp_path / "scene.png")
    _, kept = resized(source, width=400)
    assert kept.metadata["width"] == 40
    _, grown = resized(source, width=400, enlarge=True)
    assert (grown.metadata["width"], grown.metadata["height"]) == (400, 200)
    _, doubled = resized(source, width=10, dpr=2.0)
    assert doubled.metadata["width"] == 20


@pytest.mark.parametrize("source_format", ["gif", "webp"])
@pytest.mark.parametrize("format", ["gif", "webp"])
def test_animations_keep_their_frames_and_times(
    resized: Resize, tmp_path: Path, source_format: str, format: str
) -> None:
    first, *rest = frames()
    source = tmp_path / f"walk.{source_format}"
    first.save(source, save_all=True, append_images=rest, duration=[50, 100, 150, 200], loop=0)
    path, product = resized(source, width=32, height=32, fit="cover", format=format)
    assert product.metadata["frames"] == 4
    with Image.open(path) as result:
        times = []
        for n, frame in enumerate(frames()):
            result.seek(n)
            result.load()
            times.append(result.info["duration"])
            expected = frame.resize((51, 32), Image.Resampling.LANCZOS).crop((9, 0, 41, 32))
            shown = np.asarray(result.convert("RGB"), dtype=float)
            assert psnr(shown, np.asarray(expected, dtype=float)) > 20
    assert times == [50, 100, 150, 200]


def test_an_animation_becomes_its_first_frame_where_frames_cannot_be(
    resized: Resize, tmp_path: Path
) -> None:
    first, *rest = frames()
    source = tmp_path / "walk.gif"
    first.save(source, save_all=True, append_images=rest, duration=50)
    for params in ({"format": "png"}, {"format": "webp", "animated": False}):
        path, product = resized(source, width=64, **params)
        assert product.metadata["frames"] == 1
        assert psnr(pixels(path), np.asarray(first, dtype=float)) > 30


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright_once(
    resized: Resize, tmp_path: Path, orientation: int
) -> None:
    upright = scene(120, 80)
    turns: dict[int, Image.Transpose] = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(turns[orientation]) if orientation in turns else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = saved(stored, tmp_path / "turned.jpg", exif=exif, quality=95)
    path, product = resized(source, width=60, format="png")
    expected = np.asarray(upright.resize((60, 40), Image.Resampling.LANCZOS), dtype=float)
    assert psnr(pixels(path), expected) > 30
    assert product.metadata["original"]["width"] == 120
    with Image.open(path) as result:
        assert 0x0112 not in result.getexif()


def test_fill_stretches(resized: Resize, tmp_path: Path) -> None:
    source = saved(scene(), tmp_path / "scene.png")
    path, _ = resized(source, width=40, height=120, fit="fill")
    expected = np.asarray(scene().resize((40, 120), Image.Resampling.LANCZOS), dtype=float)
    assert psnr(pixels(path), expected) > 36
    assert tuple(pixels(path)[5, 2]) == pytest.approx([0.7 * c for c in RED], abs=8)


@pytest.mark.parametrize(
    ("size", "width"), [((1, 1), 1), ((3, 3), 1), ((1001, 3), 126), ((300, 5), 38)]
)
def test_a_jpeg_smaller_than_its_decoders_blocks_is_read(
    resized: Resize, tmp_path: Path, size: tuple[int, int], width: int
) -> None:
    source = saved(Image.new("RGB", size, RED), tmp_path / "tiny.jpg", quality=95)
    path, product = resized(source, width=width, format="png")
    assert (product.metadata["width"], product.metadata["height"]) == (width, 1)
    assert np.abs(pixels(path) - RED).max() <= 4
