"""How much of a video or sound is accepted, whatever the machine could bear."""

from mediakiln.model.errors import LimitExceeded, TooManyPixels
from mediakiln.operations.av.facts import Facts
from mediakiln.ports.operation import Context

MAX_ALLOC_BYTES = 512 * 1024 * 1024
"""One allocation inside FFmpeg; a frame of 8192 x 8192 pixels in 16-bit RGBA fits."""
MAX_STREAMS = 64
MAX_DURATION_S = 12 * 3600.0


def check(facts: Facts, context: Context) -> None:
    """Refuse what is too big by its own account, before anything is decoded.

    Raises:
        LimitExceeded: it is too long or has too many streams.
        TooManyPixels: its frames are too big.
    """
    if facts.duration_s > MAX_DURATION_S:
        raise LimitExceeded(
            f"it lasts {facts.duration_s:.0f} s; {MAX_DURATION_S:.0f} s are allowed",
            limit=MAX_DURATION_S,
            value=facts.duration_s,
            hint="split it into parts",
        )
    if facts.streams > MAX_STREAMS:
        raise LimitExceeded(
            f"it has {facts.streams} streams; {MAX_STREAMS} are allowed",
            limit=MAX_STREAMS,
            value=facts.streams,
        )
    pixels = max((video.width * video.height for video in facts.video), default=0)
    if pixels > context.max_pixels:
        raise TooManyPixels(
            f"its frames have {pixels} pixels; {context.max_pixels} are allowed",
            limit=context.max_pixels,
            value=pixels,
        )
