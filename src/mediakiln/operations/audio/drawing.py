"""A waveform as a picture: one column per pixel, one band per channel."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mediakiln.operations.audio.peaks import Samples

    Edges = npt.NDArray[np.float64]

_THINNEST = 1.0
"""Pixels: silence is still a line."""


class Look(NamedTuple):
    """Size in pixels, and colours as #rrggbb (background None is transparent)."""

    width: int
    height: int
    colour: str
    background: str | None


def png(low: "Samples", high: "Samples", look: Look, target: Path) -> None:
    """Draw (length, channels) extremes as a PNG, edges smoothed by coverage."""
    import numpy as np
    from PIL import Image

    rows = np.arange(look.height)[:, np.newaxis]
    cover = np.zeros((look.height, look.width))
    for top, bottom in _bands(low, high, look):
        cover += np.clip(np.minimum(bottom, rows + 1) - np.maximum(top, rows), 0.0, 1.0)
    alpha = np.clip(cover, 0.0, 1.0)
    ink = np.array(_rgb(look.colour), float)
    if look.background is None:
        pixels = np.empty((look.height, look.width, 4), np.uint8)
        pixels[..., :3] = ink.astype(np.uint8)
        pixels[..., 3] = (alpha * 255).round().astype(np.uint8)
    else:
        paper = np.array(_rgb(look.background), float)
        mixed = paper + alpha[..., np.newaxis] * (ink - paper)
        pixels = mixed.round().astype(np.uint8)
    Image.fromarray(pixels).save(target, format="PNG", optimize=True)


def svg(low: "Samples", high: "Samples", look: Look, target: Path) -> None:
    """Draw (length, channels) extremes as an SVG: one filled outline per channel."""
    paths = []
    for top, bottom in _bands(low, high, look):
        there = [f"{x},{y:.1f}" for x, y in enumerate(top)]
        back = [f"{x},{y:.1f}" for x, y in enumerate(bottom)]
        paths.append(f'<path d="M{" L".join(there + back[::-1])}Z"/>')
    paper = ""
    if look.background is not None:
        paper = f'<rect width="100%" height="100%" fill="{look.background}"/>'
    target.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {look.width} {look.height}" '
        f'width="{look.width}" height="{look.height}" preserveAspectRatio="none">'
        f'{paper}<g fill="{look.colour}">{"".join(paths)}</g></svg>\n',
        encoding="utf-8",
    )


def _bands(low: "Samples", high: "Samples", look: Look) -> "Iterator[tuple[Edges, Edges]]":
    """For each channel, the upper and lower edge of each column in pixels from the top."""
    import numpy as np

    length, channels = low.shape
    column = np.arange(look.width) * length // look.width
    band = look.height / channels
    for channel in range(channels):
        middle = band * (channel + 0.5)
        top = middle - high[column, channel] / 32768 * band / 2
        bottom = middle - low[column, channel] / 32768 * band / 2
        # Each column reaches its neighbour, so that single samples make a line, not dots.
        top[1:], bottom[1:] = (
            np.minimum(top[1:], bottom[:-1]),
            np.maximum(bottom[1:], top[:-1]),
        )
        thin = np.maximum(0.0, _THINNEST - (bottom - top)) / 2
        yield top - thin, bottom + thin


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
