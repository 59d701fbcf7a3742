"""image.convert and image.resize: palettes of PNG sources."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from golden.image_samples import pixels, scene
from mediakiln.operations.image.edit.convert import convert
from mediakiln.operations.image.edit.resize import resize
from mediakiln.ports.operation import Context

CONTEXT = Context("image/png", threads=1)


def _run(source: Path, out: Path, **params: Any) -> Path:
    (product,) = convert.run(source, params, out, CONTEXT)
    return out / product.file


@pytest.mark.parametrize("clear", [False, True])
def test_a_palette_stays_where_nothing_is_lost(tmp_path: Path, out: Path, clear: bool) -> None:
    rng = np.random.default_rng(3)
    drawn = Image.fromarray(rng.integers(0, 200, (80, 120), np.uint8), "P")
    drawn.putpalette(rng.integers(0, 256, 768, np.uint8).tobytes())
    source = tmp_path / "drawn.png"
    drawn.save(source, transparency=7 if clear else None)
    made = _run(source, out)
    with Image.open(made) as image:
        assert image.mode == "P"
    before, after = pixels(source, "RGBA"), pixels(made, "RGBA")
    seen = before[:, :, 3] > 0
    assert np.array_equal(before[seen], after[seen])
    assert np.array_equal(before[:, :, 3], after[:, :, 3])


def test_a_palette_goes_where_colours_would_be_lost(tmp_path: Path, out: Path) -> None:
    source = tmp_path / "drawn.png"
    scene(120, 80).quantize(256).save(source)
    (made,) = resize.run(source, {"width": 75}, out, CONTEXT)
    with Image.open(out / made.file) as image:
        assert image.mode == "RGB"


@pytest.mark.parametrize(
    "params", [{"colours": 2}, {"max_bytes": 900, "max_bytes_strict": False}, {"colours": 3}]
)
def test_a_small_palette_of_gif_keeps_what_is_transparent(
    tmp_path: Path, out: Path, params: dict[str, Any]
) -> None:
    drawn = scene(120, 80).convert("RGBA")
    drawn.putalpha(
        Image.linear_gradient("L").resize((120, 80)).point(lambda part: part // 128 * 255)
    )
    source = tmp_path / "drawn.png"
    drawn.save(source)
    made = pixels(_run(source, out, format="gif", **params), "RGBA")
    assert np.array_equal(made[:, :, 3], np.asarray(drawn)[:, :, 3])


def test_an_opaque_gif_has_two_colours_where_two_are_asked_for(tmp_path: Path, out: Path) -> None:
    source = tmp_path / "drawn.png"
    scene(120, 80).convert("RGBA").save(source)
    made = _run(source, out, format="gif", colours=2)
    assert len(np.unique(pixels(made).reshape(-1, 3), axis=0)) == 2
