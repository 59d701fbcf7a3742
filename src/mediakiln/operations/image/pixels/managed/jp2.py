"""What Pillow leaves of a JPEG 2000: its profile, and colours of more than 8 bits.

Of deep colours Pillow keeps 8 bits, and makes white black (its rounding goes beyond a byte).
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyvips

from mediakiln.model.errors import ModelUnavailable, UnsupportedMedia
from mediakiln.operations.image.pixels import engine
from mediakiln.operations.image.pixels.managed import space
from mediakiln.operations.image.pixels.managed.declared import boxes
from mediakiln.operations.image.pixels.managed.target import BYTE, DEEP

HEAD_BYTES: Final = 1 << 20
"""Of a file: more than its header and a profile."""

_CODESTREAM: Final = b"\xff\x4f\xff\x51"
_SIZE: Final = struct.Struct(">8xIIII16xH")
_DEPTH_MASK: Final = 0x7F
_SIGNED: Final = 0x80
_PROFILE_METHODS: Final = frozenset({2, 3})
_NUMBERED: Final = 7
"""Bytes of a colour specification that names a space by its number, in the last four."""
_RGB, _GREY = 16, 17
_SPACES: Final = {b"RGB ": _RGB, b"GRAY": _GREY}
"""Of profiles that fit pixels as Pillow gives them."""
_MODES: Final = {2: "grey16", 3: "rgb16", 4: "rgb16"}
"""How libvips calls pixels of so many channels, the last of an even number transparency."""


@dataclass(frozen=True, slots=True)
class Header:
    """What is known before anything is decoded."""

    width: int
    height: int
    depths: tuple[int, ...]
    """Bits of every channel."""
    plain: bool
    """Whether the channels are whole numbers from 0 on, of grey or RGB."""
    profile: bytes | None
    start: int
    """Where the codestream begins."""

    @property
    def deep(self) -> bool:
        """Whether Pillow would lose some of its colours; of grey alone it loses nothing."""
        return len(self.depths) > 1 and max(self.depths) > BYTE


def header(path: Path) -> Header | None:
    """Of a file or a bare codestream (ISO/IEC 15444-1, sections A.5.1 and I.5.3); None without.

    What is damaged is left to who decodes it.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    at = head.find(_CODESTREAM)
    try:
        right, bottom, left, top, channels = _SIZE.unpack_from(head, at)
        said = head[at + _SIZE.size :][: 3 * channels : 3]
    except struct.error:
        return None
    if at < 0 or not said or len(said) < channels:
        return None
    named, profile = _colours(head[:at])
    plain = named in {None, _RGB, _GREY} and not any(each & _SIGNED for each in said)
    depths = tuple((each & _DEPTH_MASK) + 1 for each in said)
    return Header(right - left, bottom - top, depths, plain, profile, at)


def deep(path: Path, found: Header) -> Any:
    """Its pixels: a libvips image of 16 bits a channel.

    Raises:
        BadMedia: it is damaged.
        UnsupportedMedia: its channels are not grey or RGB, or not alike.
        ModelUnavailable: the extra jxl, which has the decoder, is not installed.
    """
    bits, bands = found.depths[0], len(found.depths)
    if not found.plain or bands not in _MODES or set(found.depths) != {bits} or bits > DEEP:
        raise UnsupportedMedia("JPEG 2000 of these channels is not decoded here")
    pixels = _decoded(path, found.start)
    if pixels.shape != (found.height, found.width, bands) or pixels.dtype.name != "uint16":
        raise UnsupportedMedia("JPEG 2000 of these channels is not decoded here")
    image = pyvips.Image.new_from_memory(
        (pixels << (DEEP - bits)).tobytes(), found.width, found.height, bands, "ushort"
    )
    image = space.stretched(image, bits).copy(interpretation=_MODES[bands])
    image.set_type(pyvips.GValue.gint_type, "bits-per-sample", bits)
    return image


def _decoded(path: Path, start: int) -> Any:
    """The codestream alone, whose colours the decoder cannot know: else it converts them itself."""
    try:
        import imagecodecs
    except ImportError as error:
        raise ModelUnavailable(
            "JPEG 2000 of more than 8 bits needs imagecodecs, which is not installed",
            hint="pip install 'mediakiln[jxl]'",
        ) from error
    with path.open("rb") as file:
        file.seek(start)
        data = file.read()
    try:
        return imagecodecs.jpeg2k_decode(data, numthreads=1)
    except MemoryError:
        raise
    except Exception as error:
        raise engine.damaged(error) from error


def _colours(head: bytes) -> tuple[int | None, bytes | None]:
    """The number of the colour space (section I.5.3.3), and the profile; neither in a codestream.

    0 is a space that no pixels are decoded from here.
    """
    whole = boxes(head, 0, len(head))
    inside = [span for kind, *span in whole if kind == b"jp2h"]
    said = [
        head[start:end]
        for first, last in inside
        for kind, start, end in boxes(head, first, last)
        if kind == b"colr"
    ]
    for each in said:
        if each[:1] and each[0] in _PROFILE_METHODS:
            named = _SPACES.get(each[3 + 16 : 3 + 20])
            return (named, each[3:]) if named else (0, None)
        if len(each) >= _NUMBERED:
            return int.from_bytes(each[3:_NUMBERED]), None
    return None, None
