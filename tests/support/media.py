"""Tiny real files of every kind, each with other content, so that no product is re-used."""

import io
import math
import struct
import wave

import numpy as np
from PIL import Image


def jpeg(seed: int = 0, width: int = 96, height: int = 64) -> bytes:
    """A JPEG of soft noise."""
    return _image(seed, width, height, "JPEG", quality=80)


def png(seed: int = 0, width: int = 96, height: int = 64) -> bytes:
    """A PNG of soft noise."""
    return _image(seed, width, height, "PNG")


def text(seed: int = 0) -> bytes:
    """A plain text."""
    return f"This is the plain text of number {seed}, and it is short.\n".encode() * 4


def wav(seed: int = 0, seconds: float = 0.25) -> bytes:
    """A tone whose pitch follows the seed (mono, 16 bits, 8 kHz)."""
    rate, pitch = 8000, 200 + seed % 1000
    frames = b"".join(
        struct.pack("<h", int(9000 * math.sin(2 * math.pi * pitch * n / rate)))
        for n in range(int(rate * seconds))
    )
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(frames)
    return buffer.getvalue()


def stl(seed: int = 0) -> bytes:
    """A tetrahedron (binary STL)."""
    size = 1.0 + seed / 100
    corners = [(0.0, 0.0, 0.0), (size, 0.0, 0.0), (0.0, size, 0.0), (0.0, 0.0, size)]
    body = b""
    for face in ((0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2)):
        body += struct.pack("<3f", 0, 0, 0)
        body += b"".join(struct.pack("<3f", *corners[corner]) for corner in face)
        body += struct.pack("<H", 0)
    return struct.pack("<80sI", b"a tetrahedron", 4) + body


def mixed(count: int) -> list[tuple[str, bytes]]:
    """So many files, (name, content), in turn of several kinds; a few are 3D models."""
    made = []
    for n in range(count):
        name, content = (
            (f"model-{n}.stl", stl(n))
            if n % 20 == 19
            else (
                (f"photo-{n}.jpg", jpeg(n)),
                (f"words-{n}.txt", text(n)),
                (f"drawing-{n}.png", png(n)),
                (f"tone-{n}.wav", wav(n)),
            )[n % 4]
        )
        made.append((name, content))
    return made


def _image(seed: int, width: int, height: int, form: str, **options: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).save(
        buffer, form, **options
    )
    return buffer.getvalue()
