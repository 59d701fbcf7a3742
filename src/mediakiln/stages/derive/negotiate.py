"""Which format a client is given that did not ask for one (RFC 9110, section 12.5.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mediakiln.stages.derive.source import Source

_MODERN: Final = frozenset({"image/avif", "image/webp"})
"""Types of sources that stay what they are, and that old clients cannot show."""
_ANIMATED: Final = frozenset({"image/gif", "image/apng"})
_HOLD_FRAMES: Final = frozenset({"webp", "gif"})
_WITHOUT: Final[Mapping[str, frozenset[str]]] = {
    "webp": frozenset({"progressive"}),
    "avif": frozenset({"progressive"}),
    "jpeg": frozenset({"lossless"}),
}


@dataclass(frozen=True, slots=True)
class Negotiated:
    """A format, and the encoding parameters that it cannot have."""

    format: str
    without: frozenset[str] = frozenset()


def negotiate(
    accept: str, source: Source, params: Mapping[str, Any], formats: Sequence[str]
) -> Negotiated:
    """The first of `formats` that the Accept header names, else what every client can show.

    Wildcards name nothing: clients send them that cannot show AVIF. What may be animated is
    given no format without frames.
    """
    told = weights(accept)
    frames = source.media_type in _ANIMATED and params.get("animated", True)
    for format in formats:
        if frames and format not in _HOLD_FRAMES:
            continue
        if told.get(f"image/{format}", 0.0) > 0.0:
            return Negotiated(format, _WITHOUT.get(format, frozenset()))
    named = source.media_type in _MODERN and told.get(source.media_type, 0.0) > 0.0
    return Negotiated("auto" if named else "compatible")


def weights(accept: str) -> dict[str, float]:
    """Each media type that the header names, in lower case, and its weight."""
    found: dict[str, float] = {}
    for item in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        found[kind] = _weight(parameters)
    return found


def _weight(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
