"""Small images made by Pillow: another route than the one under test."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageDraw

RED, GREEN, BLUE, WHITE = (230, 30, 30), (30, 200, 60), (40, 60, 220), (250, 250, 250)


def scene(width: int = 256, height: int = 160) -> Image.Image:
    """Red, green, blue and white quarters under a ramp and a circle: no symmetry, soft edges."""
    image = Image.new("RGB", (width, height), WHITE)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 2, height // 2), fill=RED)
    draw.rectangle((width // 2, 0, width, height // 2), fill=GREEN)
    draw.rectangle((0, height // 2, width // 2, height), fill=BLUE)
    draw.ellipse((width // 3, height // 3, width * 2 // 3, height * 2 // 3), fill=(120, 90, 200))
    ramp = np.linspace(0.7, 1.0, width)[None, :, None]
    return Image.fromarray((np.asarray(image) * ramp).astype("uint8"))


def saved(image: Image.Image, path: Path, **options: Any) -> Path:
    """Save by the path's extension and hand the path back."""
    image.save(path, **options)
    return path


def srgb_profile() -> bytes:
    """LittleCMS' own sRGB profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """An sRGB profile whose red and blue primaries changed places: ignoring it shows at once."""
    data = bytearray(srgb_profile())
    tags = {bytes(data[i : i + 4]): i for i in range(132, 132 + 12 * data[131], 12)}
    red, blue = tags[b"rXYZ"] + 4, tags[b"bXYZ"] + 4
    data[red : red + 8], data[blue : blue + 8] = data[blue : blue + 8], data[red : red + 8]
    return bytes(data)


def frames(count: int = 4, size: tuple[int, int] = (64, 40)) -> list[Image.Image]:
    """A white square that walks to the right over a dark ground."""
    made = []
    for n in range(count):
        image = Image.new("RGB", size, (20, 40, 60))
        left = n * size[0] // count
        ImageDraw.Draw(image).rectangle((left, 8, left + 11, 31), fill=WHITE)
        made.append(image)
    return made


def pixels(path: Path, mode: str = "RGB") -> np.ndarray:
    """An image's pixels as floats, height x width x channels."""
    with Image.open(path) as image:
        return np.asarray(image.convert(mode), dtype=float)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB; above 30 two images look alike."""
    assert one.shape == other.shape, (one.shape, other.shape)
    error = float(np.mean((one - other) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))
