"""Images of 100 megapixels in less memory than one copy of their pixels."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image

from golden import grid_files
from golden.image_samples import scene
from mediakiln.ports.operation import Context
from mediakiln.ports.runner import Limits, Task, TaskKilled, Work
from mediakiln.sandbox.runner import ForkRunner

LIMIT_MB = 250
LARGE = (
    "jpeg", "jpeg-turned", "jpeg-cmyk", "png", "png-interlaced", "tiff", "tiff-tiles",
    "gif", "bmp", "heic", "avif-tiles",
)  # fmt: skip
SIDES = (11_520, 8_704)

RUN = """
import json, sys
from pathlib import Path
from mediakiln.operations.image.edit.transform import transform
from mediakiln.ports.operation import Context

source, out, steps = sys.argv[1:]
params = {"steps": json.loads(steps), "format": "jpeg"}
transform.run(Path(source), params, Path(out), Context("image/x", threads=1))
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""
"""What a worker's child does; prints the most memory that was ever resident, in KiB."""

CROP = {"op": "image.crop", "left": "5%", "top": "5%", "width": "90%", "height": "90%"}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One picture in every file type that is decoded in parts, and lying on its side."""
    folder = tmp_path_factory.mktemp("large")
    tile = pyvips.Image.new_from_array(np.asarray(scene(512, 512))).copy(interpretation="srgb")
    image = tile.replicate(SIDES[0] // 512 + 1, SIDES[1] // 512).crop(0, 0, *SIDES)
    turned = image.copy()
    turned.set_type(pyvips.GValue.gint_type, "orientation", 6)
    inks = image.bandjoin(image[0]).copy(interpretation="cmyk")
    paths = {name: folder / f"{name}.file" for name in LARGE}
    image.jpegsave(str(paths["jpeg"]), Q=80)
    turned.jpegsave(str(paths["jpeg-turned"]), Q=80)
    inks.jpegsave(str(paths["jpeg-cmyk"]), Q=80)
    image.pngsave(str(paths["png"]), compression=1)
    turned.pngsave(str(paths["png-interlaced"]), compression=1, interlace=True)
    image.tiffsave(str(paths["tiff"]), compression="lzw")
    image.tiffsave(str(paths["tiff-tiles"]), compression="lzw", tile=True)
    image.extract_band(1).gifsave(str(paths["gif"]), effort=1)
    Image.fromarray(image.numpy()).save(paths["bmp"], format="bmp")
    grid_files.repeated(paths["heic"], np.asarray(scene(512, 512)), *SIDES)
    grid_files.repeated_avif(paths["avif-tiles"], np.asarray(scene(1024, 1024)), *SIDES)
    return paths


@pytest.mark.slow
@pytest.mark.xdist_group("image_memory")  # so that the files are made once
@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize(
    "steps",
    [
        [{"op": "image.resize", "width": 800}],
        [CROP, {"op": "image.resize", "width": 800}],
        [CROP, {"op": "image.resize", "width": 6000}],
        [CROP, {"op": "image.rotate", "angle": 90}],
    ],
    ids=["resize", "crop-small", "crop-large", "turn"],
)
def test_a_hundred_megapixels_fit_in_a_workers_memory(
    large: dict[str, Path], tmp_path: Path, name: str, steps: list[dict[str, Any]]
) -> None:
    arguments = [sys.executable, "-c", RUN, str(large[name]), str(tmp_path), json.dumps(steps)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert int(done.stdout) / 1024 < LIMIT_MB


@pytest.mark.slow
async def test_what_a_decoder_holds_is_held_against_the_steps_memory(tmp_path: Path) -> None:
    source = tmp_path / "large.jpg"
    tile = pyvips.Image.new_from_array(np.asarray(scene(512, 512))).copy(interpretation="srgb")
    image = tile.replicate(SIDES[0] // 512 + 1, SIDES[1] // 512).crop(0, 0, *SIDES)
    image.jpegsave(str(source), Q=80, interlace=True, subsample_mode="off")
    limits = Limits(wall_s=60, cpu_s=60, memory_mb=LIMIT_MB)
    context = Context("image/jpeg", name="large.jpg")
    scratch = tmp_path / "scratch"
    (scratch / "out").mkdir(parents=True)
    task = Task("x", "image.resize", {"width": 800}, scratch / "out", context, limits, source)
    runner = ForkRunner()
    work = Work("project", scratch, [task], [source])
    last = [report async for report in runner.run(work)][-1]
    await runner.close()
    assert isinstance(last, TaskKilled)
    assert last.error.code == "memory_limit"
