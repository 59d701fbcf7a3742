"""What imgproxy's processing options ask for."""

from dataclasses import dataclass, field
from typing import Final

from mediakiln.web.derive.imgproxy.words import Gravity

FORMATS: Final = {
    "jpg": "jpeg",
    "jpeg": "jpeg",
    "png": "png",
    "webp": "webp",
    "avif": "avif",
    "gif": "gif",
    "tiff": "tiff",
    "tif": "tiff",
    "jxl": "jxl",
}
"""imgproxy's names of formats and ours."""
SOURCES: Final = FORMATS | {name: name for name in ("svg", "heic", "bmp", "ico", "jp2")}
"""The same of formats that are read."""
SIDE: Final = 16_383
"""Pixels: the largest side of a result."""
RESIZINGS: Final = ("fit", "fill", "fill-down", "force", "auto")


@dataclass(slots=True)
class Extend:
    """Extending to a box or its shape."""

    gravity: Gravity = field(default_factory=Gravity)
    wanted: bool = True


@dataclass(slots=True)
class Crop:
    """What is kept before resizing: pixels, or below 1 a share of the side; 0 is all of it."""

    width: float
    height: float
    gravity: Gravity | None


@dataclass(slots=True)
class Trim:
    """Removing a border."""

    threshold: float
    colour: str | None
    equal_horizontal: bool
    equal_vertical: bool


@dataclass(slots=True)
class Mark:
    """The watermark; none where its opacity is 0."""

    opacity: float
    position: str = "centre"
    tile: bool = False
    x: float = 0.0
    y: float = 0.0
    scale: float = 0.0


@dataclass(slots=True)
class Options:
    """Everything that an address asks for."""

    resizing: str = "fit"
    width: int = 0
    height: int = 0
    min_width: int = 0
    min_height: int = 0
    zoom: tuple[float, float] = (1.0, 1.0)
    dpr: float = 1.0
    enlarge: bool = False
    extend: Extend | None = None
    extend_ratio: Extend | None = None
    gravity: Gravity = field(default_factory=Gravity)
    crop: Crop | None = None
    trim: Trim | None = None
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    auto_rotate: bool = True
    rotate: int = 0
    flip: tuple[bool, bool] = (False, False)
    background: str | None = None
    blur: float = 0.0
    sharpen: float = 0.0
    pixelate: int = 0
    brightness: float = 0.0
    contrast: float = 1.0
    saturation: float = 1.0
    mark: Mark | None = None
    strip_metadata: bool = True
    keep_copyright: bool = True
    strip_profile: bool = True
    quality: int = 0
    qualities: dict[str, int] = field(default_factory=dict)
    max_bytes: int = 0
    format: str | None = None
    raw: bool = False
    skipped: tuple[str, ...] = ()
    attachment: bool = False
    filename: str | None = None
    expires: float | None = None
    version: str | None = None
