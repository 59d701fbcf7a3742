"""Which work belongs in the slow lane, so that nobody waits behind it for a thumbnail."""

import asyncio
import math
import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from mediakiln.stages.derive.heads import Head, head_of
from mediakiln.stages.derive.plan import Plan
from mediakiln.stages.derive.source import Source

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
_PAD: Final = "image.pad"
_SIZING: Final = frozenset({"image.resize", "image.crop", _PAD})
_FRAMES: Final = frozenset({"image/gif", "image/apng"})
_STILL: Final = frozenset({"jpeg", "png", "avif", "tiff"})
_DEAR: Final = frozenset({"avif", "jxl", "gif"})
"""Formats that take several times as long for a pixel as others."""
_USUAL_EFFORT: Final = 6
_MOST_KNOWN: Final = 10_000


@dataclass(frozen=True, slots=True)
class Slowness:
    """From where on work is slow."""

    bytes: int = 30_000_000
    """Of the source."""
    pixels: int = 50_000_000
    """Of the source, or of all that its edits make, one after the other."""
    avif_pixels: int = 1_000_000
    """Of the result, where it is AVIF or another format that is dear to encode."""
    operations: frozenset[str] = frozenset()
    """Edits that are slow by themselves."""


class Judge:
    """Says which lane work belongs to, by what is known, and by the head of the source's file."""

    def __init__(self, limits: Slowness) -> None:
        self._limits = limits
        self._known: OrderedDict[tuple[str, str], tuple[Head, int]] = OrderedDict()

    def is_slow(self, plan: Plan) -> bool:
        """Whether the source's record or the work asked for says so."""
        source, params = plan.source, plan.params
        if any(self._is_slow_source(each) for each in (source, *plan.others.values())):
            return True
        if any(self._is_slow_step(step) for step in params.get("steps", ())):
            return True
        if work(source, params) > self._limits.pixels:
            return True
        format = params.get("format", "auto")
        if source.media_type in _FRAMES and params.get("animated") and format not in _STILL:
            return True
        return self._is_slow_encoding(source, params)

    def _is_slow_source(self, source: Source) -> bool:
        if source.media_type in _SLOW_TYPES or (source.size or 0) > self._limits.bytes:
            return True
        return (source.pixels or 0) > self._limits.pixels

    def _is_slow_encoding(self, source: Source, params: Mapping[str, Any]) -> bool:
        if params.get("quality") == "auto" or params.get("max_bytes"):
            return True  # tries one encoding after another
        if (params.get("effort") or 0) > _USUAL_EFFORT:
            return True
        format = params.get("format")
        dear = format in _DEAR or (format == "webp" and bool(params.get("lossless")))
        return dear and area(source, params) > self._limits.avif_pixels

    def _is_slow_step(self, step: Mapping[str, Any]) -> bool:
        return step.get("op") in self._limits.operations or step.get("position") == "faces"

    async def has_slow_file(self, plan: Plan, path: Path) -> bool:
        """Whether the source's file says so, where its record says nothing; it is read once."""
        source = plan.source
        name = (source.project, source.identity)
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = await asyncio.to_thread(_looked_at, path)
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        head, size = known
        if head.slow:
            return True
        seen = replace(
            source,
            media_type=source.media_type or head.media_type,
            size=source.size or size,
            sides=source.sides or head.sides,
        )
        return self.is_slow(replace(plan, source=seen))


def area(source: Source, params: Mapping[str, Any]) -> float:
    """About how many pixels the result has: those of the last step that names a size."""
    for step in reversed(params.get("steps", ())):
        if _names_a_size(step):
            width, height = _sides(source, step)
            scale = float(step.get("dpr") or 1)
            return width * height * scale * scale
    return float(source.pixels or 0)


def work(source: Source, params: Mapping[str, Any]) -> float:
    """About how many pixels the edits make, one after the other; of unknown sources, the least."""
    pixels, total = float(source.pixels or 0), 0.0
    for step in params.get("steps", ()):
        if _names_a_size(step):
            made = area(source, {"steps": (step,)})
            grows = step.get("enlarge") or step["op"] == _PAD
            pixels = made if grows else min(pixels, made)
        total += pixels
    return total


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


def _looked_at(path: Path) -> tuple[Head, int]:
    with path.open("rb") as file:
        return head_of(file), os.fstat(file.fileno()).st_size
