"""What an undecoded image's header says, in words of our own."""

import io
from pathlib import Path
from typing import Any, Final

from mediakiln.operations.image.facts import timing
from mediakiln.operations.image.pixels.picture import Picture, has

_BITS: Final = {
    "uchar": 8,
    "char": 8,
    "ushort": 16,
    "short": 16,
    "uint": 32,
    "int": 32,
    "float": 32,
    "double": 64,
}
_SPACES: Final = {
    "srgb": "RGB",
    "rgb": "RGB",
    "rgb16": "RGB",
    "scrgb": "RGB",
    "b-w": "grey",
    "grey16": "grey",
    "cmyk": "CMYK",
    "lab": "Lab",
    "labs": "Lab",
    "labq": "Lab",
}
_MM_PER_INCH: Final = 25.4


def told(picture: Picture, source: Path) -> dict[str, Any]:
    """Format, size, colour, resolution, animation of a picture that was opened from `source`."""
    header = picture.header
    found: dict[str, Any] = {
        "format": picture.format,
        "width": picture.width,
        "height": picture.height,
        "colour": _colour(picture),
    }
    if has(header, "orientation"):
        found["orientation"] = header.get("orientation")
    density = round(header.xres * _MM_PER_INCH)
    if not picture.vector and density > _MM_PER_INCH:
        found["dpi"] = density
    if picture.format == "jpeg":
        found["progressive"] = has(header, "interlaced")
        if has(header, "jpeg-chroma-subsample"):
            found["chroma"] = header.get("jpeg-chroma-subsample")
    if picture.animated:
        found["animation"] = _animation(picture, source)
    elif picture.frames > 1:
        found["pages"] = picture.frames
    return found


def _colour(picture: Picture) -> dict[str, Any]:
    header = picture.header
    palette = has(header, "palette") and bool(header.get("palette"))
    depth = header.get("bits-per-sample") if has(header, "bits-per-sample") else None
    return {
        "space": _SPACES.get(header.interpretation, header.interpretation),
        "channels": header.bands,
        "bits": depth if depth and not palette else _BITS.get(header.format, 8),
        "alpha": bool(picture.alpha),
        "palette": palette,
        "profile": _profile(picture),
    }


def _profile(picture: Picture) -> str | None:
    """The name that the embedded ICC profile gives itself."""
    if not has(picture.header, "icc-profile-data"):
        return picture.declared.name if picture.declared else None
    from PIL import ImageCms

    data = bytes(picture.header.get("icc-profile-data"))
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        return ImageCms.getProfileDescription(profile).replace("\0", "").strip() or None
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _animation(picture: Picture, source: Path) -> dict[str, Any]:
    header = picture.header
    if picture.format in {"avif", "png"}:
        took, plays = timing.timing(source, picture.format)
        lasting = {} if took is None else {"duration_ms": took}
        return {"frames": picture.frames, **lasting, "loops": plays}
    delays = header.get("delay") if has(header, "delay") else []
    found: dict[str, Any] = {"frames": picture.frames}
    if delays:
        found["duration_ms"] = sum(delays)
    if has(header, "loop"):
        found["loops"] = header.get("loop")
    return found
