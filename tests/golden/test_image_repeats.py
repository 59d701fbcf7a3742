"""How often animations are played, from format to format."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from golden.image_samples import frames, saved
from mediakiln.operations.image.edit.convert import convert
from mediakiln.operations.image.pixels.codecs import repeats
from mediakiln.ports.operation import Context

CONTEXT = Context("image/x", threads=1)


def _walk(path: Path, **options: Any) -> Path:
    first, *rest = frames()
    return saved(first, path, save_all=True, append_images=rest, duration=50, **options)


def _converted(source: Path, out: Path, format: str) -> Path:
    (made,) = convert.run(source, {"format": format}, out, CONTEXT)
    return out / made.file


@pytest.mark.parametrize(("loop", "plays"), [({"loop": 0}, 0), ({}, 1), ({"loop": 2}, 3)])
def test_an_animated_avif_is_played_as_often_as_its_source(
    tmp_path: Path, out: Path, loop: dict[str, int], plays: int
) -> None:
    made = _converted(_walk(tmp_path / "a.gif", **loop), out, "avif")
    assert repeats.plays(made) == plays
    with Image.open(_converted(made, out, "webp")) as image:
        assert image.info["loop"] == plays


def test_an_avif_that_does_not_say_is_played_for_ever(tmp_path: Path) -> None:
    plain = _walk(tmp_path / "a.avif")
    assert repeats.plays(plain) == 0
    plain.write_bytes(plain.read_bytes().replace(b"edts", b"free"))
    assert repeats.plays(plain) == 0
    plain.write_bytes(b"\x00\x00\x00\x10moov\x00\x00\x00\x08trak" * 3)
    assert repeats.plays(plain) == 0
