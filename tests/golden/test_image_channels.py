"""TIFF files with more channels than are shown: selections, spot inks, bands of satellites."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from golden.hostile_rasters import tiff
from golden.image_samples import pixels, psnr, scene
from mediakiln.operations.image.edit.convert import convert
from mediakiln.operations.image.facts.describe import describe
from mediakiln.operations.image.facts.hash import image_hash
from mediakiln.operations.image.shape.rotate import rotate
from mediakiln.ports.operation import Context

CONTEXT = Context("image/tiff")
SIZE = (96, 64)
UNSPECIFIED, ALPHA = 0, 2
"""Of TIFF's ExtraSamples (TIFF 6.0, section 18)."""


def channelled(folder: Path, shown: int, *extra: int) -> Path:
    """The scene in grey or RGB, and further channels: the first is half of the greatest value."""
    colours = np.asarray(scene(*SIZE).convert("L" if shown == 1 else "RGB")).reshape(64, 96, shown)
    further = np.full((64, 96, len(extra)), 127, np.uint8)
    further[..., 1:] = np.arange(96, dtype=np.uint8)[None, :, None]
    data = np.concatenate([colours, further], axis=2).tobytes()
    bands, values = shown + len(extra), 8 + 2 + 10 * 12 + 4
    kinds, start = values + 2 * bands, values + 4 * bands
    entries = [
        (256, 4, 1, 96),
        (257, 4, 1, 64),
        (258, 3, bands, values),
        (259, 3, 1, 1),
        (262, 3, 1, 1 if shown == 1 else 2),
        (273, 4, 1, start),
        (277, 3, 1, bands),
        (278, 4, 1, 64),
        (279, 4, 1, len(data)),
        (338, 3, len(extra), kinds if len(extra) > 2 else extra[0] + (extra[1] << 16)),
    ]
    after = np.array([8] * bands + [*extra], "<u2").tobytes().ljust(4 * bands, b"\0")
    path = folder / "channels.tif"
    path.write_bytes(tiff(entries, 0, after + data))
    return path


@pytest.mark.parametrize(
    ("shown", "extra"),
    [
        (3, (UNSPECIFIED, UNSPECIFIED)),
        (3, (UNSPECIFIED,) * 30),
        (1, (UNSPECIFIED, UNSPECIFIED)),
    ],
)
def test_the_colours_alone_are_shown(
    tmp_path: Path, out: Path, shown: int, extra: tuple[int, ...]
) -> None:
    source = channelled(tmp_path, shown, *extra)
    (product,) = convert.run(source, {"format": "png"}, out, CONTEXT)
    with Image.open(out / product.file) as image:
        assert image.mode == ("L" if shown == 1 else "RGB")
    right = np.asarray(scene(*SIZE).convert(image.mode), float)
    assert psnr(pixels(out / product.file, image.mode), right) > 60


def test_the_first_further_channel_is_transparency_where_the_file_says_so(
    tmp_path: Path, out: Path
) -> None:
    source = channelled(tmp_path, 3, ALPHA, UNSPECIFIED)
    (product,) = convert.run(source, {"format": "png"}, out, CONTEXT)
    shown = pixels(out / product.file, "RGBA")
    assert psnr(shown[..., :3], np.asarray(scene(*SIZE), float)) > 60
    assert (shown[..., 3] == 127).all()


@pytest.mark.parametrize("shown", [1, 3])
def test_such_a_file_is_described_hashed_and_turned(tmp_path: Path, out: Path, shown: int) -> None:
    source = channelled(tmp_path, shown, UNSPECIFIED, UNSPECIFIED)
    for operation in (describe, image_hash):
        assert list(operation.run(source, {}, out, CONTEXT))
    (product,) = rotate.run(source, {"angle": 30, "format": "png"}, out, CONTEXT)
    with Image.open(out / product.file) as image:
        assert image.width > SIZE[0]
