"""What an encoder is told: libvips' options for every format, and the steps of its quality."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mediakiln.operations.image.pixels.encoding import Encoding
    from mediakiln.operations.image.pixels.formats import Output

_QUALITY: dict["Output", int] = {"jpeg": 80, "webp": 80, "avif": 55, "jxl": 80}
_EFFORT: dict["Output", tuple[int, int, int]] = {
    "webp": (0, 6, 4),
    "avif": (0, 9, 3),
    "gif": (1, 10, 7),
    "png": (0, 9, 5),
    "tiff": (0, 9, 6),
    "jpeg": (0, 9, 5),
    "jxl": (1, 9, 4),
}
"""The encoder's least and greatest effort, and what is used when nobody says."""
_FULL_COLOURS = 256
_SAVERS: dict["Output", str] = {
    "jpeg": "jpegsave",
    "webp": "webpsave",
    "avif": "heifsave",
    "png": "pngsave",
    "gif": "gifsave",
    "tiff": "tiffsave",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """One way to encode."""

    output: "Output"
    quality: int | None
    """None where the format has none, or its pixels are kept as they are."""
    colours: int | None
    """Of a palette; None without one."""
    encoding: "Encoding"
    bits: int | None = None
    """Bits a channel in AVIF; None for what the pixels have."""
    least: int = 2
    """Colours of the smallest palette that shows the picture."""

    @property
    def saver(self) -> str:
        """Libvips' operation, without its suffix for buffers."""
        return _SAVERS[self.output]

    @property
    def effort(self) -> int:
        """On the encoder's own scale."""
        least, greatest, usual = _EFFORT[self.output]
        if self.encoding.effort is None:
            return usual
        return least + round(self.encoding.effort / 9 * (greatest - least))

    def options(self) -> dict[str, Any]:
        """Libvips' options, but for what is kept of metadata."""
        return _OPTIONS[self.output](self)


def plain(encoding: "Encoding", output: "Output", bits: int | None = None) -> Settings:
    """The settings that the parameters name; `quality: auto` counts as the format's usual one."""
    quality = encoding.quality if isinstance(encoding.quality, int) else None
    quality = next((q for name, q in encoding.qualities.items() if name == output), quality)
    colours = encoding.colours
    if output == "gif":
        quality = None
    elif output == "png":
        if quality is not None and not encoding.lossless:
            colours = colours or _FULL_COLOURS
    elif encoding.lossless:
        quality = None
    elif output != "tiff":
        quality = quality or _QUALITY[output]
    return Settings(output, quality, colours, encoding, bits)


def ladder(top: Settings, *, to_best: bool) -> list[Settings]:
    """Every setting from the smallest file to `top`, or to the best there is; worst first."""
    if top.output in {"png", "gif"}:
        most = None if to_best else top.colours
        sizes = [2, 4, 16] if top.output == "png" else [2, 4, 8, 16, 32, 64, 128]
        sizes = [n for n in sizes if n >= top.least and (most is None or n < most)]
        rungs = [replace(top, colours=n) for n in sizes]
        if top.output == "png" and most is None:
            rungs.append(replace(top, colours=_FULL_COLOURS))
        return [*rungs, replace(top, colours=most)]
    best = 100 if to_best else top.quality or 100
    return [replace(top, quality=n) for n in range(1, best + 1)]


def _jpeg(settings: Settings) -> dict[str, Any]:
    return {
        "Q": settings.quality,
        "interlace": settings.encoding.progressive,
        "optimize_coding": settings.effort > 0,
        "subsample_mode": _CHROMA[settings.encoding.chroma],
    }


def _webp(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {"effort": settings.effort}
    if settings.quality is None:
        return options | {"lossless": True}
    return options | {
        "Q": settings.quality,
        "smart_subsample": settings.encoding.chroma == "4:4:4",
    }


def _avif(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {"compression": "av1", "effort": settings.effort}
    if settings.bits is not None:
        options["bitdepth"] = settings.bits
    if settings.quality is None:
        return options | {"lossless": True}
    return options | {
        "Q": settings.quality,
        "subsample_mode": _CHROMA[settings.encoding.chroma],
    }


def _png(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "interlace": settings.encoding.progressive,
        "compression": settings.effort,
    }
    if settings.colours is None:
        # Photographs become a third smaller than without filters; indices would grow.
        return options | {"filter": "all"}
    options |= {"palette": True, "bitdepth": _bits(settings.colours, (1, 2, 4, 8))}
    return options | _dither(settings) | ({"Q": settings.quality} if settings.quality else {})


def _gif(settings: Settings) -> dict[str, Any]:
    options = {"effort": settings.effort, **_dither(settings)}
    if settings.colours is None:
        return options
    return options | {"bitdepth": _bits(max(settings.colours, settings.least), range(1, 9))}


def _tiff(settings: Settings) -> dict[str, Any]:
    if settings.quality is not None:
        return {"compression": "jpeg", "Q": settings.quality}
    return {"compression": "deflate", "predictor": "horizontal"}


def _dither(settings: Settings) -> dict[str, Any]:
    return {} if settings.encoding.dither is None else {"dither": settings.encoding.dither}


def _bits(colours: int, depths: Any) -> int:
    """The least depth of a palette index that can number the colours."""
    return next(int(depth) for depth in depths if 2**depth >= colours)


_CHROMA: Final = {"auto": "auto", "4:2:0": "on", "4:4:4": "off"}
_OPTIONS: Final = {
    "jpeg": _jpeg,
    "webp": _webp,
    "avif": _avif,
    "png": _png,
    "gif": _gif,
    "tiff": _tiff,
}
