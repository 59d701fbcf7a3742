"""What recognisers give: things with a place in the upright image."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from mediakiln.model.product import Product

Pixels: TypeAlias = Any
"""A numpy array, height x width x 3 bytes: red, green, blue."""
MAX_TOLD = 100
"""Things that the asset's record names; the product's file names all."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright image, or of whatever was looked at."""

    left: float
    top: float
    width: float
    height: float

    def scaled(self, factor: float) -> "Box":
        """The same place in an image `factor` times as large."""
        return Box(*(round(side * factor, 1) for side in self.sides()))

    def sides(self) -> tuple[float, float, float, float]:
        """Left, top, width, height."""
        return self.left, self.top, self.width, self.height


@dataclass(frozen=True, slots=True)
class Found:
    """One thing."""

    box: Box
    confidence: float | None = None
    """0 to 1, where the recogniser gives one."""
    text: str | None = None
    """What is written there, or what the code says."""
    format: str | None = None
    """Of a code: QRCode, EAN13, …."""

    def told(self) -> dict[str, Any]:
        """As JSON, without what it lacks."""
        left, top, width, height = self.box.sides()
        box = {"left": left, "top": top, "width": width, "height": height}
        rest = {"confidence": self.confidence, "text": self.text, "format": self.format}
        return {"box": box} | {name: value for name, value in rest.items() if value is not None}


Recogniser: TypeAlias = Callable[[Pixels], Sequence[Found]]
"""Looks for one sort of thing. Boxes are in the pixels that it was given."""


def write(found: Sequence[Found], out: Path, name: str, size: tuple[int, int]) -> Product:
    """Write `{name}.json`: the image's `width` and `height`, and `{name}`, a list of things."""
    width, height = size
    told = [thing.told() for thing in found]
    whole = {"width": width, "height": height, name: told}
    (out / f"{name}.json").write_text(
        json.dumps(whole, indent=2, ensure_ascii=False), encoding="utf-8"
    )
    return Product(
        file=f"{name}.json",
        media_type="application/json",
        metadata={"count": len(told), name: told[:MAX_TOLD]},
    )
