"""Small clips and sounds whose every frame and sample is known, made by FFmpeg's own sources."""

import struct
from pathlib import Path

from PIL import Image

from mediakiln.operations.av import program

ENCODE = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-pix_fmt", "yuv420p")
SINE = "sine=frequency=440:sample_rate=44100"


def clip(
    target: Path,
    *more: str,
    source: str = "testsrc2=size=320x180:rate=25",
    seconds: float = 2.0,
    sound: bool = True,
) -> Path:
    """A video of a test picture with a 440 Hz tone; `more` are output options."""
    tone = ["-f", "lavfi", "-i", SINE, "-c:a", "aac", "-b:a", "96k"] if sound else []
    inputs = ["-f", "lavfi", "-i", source, *tone[:4]]
    program.run([*inputs, "-t", str(seconds), *ENCODE, *tone[4:], *more, f"file:{target}"])
    return target


def turned(target: Path, degrees: int) -> Path:
    """The clip with a display matrix that says it was filmed with the camera turned."""
    upright = clip(target.with_name(f"upright-{target.name}"))
    program.run(
        ["-display_rotation", str(degrees), "-i", f"file:{upright}", "-c", "copy", f"file:{target}"]
    )
    upright.unlink()
    return target


def tone(target: Path, *more: str, seconds: float = 2.0, source: str = SINE) -> Path:
    """A tone: FFmpeg's sine has an amplitude of 1/8."""
    program.run(
        ["-f", "lavfi", "-i", source, "-t", str(seconds), *more, "-bitexact", f"file:{target}"]
    )
    return target


def cut(path: Path, kept: float) -> Path:
    """Keep only this share of a file's bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    return path


def playlist(target: Path, address: str) -> Path:
    """An HLS playlist under another name."""
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,", address, "#EXT-X-ENDLIST", ""]
    target.write_text("\n".join(lines))
    return target


def huge_avi(target: Path) -> Path:
    """A tiny AVI that declares frames of 60,000 x 60,000 pixels.

    The sizes stand in `avih` (offset 32 of its body) and in the BITMAPINFOHEADER of `strf`.
    """
    source = target.with_name("small.avi")
    program.run(
        [
            *("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=5", "-t", "1"),
            *("-c:v", "rawvideo", "-pix_fmt", "bgr24", f"file:{source}"),
        ]
    )
    data = bytearray(source.read_bytes())
    source.unlink()
    size = struct.pack("<II", 60_000, 60_000)
    for tag, offset in ((b"avih", 8 + 32), (b"strf", 8 + 4)):
        at = data.index(tag) + offset
        data[at : at + 8] = size
    target.write_bytes(data)
    return target


def picture(path: Path) -> Image.Image:
    """An image in memory, its file closed."""
    with Image.open(path) as image:
        image.load()
        return image.copy()
