"""Settled pixels are the same pixels, in memory or in a file, with all that is known of them."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

from mediakiln.operations.image.pixels import settle


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settle, "MEMORY_BYTES", 10)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def image(bands: int, kind: str, space: str) -> Any:
    numbers = np.random.default_rng(3).integers(0, 2**16, (300, 7, bands))
    plain = pyvips.Image.new_from_array(numbers.astype("uint8" if kind == "uchar" else "uint16"))
    return plain.copy(interpretation=space)


@pytest.mark.parametrize(
    ("bands", "kind", "space"),
    [
        (1, "uchar", "b-w"),
        (2, "uchar", "b-w"),
        (3, "uchar", "srgb"),
        (4, "uchar", "srgb"),
        (4, "uchar", "cmyk"),
        (1, "ushort", "grey16"),
        (4, "ushort", "rgb16"),
    ],
)
def test_pixels_and_kind_come_back_from_the_file(
    scratch: Path, bands: int, kind: str, space: str
) -> None:
    held = settle.settled(image(bands, kind, space))
    assert (held.bands, held.format, held.interpretation) == (bands, kind, space)
    assert held.hasalpha() == (bands in {2, 4} and space != "cmyk")
    assert np.array_equal(held.rot90().numpy(), image(bands, kind, space).rot90().numpy())
    assert not list(scratch.iterdir())


def test_frames_and_their_times_come_back_from_the_file(scratch: Path) -> None:
    stack = image(3, "uchar", "srgb").copy()
    stack.set_type(pyvips.GValue.gint_type, "page-height", 100)
    stack.set_type(pyvips.GValue.array_int_type, "delay", [10, 20, 30])
    stack.set_type(pyvips.GValue.blob_type, "icc-profile-data", b"profile")
    held = settle.settled(stack)
    assert (held.height, held.get_page_height(), held.get("delay")) == (300, 100, [10, 20, 30])
    assert held.get("icc-profile-data") == b"profile"
    frames = held.pagesplit()
    assert np.array_equal(frames[2].numpy(), stack.numpy()[200:])
    assert not list(scratch.iterdir())


def test_damaged_pixels_leave_no_file(scratch: Path) -> None:
    whole = image(3, "uchar", "srgb").pngsave_buffer()
    cut = pyvips.Image.new_from_buffer(whole[:-2000], "", fail_on="error", access="sequential")
    with pytest.raises(pyvips.Error):
        settle.settled(cut)
    assert not list(scratch.iterdir())
