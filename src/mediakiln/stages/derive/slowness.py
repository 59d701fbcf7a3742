"""Which work belongs in the slow lane, so that nobody waits behind it for a thumbnail."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mediakiln.stages.derive.plan import Plan
from mediakiln.stages.derive.source import Source

HEAD_BYTES: Final = 64 * 1024
_SLOW_TYPES: Final = frozenset(
    {
        "image/heic",
        "image/heif",
        "image/avif",
        "image/jp2",
        "image/jpx",
        "image/jpeg2000",
        "image/j2c",
        "image/svg+xml",
    }
)
"""Their decoders do not shrink while they decode, or draw for as long as it takes."""
_SIZING: Final = frozenset({"image.resize", "image.crop", "image.pad"})
_FRAMES: Final = frozenset({"image/gif", "image/apng"})
_STILL: Final = frozenset({"jpeg", "png", "avif", "tiff"})
_START_OF_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_SEGMENT: Final = 4
_MOST_KNOWN: Final = 10_000


@dataclass(frozen=True, slots=True)
class Slowness:
    """From where on work is slow."""

    bytes: int = 30_000_000
    """Of the source."""
    pixels: int = 50_000_000
    """Of the source."""
    avif_pixels: int = 1_000_000
    """Of the result, where it is AVIF."""
    operations: frozenset[str] = frozenset()
    """Edits that are slow by themselves."""


class Judge:
    """Says which lane work belongs to, by what is known, and by the head of the source's file."""

    def __init__(self, limits: Slowness) -> None:
        self._limits = limits
        self._known: OrderedDict[tuple[str, str], bool] = OrderedDict()

    def is_slow(self, plan: Plan) -> bool:
        """Whether the source's record or the work asked for says so."""
        source, params = plan.source, plan.params
        if source.media_type in _SLOW_TYPES or (source.size or 0) > self._limits.bytes:
            return True
        if (source.pixels or 0) > self._limits.pixels:
            return True
        if any(self._is_slow_step(step) for step in params.get("steps", ())):
            return True
        format = params.get("format", "auto")
        if source.media_type in _FRAMES and params.get("animated") and format not in _STILL:
            return True
        if params.get("quality") == "auto" or params.get("max_bytes"):
            return True  # tries one encoding after another
        return format == "avif" and area(source, params) > self._limits.avif_pixels

    def _is_slow_step(self, step: Mapping[str, Any]) -> bool:
        return step.get("op") in self._limits.operations or step.get("position") == "faces"

    async def has_slow_head(self, source: Source, path: Path) -> bool:
        """Whether the file is a progressive JPEG or an animated WebP; reads its head once."""
        name = (source.project, source.identity)
        known = self._known.get(name)
        if known is None:
            known = slow_head(await asyncio.to_thread(_head, path))
            self._known[name] = known
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return known


def area(source: Source, params: Mapping[str, Any]) -> float:
    """About how many pixels the result has: those of the last step that names a size."""
    for step in reversed(params.get("steps", ())):
        if _names_a_size(step):
            width, height = _sides(source, step)
            scale = float(step.get("dpr") or 1)
            return width * height * scale * scale
    return float(source.pixels or 0)


def _names_a_size(step: Mapping[str, Any]) -> bool:
    """Whether a step says in pixels how large the image becomes, and not how large a mark is."""
    sides = (step.get("width"), step.get("height"))
    if step.get("op") not in _SIZING or any(isinstance(side, str) for side in sides):
        return False
    return any(sides)


def _sides(source: Source, step: Mapping[str, Any]) -> tuple[float, float]:
    """The sides that a step gives; where the source's are known, one follows from the other."""
    width, height = step.get("width"), step.get("height")
    if source.sides is None or (width and height and step.get("fit") != "inside"):
        return float(width or height or 0), float(height or width or 0)
    across, down = source.sides
    scale = min(float(width or math.inf) / across, float(height or math.inf) / down)
    return across * scale, down * scale


def slow_head(head: bytes) -> bool:
    """Whether a file that begins so is a progressive JPEG (ITU T.81, B.1.1) or a moving WebP."""
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":
        return bool(head[20] & 0x02) if len(head) > 20 else False  # noqa: PLR2004 - its flags
    if head[:3] != b"\xff\xd8\xff":
        return False
    at = 2
    while at + _SEGMENT <= len(head) and head[at] == 0xFF:  # noqa: PLR2004 - every marker's first byte
        marker = head[at + 1]
        if marker in _START_OF_FRAME:
            return marker in _PROGRESSIVE
        if marker == 0xFF:  # noqa: PLR2004 - a fill byte
            at += 1
        elif marker in _ALONE:
            at += 2
        else:
            at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return False


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)
