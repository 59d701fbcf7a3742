"""The boxes of ISO base media files (ISO/IEC 14496-12, section 4.2), read where they are needed."""

from collections.abc import Iterator

from mediakiln.adapters.detector.probes.window import Window, be

_MAX_BOXES = 256
_NO_END = 1 << 62

Span = tuple[int, int]
"""Where something begins and ends."""


def whole(window: Window) -> Span:
    """The whole file, whatever its end is."""
    return 0, _NO_END if window.size is None else window.size


def boxes_of(window: Window, span: Span) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the body of every box directly within `span`, of the first 256.

    Raises:
        NotSeen: more of the file is needed.
    """
    at, end = span
    for _ in range(_MAX_BOXES):
        header = window.read(at, min(16, end - at))
        size, body = be(header[:4]), at + 8
        if size == 1:
            size, body = be(header[8:16]), at + 16
        elif size == 0:
            size = end - at
        if len(header) < 8 or at + size < body:
            return
        yield header[4:8], body, min(at + size, end)
        at += size
        if at >= end:
            return


def named(name: bytes, window: Window, span: Span) -> Iterator[Span]:
    """The bodies of the boxes called `name` directly within `span`."""
    for kind, start, end in boxes_of(window, span):
        if kind == name:
            yield start, end
