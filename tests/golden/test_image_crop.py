"""image.crop against Pillow's, and on its way through the decoder together with image.resize."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image

from golden.conftest import Made
from golden.image_samples import frames, pixels, psnr, saved, scene
from mediakiln.model.errors import OutsideImage, TooManyPixels
from mediakiln.operations.image.edit.transform import transform
from mediakiln.operations.image.shape.crop import crop
from mediakiln.ports.operation import Context

BOX = {"left": 37, "top": 51, "width": 300, "height": 210}
AREA = (37, 51, 337, 261)
TURNS: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def stored(image: Image.Image, path: Path, orientation: int, **options: Any) -> Path:
    """Save as a camera does that was held in this way."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = image.transpose(TURNS[orientation]) if orientation in TURNS else image
    return saved(turned, path, exif=exif, **options)


def plain(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=float)


@pytest.mark.parametrize("extension", ["png", "webp", "tif", "bmp", "ppm", "qoi"])
def test_a_box_is_cut_to_the_pixel(made: Made, tmp_path: Path, extension: str) -> None:
    options = {"lossless": True} if extension == "webp" else {}
    source = saved(scene(400, 300), tmp_path / f"scene.{extension}", **options)
    path, product = made(crop, source, **BOX, format="png")
    assert psnr(pixels(path), plain(scene(400, 300).crop(AREA))) > 60
    assert (
        product.metadata["original"] | {"width": 400, "height": 300} == product.metadata["original"]
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_are_of_the_upright_image(made: Made, tmp_path: Path, orientation: int) -> None:
    source = stored(scene(400, 300), tmp_path / "turned.png", orientation)
    path, _ = made(crop, source, **BOX)
    assert psnr(pixels(path), plain(scene(400, 300).crop(AREA))) > 60


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_crop_that_is_then_scaled_is_the_same_in_every_orientation(
    made: Made, tmp_path: Path, orientation: int
) -> None:
    source = stored(scene(1600, 1200), tmp_path / "turned.jpg", orientation, quality=95)
    steps = [
        {"op": "image.crop", "left": 333, "top": 251, "width": 1011, "height": 707},
        {"op": "image.resize", "width": 120},
    ]
    path, product = made(transform, source, steps=steps, format="png")
    expected = (
        scene(1600, 1200).crop((333, 251, 1344, 958)).resize((120, 84), Image.Resampling.LANCZOS)
    )
    assert product.metadata["height"] == 84
    assert psnr(pixels(path), plain(expected)) > 32


@pytest.mark.parametrize("format", ["jpg", "webp", "png", "tif", "gif"])
@pytest.mark.parametrize("width", [40, 131, 500])
def test_crop_and_resize_look_like_the_one_after_the_other(
    made: Made, tmp_path: Path, format: str, width: int
) -> None:
    large = scene(2000, 1500)
    source = saved(
        large, tmp_path / f"large.{format}", **({"quality": 95} if format != "tif" else {})
    )
    with Image.open(source) as image:
        cut = image.convert("RGB").crop((101, 203, 1701, 1403))
    steps = [
        {"op": "image.crop", "left": 101, "top": 203, "width": 1600, "height": 1200},
        {"op": "image.resize", "width": width},
    ]
    path, product = made(transform, source, steps=steps, format="png")
    size = width, product.metadata["height"]
    assert psnr(pixels(path), plain(cut.resize(size, Image.Resampling.LANCZOS))) > 33


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The decoder's options, each time that pixels are asked for."""
    seen: list[dict[str, Any]] = []
    load = pyvips.Image.new_from_source

    def watched(source: Any, strict: str, **options: Any) -> Any:
        seen.append(options)
        return load(source, strict, **options)

    monkeypatch.setattr(pyvips.Image, "new_from_source", watched)
    return seen


@pytest.mark.parametrize(
    ("steps", "shrink"),
    [
        ([{"op": "image.crop", "width": 1600}, {"op": "image.resize", "width": 100}], 8),
        ([{"op": "image.crop", "width": 1600}, {"op": "image.resize", "width": 300}], 4),
        ([{"op": "image.crop", "width": 1600}, {"op": "image.resize", "width": 900}], 1),
        # Blocks that are cut by the box would bring in what lies beside it.
        ([{"op": "image.crop", "width": 1602}, {"op": "image.resize", "width": 300}], 2),
        ([{"op": "image.crop", "width": 1, "height": 1}], 1),
        (
            [
                {"op": "image.crop", "width": 1600},
                {"op": "image.rotate", "angle": 90},
                {"op": "image.crop", "ratio": "1:1"},
                {"op": "image.resize", "width": 90, "height": 90, "fit": "cover"},
            ],
            8,
        ),
    ],
)
def test_the_decoder_shrinks_for_whatever_narrows_before_a_resize(
    made: Made,
    tmp_path: Path,
    loads: list[dict[str, Any]],
    steps: list[dict[str, Any]],
    shrink: int,
) -> None:
    source = saved(scene(2000, 1500), tmp_path / "large.jpg", quality=95)
    made(transform, source, steps=steps)
    decodes = [options for options in loads if "shrink" in options]
    assert [options["shrink"] for options in decodes] == [shrink]


@pytest.mark.parametrize(("width", "page"), [(100, 3), (300, 1), (900, 0)])
def test_the_pages_of_a_pyramid_serve_smaller_sizes(
    made: Made, tmp_path: Path, loads: list[dict[str, Any]], width: int, page: int
) -> None:
    plain_file = saved(scene(2000, 1500), tmp_path / "plain.png")
    source = tmp_path / "pyramid.tif"
    pyvips.Image.new_from_file(str(plain_file)).tiffsave(
        str(source), tile=True, pyramid=True, compression="deflate"
    )
    steps = [
        {"op": "image.crop", "left": 104, "top": 200, "width": 1600, "height": 1200},
        {"op": "image.resize", "width": width},
    ]
    path, product = made(transform, source, steps=steps, format="png")
    assert loads[-1]["page"] == page
    expected = scene(2000, 1500).crop((104, 200, 1704, 1400))
    size = width, product.metadata["height"]
    assert psnr(pixels(path), plain(expected.resize(size, Image.Resampling.LANCZOS))) > 33


def test_a_part_of_a_documents_first_page_is_not_taken_from_the_second(
    made: Made, tmp_path: Path
) -> None:
    second = Image.new("RGB", (1200, 900), "red")
    source = saved(scene(1600, 1200), tmp_path / "two.tif", save_all=True, append_images=[second])
    steps = [{"op": "image.crop", "ratio": "1:1"}, {"op": "image.resize", "width": 100}]
    path, _ = made(transform, source, steps=steps, format="png")
    expected = scene(1600, 1200).crop((200, 0, 1400, 1200)).resize((100, 100))
    assert psnr(pixels(path), plain(expected)) > 30


@pytest.mark.parametrize("position", ["attention", "entropy"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_salient_crop_keeps_the_detail_at_full_size(
    made: Made, tmp_path: Path, position: str, orientation: int
) -> None:
    plain_image = Image.new("RGB", (1600, 400), (128, 128, 128))
    noise = np.random.default_rng(1).integers(0, 255, (80, 60, 3), dtype="uint8")
    plain_image.paste(Image.fromarray(noise).resize((240, 320)), (1280, 40))
    source = stored(plain_image, tmp_path / "plain.png", orientation)
    path, product = made(crop, source, ratio="1:1", position=position)
    assert (product.metadata["width"], product.metadata["height"]) == (400, 400)
    assert pixels(path).std() > 20, "the plain part was kept"


def test_a_focal_point_is_in_the_middle_of_what_is_kept(made: Made, tmp_path: Path) -> None:
    dot = Image.new("RGB", (400, 300), (0, 0, 0))
    dot.paste((255, 255, 255), (300, 60, 310, 70))
    source = saved(dot, tmp_path / "dot.png")
    path, _ = made(crop, source, width=40, height=40, focus_x=305 / 400, focus_y=65 / 300)
    rows, columns = np.nonzero(pixels(path)[..., 0] > 200)
    assert (columns.mean(), rows.mean()) == pytest.approx((19.5, 19.5), abs=0.6)


def test_every_frame_is_cut_by_the_same_box(made: Made, tmp_path: Path) -> None:
    first, *rest = frames()
    source = saved(first, tmp_path / "walk.gif", save_all=True, append_images=rest, duration=50)
    path, product = made(
        crop, source, left=16, top=4, width=32, height=30, format="webp", lossless=True
    )
    assert product.metadata["frames"] == 4
    with Image.open(path) as result:
        for n, frame in enumerate(frames()):
            result.seek(n)
            shown = np.asarray(result.convert("RGB"), dtype=float)
            assert psnr(shown, plain(frame.crop((16, 4, 48, 34)))) > 30
    _, salient = made(crop, source, width=20, height=20, position="attention")
    assert (salient.metadata["width"], salient.metadata["frames"]) == (20, 4)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.convert("L"),
        lambda image: image.convert("P"),
        lambda image: image.convert("LA"),
        lambda image: image.convert("RGBA"),
        lambda image: image.convert("1"),
    ],
)
def test_every_kind_of_png_is_cut(
    made: Made, tmp_path: Path, change: Callable[[Image.Image], Image.Image]
) -> None:
    source = saved(change(scene(400, 300)), tmp_path / "scene.png")
    with Image.open(source) as image:
        expected = plain(image.convert("RGB").crop(AREA))
    path, _ = made(crop, source, **BOX)
    assert psnr(pixels(path), expected) > 50


def test_a_box_outside_is_an_error_and_what_hangs_over_is_left_out(
    made: Made, tmp_path: Path, out: Path
) -> None:
    source = saved(scene(400, 300), tmp_path / "scene.png")
    _, product = made(crop, source, left=390, top=-10, width=100, height=40)
    assert (product.metadata["width"], product.metadata["height"]) == (10, 30)
    (out / product.file).unlink()
    with pytest.raises(OutsideImage):
        made(crop, source, left=400)
    assert not list(out.iterdir())


def test_a_part_of_a_vector_image_is_drawn_at_the_size_that_is_wanted(
    made: Made, tmp_path: Path
) -> None:
    source = tmp_path / "two.svg"
    source.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">'
        '<rect width="20" height="20" fill="#f00"/><rect x="20" width="20" '
        'height="20" fill="#00f"/></svg>'
    )
    steps = [
        {"op": "image.crop", "left": "25%", "width": "50%"},
        {"op": "image.resize", "width": 400},
    ]
    path, product = made(transform, source, steps=steps)
    assert (product.metadata["width"], product.metadata["height"]) == (400, 400)
    shown = pixels(path)
    assert tuple(shown[200, 198]) == (255, 0, 0)
    assert tuple(shown[200, 202]) == (0, 0, 255)
    params = {"steps": [steps[0], {"op": "image.resize", "width": 4000}]}
    with pytest.raises(TooManyPixels):
        transform.run(source, params, tmp_path, Context("image/x", max_pixels=10_000_000))
