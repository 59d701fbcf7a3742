"""Pictures of 8, 10 and 12 bits a channel in AVIF and HEIC."""

import struct
import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pyvips
from numpy.typing import NDArray

WIDTH = 1024


def ramp() -> NDArray[Any]:
    """From black to white in 1024 steps, 16 bits a channel."""
    steps = (np.arange(WIDTH) * 65535 / (WIDTH - 1)).round().astype(np.uint16)
    return np.broadcast_to(steps[None, :, None], (64, WIDTH, 3)).copy()


def avif(path: Path, bits: int) -> Path:
    """The ramp without loss."""
    image = pyvips.Image.new_from_array(ramp()).copy(interpretation="rgb16")
    image.heifsave(str(path), compression="av1", bitdepth=bits, lossless=True)
    return path


def heic(path: Path, bits: int, *, grey: bool = False) -> Path:
    """The ramp in HEVC, in a HEIF of one item (ISO/IEC 23008-12)."""
    film = path.with_suffix(".mp4")
    layout = "gray" if grey else "yuv444p"
    _filmed(film, layout if bits == 8 else f"{layout}{bits}le")
    data = film.read_bytes()
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"hvc1", b"hvcC"):
        inner = {b"stsd": 8, b"hvc1": 78}.get(kind, 0)
        data = _content(data, kind)[inner:]
    path.write_bytes(_heif(data, _content(film.read_bytes(), b"mdat"), bits, 1 if grey else 3))
    return path


def _filmed(film: Path, layout: str) -> None:
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y",
        "-f", "rawvideo", "-pix_fmt", "rgb48le", "-s", f"{WIDTH}x64", "-i", "-",
        "-vf", "scale=out_color_matrix=bt709:out_range=pc", "-frames:v", "1",
        "-pix_fmt", layout, "-c:v", "libx265", "-tag:v", "hvc1",
        "-x265-params", "lossless=1:log-level=none:range=full:pools=1", str(film),
    ]  # fmt: skip
    subprocess.run(command, input=ramp().tobytes(), check=True)


def _content(data: bytes, kind: bytes) -> bytes:
    at = 0
    while at + 8 <= len(data):
        size, found = struct.unpack_from(">I4s", data, at)
        if found == kind:
            return data[at + 8 : at + size]
        at += size
    raise LookupError(kind)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def _heif(codec: bytes, picture: bytes, bits: int, channels: int) -> bytes:
    start = _box(b"ftyp", b"heix", bytes(4), b"mif1", b"heix")
    properties = _box(
        b"ipco",
        _box(b"hvcC", codec),
        _box(b"ispe", bytes(4), struct.pack(">II", WIDTH, 64)),
        _box(b"pixi", bytes(4), bytes([channels] + [bits] * channels)),
        _box(b"colr", b"nclx", struct.pack(">HHHB", 1, 13, 1, 0x80)),
    )
    links = _box(b"ipma", bytes(4), struct.pack(">IHB", 1, 1, 4), bytes([0x81, 2, 3, 4]))

    def described(place: int) -> bytes:
        return _box(
            b"meta",
            bytes(4),
            _box(b"hdlr", bytes(8), b"pict", bytes(13)),
            _box(b"pitm", bytes(4), struct.pack(">H", 1)),
            _box(
                b"iinf",
                bytes(4),
                struct.pack(">H", 1),
                _box(b"infe", b"\2\0\0\0", struct.pack(">HH", 1, 0), b"hvc1", b"\0"),
            ),
            _box(
                b"iloc",
                bytes(4),
                b"\x44\0",
                struct.pack(">H", 1),
                struct.pack(">HHHII", 1, 0, 1, place, len(picture)),
            ),
            _box(b"iprp", properties, links),
        )

    return start + described(len(start) + len(described(0)) + 8) + _box(b"mdat", picture)
