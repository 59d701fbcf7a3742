"""Interlaced PNG (third edition, section 8) without all of its pixels in memory.

Decoders hold an interlaced image whole. Each of its seven passes is an image of its own, though,
stored as one that is not interlaced: each becomes such a file, and they are read side by side.
"""

import shutil
import struct
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyvips

from mediakiln.model.errors import BadMedia
from mediakiln.operations.image.pixels import engine

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
LARGE_BYTES: Final = 64 * 1024 * 1024
"""Of pixels from which on this is worth its time: as much again as decoding."""
PACKED_BYTES: Final = 384 * 1024 * 1024
"""Of pixels from which on the passes are packed, quickly, to leave room on the disc."""

_HEADER: Final = struct.Struct(">IIBBBBB")
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Of a pixel, by colour type."""
_ORIGINS: Final = ((0, 0), (4, 0), (0, 4), (2, 0), (0, 2), (1, 0), (0, 1))
_STRIDES: Final = ((8, 8), (8, 8), (4, 8), (4, 4), (2, 4), (2, 2), (1, 2))
"""Where each pass begins, and how far apart its pixels are: across, down."""
_NEEDED: Final = frozenset({b"PLTE", b"tRNS"})
_PIECE: Final = 1 << 16


def vast(format: str, header: Any) -> bool:
    """Whether an opened image is one that is better read so."""
    if format != "png" or not header.get_typeof("interlaced"):
        return False
    sample = 1 if header.format == "uchar" else 2
    return bool(header.width * header.height * header.bands * sample > LARGE_BYTES)


class Passes:
    """The passes of a file; `header` is the image as libvips opens it.

    They are written on first use, each into a file in the job's temporary folder, and go when
    this object does.
    """

    def __init__(self, path: Path, header: Any) -> None:
        self._path = path
        self._header = header
        self._folder: Path | None = None
        self._sizes: list[tuple[int, int]] = []

    def opened(self) -> Any:
        """The whole image, lazily: a libvips image that can be read once from top to bottom.

        Raises:
            BadMedia, pyvips.Error: the file is damaged.
        """
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="passes-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            with self._path.open("rb") as file:
                self._sizes = _taken_apart(file, self._folder)
        image = _opened(self._folder / "0")
        for number, size in enumerate(self._sizes[1:], start=1):
            if all(size):
                further = _opened(self._folder / str(number))
                image = _columns(image, further) if number % 2 else _rows(image, further)
        image = image.crop(0, 0, self._header.width, self._header.height)
        return engine.carrying(image, self._header)


def _opened(path: Path) -> Any:
    source = engine.open_source(path)
    return pyvips.Image.new_from_source(source, "fail_on=error", access="sequential")


def _columns(even: Any, odd: Any) -> Any:
    """Columns of two images by turns."""
    if odd.width < even.width:
        odd = odd.embed(0, 0, even.width, odd.height)
    return even.bandjoin(odd).bandunfold(factor=2)


def _rows(even: Any, odd: Any) -> Any:
    """Rows of two images by turns."""
    width, height = min(even.width, odd.width), 2 * even.height
    one = pyvips.Image.black(width, 1)
    which = one.join(one.invert(), "vertical").copy_memory().replicate(1, even.height)
    if odd.height < even.height:
        odd = odd.embed(0, 0, odd.width, even.height)
    even, odd = (image.crop(0, 0, width, image.height).zoom(1, 2) for image in (even, odd))
    return which.ifthenelse(odd, even).crop(0, 0, width, height)


def _taken_apart(file: BinaryIO, folder: Path) -> list[tuple[int, int]]:
    """Write the passes; their sizes."""
    file.seek(len(SIGNATURE) + 8)
    width, height, depth, colours, *_ = _HEADER.unpack(file.read(_HEADER.size))
    bits = depth * _SAMPLES[colours]
    file.seek(len(SIGNATURE))
    data = _Inflated(file)
    sizes = [
        (max(0, -((left - width) // across)), max(0, -((top - height) // down)))
        for (left, top), (across, down) in zip(_ORIGINS, _STRIDES, strict=True)
    ]
    needed = [down * (1 + (across * bits + 7) // 8) for across, down in sizes]
    packs = sum(needed) > PACKED_BYTES
    for number, (across, down) in enumerate(sizes):
        if across and down:
            with (folder / str(number)).open("wb") as out:
                header = _HEADER.pack(across, down, depth, colours, 0, 0, 0)
                _write(out, header, data, needed[number], packs=packs)
    data.check()
    return sizes


def _write(out: BinaryIO, header: bytes, data: "_Inflated", needed: int, *, packs: bool) -> None:
    out.write(SIGNATURE + _chunk(b"IHDR", header))
    packer = zlib.compressobj(1, strategy=zlib.Z_RLE) if packs else zlib.compressobj(0)
    for position, piece in enumerate(data.take(needed)):
        if not position:
            out.writelines(_chunk(kind, data.before[kind]) for kind in data.before)
        out.write(_chunk(b"IDAT", packer.compress(piece)))
    out.write(_chunk(b"IDAT", packer.flush()) + _chunk(b"IEND", b""))


class _Inflated:
    """The rows of all passes, one behind another, as they come out of a file."""

    def __init__(self, file: BinaryIO) -> None:
        self.before: dict[bytes, bytes] = {}
        """What stands before the pixels and says what they mean."""
        self._packed = self._pieces(file)
        self._inflater = zlib.decompressobj()
        self._left = b""

    def take(self, count: int) -> Iterator[bytes]:
        """So many bytes, in pieces."""
        while count:
            piece = self._next(min(count, _PIECE))
            count -= len(piece)
            yield piece

    def check(self) -> None:
        """Read on to the end of the chunks, whose sums are checked."""
        for _ in self._packed:
            pass

    def _next(self, most: int) -> bytes:
        while True:
            try:
                packed = self._left or next(self._packed)
                piece = self._inflater.decompress(packed, most)
            except zlib.error as error:
                raise engine.damaged(error) from error
            except StopIteration:
                raise BadMedia("the image is damaged: it ends too early") from None
            self._left = self._inflater.unconsumed_tail
            if piece:
                return piece
            if self._inflater.eof:
                raise BadMedia("the image is damaged: it has too few pixels")

    def _pieces(self, file: BinaryIO) -> Iterator[bytes]:
        while len(head := file.read(8)) == len(b"size" + b"kind"):
            size, kind = struct.unpack(">I4s", head)
            total = zlib.crc32(kind)
            kept = b""
            while size:
                piece = file.read(min(size, _PIECE))
                if not piece:
                    raise BadMedia("the image is damaged: it ends too early")
                size, total = size - len(piece), zlib.crc32(piece, total)
                if kind == b"IDAT":
                    yield piece
                elif kind in _NEEDED and len(kept) < _PIECE:
                    kept += piece
            if file.read(4) != struct.pack(">I", total) and kind in {*_NEEDED, b"IDAT"}:
                raise BadMedia("the image is damaged: a sum does not agree")
            if kind in _NEEDED:
                self.before[kind] = kept
            if kind == b"IEND":
                return


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
