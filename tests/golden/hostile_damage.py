"""Sound files of every format, cut and overwritten: name to bytes."""

import tempfile
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from golden import deep_files
from golden.hostile_rasters import Maker, encoded
from golden.image_samples import scene

FORMATS = [
    "JPEG",
    "PNG",
    "WEBP",
    "AVIF",
    "GIF",
    "TIFF",
    "BMP",
    "ICO",
    "JPEG2000",
    "QOI",
    "PPM",
    "HEIC",
]
if find_spec("imagecodecs"):
    FORMATS.append("JXL")


@cache
def _sound(format: str) -> bytes:
    if format == "HEIC":
        with tempfile.TemporaryDirectory() as folder:
            return deep_files.heic(Path(folder) / "x.heic", 8).read_bytes()
    if format == "JXL":
        import imagecodecs

        return bytes(imagecodecs.jpegxl_encode(np.asarray(scene(96, 64))))
    return encoded(format)


def _noise(format: str, seed: int) -> bytes:
    """A sound file with one byte in a hundred changed, behind its signature."""
    data = np.frombuffer(_sound(format), np.uint8).copy()
    random = np.random.default_rng(seed)
    places = random.integers(16, len(data), max(4, len(data) // 100))
    data[places] = random.integers(0, 256, len(places))
    return data.tobytes()


def damaged() -> dict[str, Maker]:
    """Files of every format: empty but for their signature, cut at several points, overwritten."""
    made: dict[str, Maker] = {}
    for format in FORMATS:
        for part in (0.01, 0.1, 0.5, 0.95):
            made[f"cut-{part}-{format}"] = partial(_cut, format, part)
        for seed in (1, 2):
            made[f"noise-{seed}-{format}"] = partial(_noise, format, seed)
    return made


def _cut(format: str, part: float) -> bytes:
    whole = _sound(format)
    return whole[: max(13, int(len(whole) * part))]
