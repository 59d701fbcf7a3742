"""Write a libvips image in one of the output formats."""

from pathlib import Path
from typing import Any

from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.operations.image.pixels.formats import Output, default_output
from mediakiln.operations.image.pixels.picture import Picture

OPAQUE: frozenset[Output] = frozenset({"jpeg"})
"""Formats without transparency."""
ANIMATED: frozenset[Output] = frozenset({"gif", "webp"})
"""Formats that hold frames."""

_QUALITY: dict[Output, int] = {"jpeg": 80, "webp": 80, "avif": 55}
_EFFORT: dict[Output, tuple[int, int, int]] = {
    "webp": (0, 6, 4),
    "avif": (0, 9, 3),
    "gif": (1, 10, 7),
    "png": (0, 9, 6),
    "tiff": (0, 9, 6),
    "jpeg": (0, 9, 0),
}
"""The encoder's least and greatest effort, and what is used when nobody says."""


def output_of(encoding: Encoding, opened: Picture) -> Output:
    """The format of the result, where `auto` depends on the source."""
    if encoding.format != "auto":
        return encoding.format
    return default_output(opened.format, alpha=opened.alpha, lossless=encoding.lossless)


def save(image: Any, path: Path, output: Output, params: Encoding) -> None:
    """Encode straight into the file. Nothing of the source's metadata goes with it."""
    options: dict[str, Any] = {"keep": "icc" if params.metadata == "icc" else "none"}
    options |= _OPTIONS[output](params)
    getattr(image, _SAVERS[output])(str(path), **options)


def _quality(params: Encoding, output: Output) -> int:
    return params.quality or _QUALITY[output]


def _effort(params: Encoding, output: Output) -> int:
    least, greatest, usual = _EFFORT[output]
    if params.effort is None:
        return usual
    return least + round(params.effort / 9 * (greatest - least))


def _jpeg(params: Encoding) -> dict[str, Any]:
    return {
        "Q": _quality(params, "jpeg"),
        "interlace": params.progressive,
        "optimize_coding": _effort(params, "jpeg") > 0,
    }


def _webp(params: Encoding) -> dict[str, Any]:
    return {
        "Q": _quality(params, "webp"),
        "lossless": params.lossless,
        "effort": _effort(params, "webp"),
    }


def _avif(params: Encoding) -> dict[str, Any]:
    return {
        "compression": "av1",
        "Q": _quality(params, "avif"),
        "lossless": params.lossless,
        "effort": _effort(params, "avif"),
    }


def _png(params: Encoding) -> dict[str, Any]:
    options: dict[str, Any] = {
        "interlace": params.progressive,
        "compression": _effort(params, "png"),
    }
    if params.quality is not None and not params.lossless:
        options |= {"palette": True, "Q": params.quality}
    return options


def _gif(params: Encoding) -> dict[str, Any]:
    return {"effort": _effort(params, "gif")}


def _tiff(params: Encoding) -> dict[str, Any]:
    if params.quality is not None and not params.lossless:
        return {"compression": "jpeg", "Q": params.quality}
    return {"compression": "deflate", "predictor": "horizontal"}


_SAVERS: dict[Output, str] = {
    "jpeg": "jpegsave",
    "webp": "webpsave",
    "avif": "heifsave",
    "png": "pngsave",
    "gif": "gifsave",
    "tiff": "tiffsave",
}
_OPTIONS = {
    "jpeg": _jpeg,
    "webp": _webp,
    "avif": _avif,
    "png": _png,
    "gif": _gif,
    "tiff": _tiff,
}
