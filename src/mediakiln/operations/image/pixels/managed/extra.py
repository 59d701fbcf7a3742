"""Channels of a TIFF beyond colours and transparency: selections, spot inks, further bands."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mediakiln.operations.image.pixels import engine

_COLOURS: Final[Mapping[str, int]] = {"b-w": 1, "grey16": 1, "cmyk": 4}
_RGB: Final = 3
_EXTRA_SAMPLES: Final = 338
_TRANSPARENCY: Final = frozenset({1, 2})
"""Of the values of ExtraSamples (TIFF 6.0, section 18): associated alpha, and unassociated."""
_HEAD, _BIG_HEAD = 8, 16


@dataclass(frozen=True, slots=True)
class Shown:
    """The channels of an opened TIFF that show something, where it has others, too."""

    source: Any
    """Its libvips source."""
    channels: int

    def opened(self) -> Any:
        """The whole image, lazily: a libvips image that can be read once from top to bottom.

        Raises:
            pyvips.Error: the file is damaged.
        """
        return self.of(engine.loaded(self.source, "tiff", access="sequential"))

    def of(self, image: Any) -> Any:
        """These channels of an image."""
        return image.extract_band(0, n=self.channels)


def shown(source: Any, header: Any, path: Path) -> Shown | None:
    """What of a TIFF is shown; None where all of it is.

    A single channel beyond the colours is taken for transparency, as libvips does; of several
    the first is if the file says so.
    """
    colours = _COLOURS.get(header.interpretation, _RGB)
    if header.bands <= colours + 1:
        return None
    return Shown(source, colours + (_first_extra(path) in _TRANSPARENCY))


def _first_extra(path: Path) -> int | None:
    """What the file's first image says its first channel beyond the colours means."""
    from PIL import TiffImagePlugin

    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            if head[2] == 43 or head[3] == 43:  # noqa: PLR2004 - BigTIFF
                head += file.read(_BIG_HEAD - _HEAD)
            directory = TiffImagePlugin.ImageFileDirectory_v2(head)
            file.seek(directory.next)
            directory.load(file)
            kinds = directory.get(_EXTRA_SAMPLES, ())
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - what a damaged directory raises follows no rule
        return None
    return kinds[0] if isinstance(kinds, tuple) and kinds else None
