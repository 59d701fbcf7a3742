"""Pixels that one step of a job decoded, kept for the job's next step on the same file.

Decoding is the dearest part of making a small rendition, and a job's steps run in one process
that works for no other job. A smaller rendition is scaled from a larger one that was made
before it, if that has at least `ENOUGH` times its width and height: no worse to the eye than
one made from the file. See ADR 0010.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mediakiln.operations.image.pixels.managed.target import Target

ENOUGH: Final = 2
MAX_BYTES: Final = 64 * 1024 * 1024
"""Of pixels that are kept; larger ones are decoded again."""

_Identity = tuple[str, int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Kept:
    source: _Identity
    target: Target | None
    image: Any


_renditions: list[_Kept] = []
_decoded: list[_Kept] = []


def fits(image: Any) -> bool:
    """Whether an image is small enough to be kept."""
    return int(image.width * image.height * image.bands) <= MAX_BYTES


def keep(path: Path, image: Any, *, target: Target) -> None:
    """Keep a rendition of the file whose pixels are in memory, in place of an older one."""
    if fits(image):
        _renditions[:] = [_Kept(_identity(path), target, image)]


def find(path: Path, width: int, height: int, *, target: Target) -> Any | None:
    """A rendition of the file that is large enough to scale to this size; None without."""
    for kept in _renditions:
        if (
            kept.target == target
            and kept.image.width >= width * ENOUGH
            and kept.image.height >= height * ENOUGH
            and kept.source == _identity(path)
        ):
            return kept.image
    return None


def keep_decoded(path: Path, decoded: Any, image: Any) -> None:
    """Keep a whole decoded file, for formats whose decoder cannot shrink; `image` has its size."""
    if fits(image):
        _decoded[:] = [_Kept(_identity(path), target=None, image=decoded)]


def find_decoded(path: Path) -> Any | None:
    """What `keep_decoded` kept of the file; None without."""
    for kept in _decoded:
        if kept.source == _identity(path):
            return kept.image
    return None


def forget() -> None:
    """Keep nothing more, where a process goes on to other work."""
    _renditions.clear()
    _decoded.clear()


def _identity(path: Path) -> _Identity:
    status = path.stat()
    return str(path), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
