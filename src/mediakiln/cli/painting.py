"""A picture of a kiln at dusk, painted by numpy and Pillow."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image as Picture

    Canvas = npt.NDArray[np.float32]

_WIDTH, _HEIGHT = 1600, 1067
_HORIZON = 780
_DOOR = (800, 800)
"""The middle of the kiln's glowing door, in pixels."""


def paint_kiln(target: Path) -> None:
    """Write a JPEG of 1600 x 1067 pixels with grain, like a photo's, and Exif."""
    import numpy as np
    from PIL import Image

    canvas = _hills(_stars(_sky()))
    picture = Image.fromarray(canvas.clip(0, 255).astype(np.uint8))
    _build(picture)
    lit = _glow(np.asarray(picture, np.float32))
    grain = 3.0 * np.random.default_rng(8).standard_normal((_HEIGHT, _WIDTH, 1), np.float32)
    exif = Image.Exif()
    exif[0x010E] = "A kiln at dusk"
    exif[0x010F] = "mediakiln"
    exif[0x0132] = "2026:01:01 18:30:00"
    Image.fromarray((lit + grain).clip(0, 255).astype(np.uint8)).save(
        target, format="JPEG", quality=88, exif=exif
    )


def _sky() -> "Canvas":
    """From deep blue above to ember at the horizon: (height, width, 3)."""
    import numpy as np

    stops = [0, 330, 560, 700, _HORIZON, _HEIGHT]
    shades = np.array(
        [(14, 20, 48), (46, 48, 98), (128, 78, 112), (216, 116, 84), (250, 176, 98), (60, 40, 40)]
    )
    rows = np.arange(_HEIGHT)
    column = np.stack([np.interp(rows, stops, shades[:, part]) for part in range(3)], axis=1)
    column = column.astype(np.float32)
    return np.repeat(column[:, np.newaxis, :], _WIDTH, axis=1)


def _stars(canvas: "Canvas") -> "Canvas":
    import numpy as np

    random = np.random.default_rng(7)
    for x, y, light in zip(
        random.integers(0, _WIDTH, 260),
        (random.random(260) ** 1.6 * 480).astype(int),
        random.uniform(40, 190, 260),
        strict=True,
    ):
        canvas[y : y + 2, x : x + 2] += light * (1 - y / 560)
    return canvas


def _hills(canvas: "Canvas") -> "Canvas":
    """Three ridges, the nearest darkest, and the meadow in front."""
    import numpy as np

    x = np.arange(_WIDTH)
    rows = np.arange(_HEIGHT)[:, np.newaxis]
    ridges = (
        (640, 46, 0.0047, 1.1, (112, 74, 104)),
        (705, 34, 0.0071, 2.7, (74, 50, 80)),
        (760, 22, 0.0113, 0.4, (42, 32, 54)),
        (850, 10, 0.0060, 5.2, (26, 24, 34)),
    )
    for base, height, pace, phase, colour in ridges:
        top = base - height * (np.sin(x * pace + phase) + 0.4 * np.sin(x * pace * 2.7 + phase * 3))
        canvas[rows >= top] = colour
    return canvas


def _build(picture: "Picture") -> None:
    """The kiln itself: a brick dome with a chimney and an arched door."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(picture)
    draw.polygon([(905, 430), (975, 430), (985, 700), (895, 700)], fill=(84, 48, 40))
    draw.rectangle((893, 414, 987, 436), fill=(66, 38, 34))
    draw.chord((500, 480, 1100, 1240), 180, 360, fill=(104, 58, 46))
    draw.rectangle((480, 858, 1120, 900), fill=(58, 40, 40))
    _bricks(draw)
    x, y = _DOOR
    draw.pieslice((x - 118, y - 148, x + 118, y + 88), 180, 360, fill=(50, 28, 26))
    draw.rectangle((x - 118, y - 32, x + 118, 860), fill=(50, 28, 26))
    for inset, colour in ((16, (236, 92, 26)), (40, (255, 158, 48)), (66, (255, 226, 140))):
        reach = 118 - inset
        arch = (x - reach, y - 32 - reach, x + reach, y - 32 + reach)
        draw.pieslice(arch, 180, 360, fill=colour)
        draw.rectangle((x - reach, y - 32, x + reach, 858), fill=colour)


def _bricks(draw: object) -> None:
    """Joints in courses, each half a brick on from the one below, inside the dome's outline."""
    import math

    from PIL import ImageDraw

    assert isinstance(draw, ImageDraw.ImageDraw)  # noqa: S101 - the caller's own
    for course, y in enumerate(range(500, 858, 22)):
        reach = 300 * math.sqrt(max(0.0, 1 - ((860 - y) / 380) ** 2))
        draw.line((800 - reach, y, 800 + reach, y), fill=(76, 42, 36), width=2)
        start = int(800 - reach) + (25 if course % 2 else 0)
        for x in range(start - start % 50 + (25 if course % 2 else 0), int(800 + reach), 50):
            if x > 800 - reach:
                draw.line((x, y, x, y + 22), fill=(76, 42, 36), width=2)


def _glow(canvas: "Canvas") -> "Canvas":
    """Firelight: warm, falling off with distance, flattened on the ground."""
    import numpy as np

    x, y = _DOOR
    across = (np.arange(_WIDTH, dtype=np.float32) - x) / 1.25
    down = np.arange(_HEIGHT, dtype=np.float32)[:, np.newaxis] - y
    far = np.hypot(across, down)
    light = np.minimum(0.85 * np.exp(-far / 170) + 0.25 * np.exp(-far / 520), 1.0)
    # Screen blending: what is bright already gains little.
    warm = np.array([1.0, 0.588, 0.235], np.float32) * light[..., np.newaxis]
    lit: Canvas = 255 - (255 - canvas) * (1 - warm)
    return lit
