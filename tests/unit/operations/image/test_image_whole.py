"""Files that end too early are damaged, and no pictures with a part left out."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from golden import grid_files, hostile_others, image_files
from golden.image_samples import frames, scene
from mediakiln.model.errors import BadMedia, MediakilnError
from mediakiln.operations.image.pixels import engine
from mediakiln.operations.image.pixels.parts import whole
from mediakiln.operations.image.pixels.picture import open_picture
from mediakiln.ports.operation import Context

CONTEXT: Final = Context("image/heic", threads=1)
MAKERS: Final[dict[str, Callable[[Path, Any], Path]]] = {
    "heic": grid_files.heic,
    "avif": grid_files.avif,
}


@pytest.fixture(params=sorted(MAKERS))
def tiled(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of six tiles, which stand at its end, one behind another."""
    engine.setup(1)
    maker = MAKERS[request.param]
    return maker(tmp_path / f"x.{request.param}", np.asarray(scene(150, 100)))


def test_all_of_a_file_is_a_picture(tiled: Path) -> None:
    picture = open_picture(tiled, CONTEXT)
    assert (picture.width, picture.height) == (150, 100)


@pytest.mark.parametrize("missing", [1, 100])
def test_a_file_whose_last_tile_is_cut_is_damaged(tiled: Path, missing: int) -> None:
    tiled.write_bytes(tiled.read_bytes()[:-missing])
    with pytest.raises(BadMedia, match="ends too early") as refused:
        open_picture(tiled, CONTEXT)
    assert "hint" in refused.value.context


def test_no_other_part_of_a_cut_file_is_a_picture(tiled: Path) -> None:
    data = tiled.read_bytes()
    for end in range(24, len(data), 61):
        tiled.write_bytes(data[:end])
        with pytest.raises(MediakilnError), engine.translated():
            open_picture(tiled, CONTEXT).scaled(150, 100, frames=False).avg()


def test_a_file_of_many_images_costs_little(tmp_path: Path) -> None:
    path = tmp_path / "many.heic"
    path.write_bytes(hostile_others.heif(b"heic", items=60_000))
    started = time.process_time()
    whole.check(path, "heic")
    assert time.process_time() - started < 5


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    """A GIF of four frames."""
    engine.setup(1)
    return image_files.animation(tmp_path)


def test_a_gif_without_its_trailer_is_whole(walk: Path) -> None:
    walk.write_bytes(walk.read_bytes().removesuffix(b";"))
    assert open_picture(walk, CONTEXT).frames == len(frames())


def test_a_gif_that_ends_inside_a_block_is_damaged(walk: Path) -> None:
    data = walk.read_bytes()
    for missing in (2, 3, 60, 200, 300, 400):
        walk.write_bytes(data[:-missing])
        with pytest.raises(BadMedia, match="ends too early"):
            open_picture(walk, CONTEXT)


def test_a_gif_of_blocks_without_number_costs_little(walk: Path) -> None:
    data = walk.read_bytes().removesuffix(b";")
    walk.write_bytes(data + b"\x21\xfe\1a\0" * 1_000_000)
    started = time.process_time()
    whole.check(walk, "gif")
    assert time.process_time() - started < 2
