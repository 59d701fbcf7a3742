"""The first look at a source: its facts against the limits, and the stream that is worked on."""

from pathlib import Path
from typing import Any

from mediakiln.model.errors import BadMedia
from mediakiln.operations.av import facts, limits
from mediakiln.operations.av.facts import AudioStream, Facts, VideoStream
from mediakiln.ports.operation import Context


def look(source: Path, context: Context) -> Facts:
    """The source's facts.

    Raises:
        BadMedia: it holds neither picture nor sound.
        LimitExceeded: it is bigger than is allowed.
    """
    found = facts.read(source)
    limits.check(found, context)
    return found


def picture(found: Facts) -> VideoStream:
    """The picture stream that is worked on: the first.

    Raises:
        BadMedia: there is none, or it has no size or no frame.
    """
    if not found.video:
        raise BadMedia("it has no picture stream")
    first = found.video[0]
    if first.width <= 0 or first.height <= 0:
        raise BadMedia(
            "its picture stream has no size", value={"width": first.width, "height": first.height}
        )
    if first.frames == 0:
        raise BadMedia("its picture stream has no frame")
    return first


def sound(found: Facts) -> AudioStream:
    """The sound stream that is worked on: the first.

    Raises:
        BadMedia: there is none.
    """
    if not found.audio:
        raise BadMedia("it has no sound stream")
    return found.audio[0]


_WHOLE = 0.9
"""A result shorter than this share of its source's announced duration is only part of it."""


def damage(found: Facts, made_s: float, said: list[str]) -> dict[str, Any]:
    """What a product's metadata should tell of a source that was not sound all through."""
    told: dict[str, Any] = {}
    if made_s < found.duration_s * _WHOLE:
        told |= {"partial": True, "announced_s": found.duration_s}
    if said:
        told["decode_errors"] = len(said)
    return told
