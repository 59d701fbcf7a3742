"""Known colours through every way in which a file says what its numbers mean."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image, ImageCms

from golden.image_samples import pixels, saved, scene
from mediakiln.operations.image.edit.convert import convert
from mediakiln.operations.image.edit.resize import resize
from mediakiln.operations.image.look.adjust import adjust
from mediakiln.operations.image.look.compose import compose
from mediakiln.operations.image.pixels.managed import profiles
from mediakiln.operations.image.shape.pad import pad
from mediakiln.ports.operation import Context

CONTEXT = Context("image/x", threads=1)
MARK = "01b3f0a4-7c11-7d2a-9c55-2f6a1e0d9b77"
SIDE = 16
PATCHES = np.array(
    [(200, 100, 50), (60, 120, 180), (90, 160, 70), (128, 128, 128), (20, 20, 20), (245, 245, 245)]
)
# RGB to XYZ with white D65, as the standards print them.
SRGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
ADOBE = np.array(
    [[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]]
)
P3 = np.array([[0.48657, 0.26567, 0.19822], [0.22897, 0.69174, 0.07929], [0.0, 0.04511, 1.04394]])
in_a_wide_space = pytest.mark.parametrize(
    "params", [{"colour": "p3"}, {"colour": "source"}, {"metadata": "keep"}]
)
Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _light(coded: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def _coded(light: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _in(matrix: NDArray[np.float64], code: Curve) -> NDArray[np.float64]:
    """The patches, given in sRGB, as another space's numbers: 0 to 1."""
    xyz = _light(PATCHES / 255) @ SRGB.T
    return code((xyz @ np.linalg.inv(matrix).T).clip(0, 1))


def _picture(numbers: NDArray[np.float64]) -> Image.Image:
    row = np.repeat((numbers * 255).round().astype("uint8"), SIDE, axis=0)
    return Image.fromarray(np.repeat(row[None], SIDE, axis=0))


def _seen(path: Path) -> NDArray[np.float64]:
    return pixels(path)[SIDE // 2, SIDE // 2 :: SIDE]


def _converted(source: Path, out: Path, **params: object) -> Path:
    (product,) = convert.run(source, params, out, CONTEXT)
    return out / product.file


def _adobe(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    return numbers ** (256 / 563)


ADOBE_PROFILE = profiles.adobe_rgb()
P3_PROFILE: bytes = pyvips.Operation.call("profile_load", "p3")
CMYK_PROFILE: bytes = pyvips.Operation.call("profile_load", "cmyk")


def _p3_avif(path: Path) -> Path:
    file = BytesIO()
    _picture(_in(P3, _coded)).save(file, "AVIF", quality=95, subsampling="4:4:4")
    data = bytearray(file.getvalue())
    at = data.find(b"colrnclx") + len(b"colrnclx")
    data[at : at + 2] = b"\0\x0c"
    path.write_bytes(data)
    return path


def _p3_png_by_numbers(path: Path) -> Path:
    file = BytesIO()
    _picture(_in(P3, _coded)).save(file, "PNG")
    data, chunk = file.getvalue(), b"cICP" + bytes((12, 13, 0, 1))
    path.write_bytes(
        data[:33] + struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]
    )
    return path


def _adobe_by_exif(path: Path) -> Path:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9000] = b"0230"
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    return saved(_picture(_in(ADOBE, _adobe)), path, quality=98, subsampling=0, exif=exif.tobytes())


@pytest.mark.parametrize(
    "make",
    [
        lambda at: saved(_picture(PATCHES / 255), at / "s.png"),
        lambda at: saved(_picture(_in(ADOBE, _adobe)), at / "s.png", icc_profile=ADOBE_PROFILE),
        lambda at: saved(_picture(_in(P3, _coded)), at / "s.tif", icc_profile=P3_PROFILE),
        lambda at: saved(
            _picture(_in(P3, _coded)), at / "s.webp", lossless=True, icc_profile=P3_PROFILE
        ),
        lambda at: _p3_avif(at / "s.avif"),
        lambda at: _p3_png_by_numbers(at / "s.png"),
        lambda at: _adobe_by_exif(at / "s.jpg"),
    ],
    ids=["sRGB", "Adobe RGB", "P3 TIFF", "P3 WebP", "P3 nclx AVIF", "P3 cICP PNG", "R03 JPEG"],
)
def test_colours_come_out_as_srgb(tmp_path: Path, out: Path, make: Callable[[Path], Path]) -> None:
    source = make(tmp_path)
    made = _converted(source, out, format="png")
    assert np.abs(_seen(made) - PATCHES).max() <= 4
    with Image.open(made) as image:
        assert "icc_profile" not in image.info


def test_lab_and_linear_light_come_out_as_srgb(tmp_path: Path, out: Path) -> None:
    plain = pyvips.Image.new_from_file(str(saved(_picture(PATCHES / 255), tmp_path / "s.png")))
    for space in ("lab", "labs", "scrgb"):
        plain.colourspace(space).tiffsave(str(tmp_path / "s.tif"))
        assert np.abs(_seen(_converted(tmp_path / "s.tif", out, format="png")) - PATCHES).max() <= 1


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
def test_lab_of_eight_bits_comes_out_as_srgb_and_upright(
    tmp_path: Path, out: Path, compression: str
) -> None:
    upright = saved(_picture(PATCHES / 255), tmp_path / "s.png")
    with Image.open(upright) as plain:
        turned = plain.transpose(Image.Transpose.ROTATE_90)
    lab = ImageCms.profileToProfile(
        turned, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert isinstance(lab, Image.Image)
    orientation = {274: 6}
    lab.save(tmp_path / "s.tif", compression=compression, tiffinfo=orientation)
    with Image.open(upright) as plain:
        size = plain.size
    made = _converted(tmp_path / "s.tif", out, format="png")
    assert np.abs(_seen(made) - PATCHES).max() <= 6
    with Image.open(made) as image:
        assert image.size == size
    with Image.open(_converted(tmp_path / "s.tif", out, format="jpeg", colour="p3")) as image:
        assert image.size == size


def test_a_wide_gamut_is_kept_in_p3_and_says_so(tmp_path: Path, out: Path) -> None:
    vivid = _picture(np.array([(1.0, 0.0, 0.0), (0.0, 1.0, 0.0)]))
    source = saved(vivid, tmp_path / "s.png", icc_profile=P3_PROFILE)
    for format in ("png", "webp", "avif", "jpeg", "tiff"):
        made = _converted(source, out, format=format, colour="p3", quality=95, chroma="4:4:4")
        with Image.open(made) as image:
            assert profiles.wide(image.info["icc_profile"])
            if format != "png":
                assert np.abs(_seen(made)[0] - (255, 0, 0)).max() <= 6
    clipped = _converted(source, out, format="png", colour="srgb")
    assert np.abs(_seen(clipped) - ((255, 0, 0), (0, 255, 0))).max() <= 1


@in_a_wide_space
def test_added_colours_look_in_a_wide_space_as_they_do_in_srgb(
    tmp_path: Path, out: Path, params: dict[str, str]
) -> None:
    source = saved(_picture(_in(P3, _coded)), tmp_path / "s.png", icc_profile=P3_PROFILE)
    told = {"padding": 2, "background": "#c86432", "border": 2, "border_colour": "#3c78b4"}
    (product,) = pad.run(source, {**told, "format": "png", **params}, out, CONTEXT)
    shown = pixels(out / product.file)
    exact = _in(P3, _coded) * 255
    assert np.abs(shown[3, 3] - exact[0]).max() <= 2, "the background"
    assert np.abs(shown[0, 0] - exact[1]).max() <= 2, "the border"
    assert np.abs(shown[8, 8] - exact[0]).max() <= 2, "the picture's own, which is the same"


@in_a_wide_space
def test_what_is_laid_on_looks_in_a_wide_space_as_it_does_in_srgb(
    tmp_path: Path, out: Path, params: dict[str, str]
) -> None:
    source = saved(_picture(_in(P3, _coded)), tmp_path / "s.png", icc_profile=P3_PROFILE)
    mark = saved(Image.new("RGB", (4, 4), tuple(PATCHES[1])), tmp_path / "m.png")
    context = replace(CONTEXT, inputs={MARK: mark})
    told = {"image": MARK, "position": "north-west", "format": "png", **params}
    (product,) = compose.run(source, told, out, context)
    assert np.abs(pixels(out / product.file)[1, 1] - (_in(P3, _coded) * 255)[1]).max() <= 2


@in_a_wide_space
def test_two_tones_look_in_a_wide_space_as_they_do_in_srgb(
    tmp_path: Path, out: Path, params: dict[str, str]
) -> None:
    source = saved(Image.new("RGB", (8, 8), "white"), tmp_path / "s.png", icc_profile=P3_PROFILE)
    told = {"duotone": ["#000000", "#c86432"], "format": "png", **params}
    (product,) = adjust.run(source, told, out, CONTEXT)
    assert np.abs(pixels(out / product.file)[4, 4] - (_in(P3, _coded) * 255)[0]).max() <= 2


def test_what_is_srgb_stays_so_where_p3_is_asked_for(tmp_path: Path, out: Path) -> None:
    made = _converted(saved(scene(), tmp_path / "s.png"), out, format="png", colour="p3")
    with Image.open(made) as image:
        assert "icc_profile" not in image.info


@pytest.mark.parametrize("profile", [None, CMYK_PROFILE, P3_PROFILE], ids=["none", "own", "wrong"])
@pytest.mark.parametrize("extension", ["jpg", "tif"])
def test_inks_keep_their_blacks_and_their_reds(
    tmp_path: Path, out: Path, extension: str, profile: bytes | None
) -> None:
    inks = Image.new("CMYK", (64, 32), (0, 0, 0, 255))
    inks.paste((0, 255, 255, 0), (32, 0, 64, 32))
    options = {"icc_profile": profile} if profile else {}
    source = saved(inks, tmp_path / f"ink.{extension}", **options)
    for params in ({"format": "png"}, {"format": "jpeg", "quality": 95}):
        shown = pixels(_converted(source, out, **params))
        assert shown[16, 16].max() < 32, "full black must look black"
        assert shown[16, 48, 0] > 215
        assert shown[16, 48, 1:].max() < 40
    (small,) = resize.run(source, {"width": 16, "format": "png"}, out, CONTEXT)
    assert pixels(out / small.file)[4, 4].max() < 32


def test_a_16_bit_ramp_has_no_bands(tmp_path: Path, out: Path) -> None:
    ramp = pyvips.Image.xyz(2048, 8)[0] * 32
    deep = ramp.bandjoin([ramp, ramp]).cast("ushort").copy(interpretation="rgb16")
    deep.set_type(pyvips.GValue.blob_type, "icc-profile-data", ADOBE_PROFILE)
    source = tmp_path / "ramp.png"
    deep.pngsave(str(source))
    for format, depth, steps in (("png", 16, 1900), ("tiff", 16, 1900), ("avif", 12, 1000)):
        made = _converted(source, out, format=format, depth=depth)
        image = pyvips.Image.new_from_file(str(made))
        assert image.format == "ushort"
        row = image.numpy()[4, :, 1].astype(int)
        assert len(set(row.tolist())) > steps
        assert (np.diff(np.convolve(row, np.ones(9) / 9, "valid")) > -40).all()
    shallow = pyvips.Image.new_from_file(str(_converted(source, out, format="png")))
    assert shallow.format == "uchar"


def test_8_bits_become_all_of_16(tmp_path: Path, out: Path) -> None:
    source = saved(Image.new("RGB", (8, 8), (255, 128, 0)), tmp_path / "s.png")
    deep = pyvips.Image.new_from_file(str(_converted(source, out, format="tiff", depth=16)))
    assert deep(4, 4) == [65535, 128 * 257, 0]


@pytest.mark.parametrize("extension", ["pgm", "jp2", "png"])
def test_16_bit_grey_is_scaled_and_not_cut(tmp_path: Path, out: Path, extension: str) -> None:
    ramp = (np.arange(256, dtype=np.uint16) * 257)[None].repeat(16, axis=0)
    source = saved(Image.fromarray(ramp), tmp_path / f"grey.{extension}")
    assert np.abs(pixels(_converted(source, out, format="png"), "L")[8] - np.arange(256)).max() <= 1


@pytest.mark.parametrize("format", ["png", "webp", "avif"])
def test_edges_of_transparency_are_not_dark(tmp_path: Path, out: Path, format: str) -> None:
    disc = np.zeros((200, 200, 4), dtype="uint8")
    y, x = np.mgrid[:200, :200]
    disc[(x - 100) ** 2 + (y - 100) ** 2 < 80**2] = 255
    source = saved(Image.fromarray(disc), tmp_path / "disc.png")
    (small,) = resize.run(source, {"width": 37, "format": format, "quality": 90}, out, CONTEXT)
    with Image.open(out / small.file) as image:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
    assert np.asarray(white.convert("L")).min() >= 250


def test_profiles_that_are_broken_do_not_stop_anything(tmp_path: Path, out: Path) -> None:
    for profile in (b"garbage" * 50, CMYK_PROFILE):
        source = saved(_picture(PATCHES / 255), tmp_path / "s.png", icc_profile=profile)
        assert np.abs(_seen(_converted(source, out, format="png")) - PATCHES).max() <= 1


def test_hdr_is_brought_to_standard_range_without_burning_out(tmp_path: Path, out: Path) -> None:
    ramp = np.repeat(np.linspace(0, 1, 256)[None, :, None], 16, axis=0).repeat(3, axis=2)
    picture = Image.fromarray((ramp * 255).astype("uint8"))
    for transfer, white in ((16, 0.58), (18, 0.75)):
        profile = profiles.named(9, transfer)
        source = saved(picture, tmp_path / "s.png", icc_profile=profile)
        row = pixels(_converted(source, out, format="png"), "L")[8]
        assert (np.diff(row) >= 0).all()
        assert 215 < row[round(white * 255)] < 250, "paper white is bright, with room above"


def test_grey_in_fractions_is_light_from_black_to_white(tmp_path: Path, out: Path) -> None:
    light = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (8, 1))
    source = saved(Image.fromarray(light), tmp_path / "light.tif")
    (made,) = convert.run(source, {"format": "png"}, out, Context("image/tiff", threads=1))
    # IEC 61966-2-1: what light of these fractions is in sRGB.
    shown = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(pixels(out / made.file, "L") - shown).max() <= 2
