"""Numbers and codes in words that people read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

HINTS: Final[Mapping[str, str]] = {
    "bad_media": "Open it in the program that made it, save it again, and upload the new file.",
    "unsupported_media_type": "Upload an image, a document, a 3D model, a video or a sound.",
    "recipe_kind_mismatch": "Process it again with a recipe made for this kind of file.",
    "invalid_recipe": "Correct the recipe and process the file again.",
    "password_required": "Remove the password and upload the file again.",
    "limit_exceeded": "Ask for less, make the file smaller, or raise the limit in the settings.",
    "too_many_pixels": "Scale the image down, or raise the limit in the settings.",
    "source_changed": "Upload the file again.",
    "attempts_spent": "Process it again; if that fails too, the service's log says why.",
    "model_unavailable": "Install what the step needs, or process the file without this step.",
    "command_failed": "The command's own output is in the service's log.",
    "step_timeout": "Process it again with a lighter recipe, or allow the step more time.",
    "memory_limit": "Process it again with a lighter recipe, or allow the step more memory.",
    "scratch_limit": "Process it again with a lighter recipe, or allow the step more space.",
    "process_limit": "Process it again with a lighter recipe.",
    "crashed": "The file may be damaged: save it anew and upload it again.",
}
"""Error code to what its reader can do."""

_UNITS: Final = ("kB", "MB", "GB", "TB")
_THOUSAND: Final = 1000
_METRES: Final = {"meters": "m", "millimeters": "mm", "centimeters": "cm", "inches": "in"}
_CHANNELS: Final = {1: "mono", 2: "stereo"}


def size(count: int) -> str:
    """A number of bytes with three significant digits, in powers of 1000."""
    if count < _THOUSAND:
        return "1 byte" if count == 1 else f"{count} bytes"
    value, units = count / _THOUSAND, iter(_UNITS)
    unit = next(units)
    while value >= 999.5 and unit != _UNITS[-1]:  # noqa: PLR2004 - would round up to 1000
        value, unit = value / _THOUSAND, next(units)
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2  # noqa: PLR2004 - as above
    return f"{value:.{digits}f} {unit}"


def seconds(value: float) -> str:
    """A short span of time."""
    if value < 0.095:  # noqa: PLR2004 - less than a tenth, rounded
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 100 else f"{value:,.0f} s"  # noqa: PLR2004 - long enough


def clock(value: float) -> str:
    """A playing time: 0:03 or 1:02:03."""
    whole = round(value)
    hours, minutes = whole // 3600, whole // 60 % 60
    tail = f"{whole % 60:02d}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def facts(metadata: Mapping[str, Any]) -> list[str]:
    """What is worth knowing of a file's metadata, in a few words each.

    Steps give names meanings of their own, `faces` in a picture for one: a value that is no
    number or text, as is told here, is left out.
    """
    found: list[str] = []
    if "width" in metadata and "height" in metadata:
        found.append(f"{metadata['width']} × {metadata['height']}")  # noqa: RUF001 - the sign of dimensions
    for name, word in _FACTS.items():
        value = metadata.get(name)
        if value is not None and (told := word(value)):
            found.append(told)
    extents = metadata.get("extents")
    if isinstance(extents, Sequence) and extents and all(map(_is_number, extents)):
        unit = _METRES.get(str(metadata.get("units")), "")
        found.append(" × ".join(f"{float(side):.3g}" for side in extents) + f" {unit}".rstrip())  # noqa: RUF001 - the sign of dimensions
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(told: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: told(value) if _is_number(value) else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(one: str, many: str) -> Callable[[Any], str]:
    return _number(
        lambda value: f"{value:,} {one if value == 1 else many}" if value else "",
    )


_FACTS: Final[Mapping[str, Callable[[Any], str]]] = {
    "duration_s": _number(clock),
    "time_s": _number(lambda value: f"at {value:.1f} s"),
    "fps": _number(lambda value: f"{value:g} fps"),
    "video_codec": _text,
    "audio_codec": _text,
    "channels": _number(lambda value: _CHANNELS.get(value, f"{value} channels")),
    "sample_rate": _number(lambda value: f"{value / 1000:g} kHz"),
    "frames": _number(lambda value: f"{value:,} frames" if value > 1 else ""),
    "pages": _count("page", "pages"),
    "words": _count("word", "words"),
    "vertices": _count("vertex", "vertices"),
    "faces": _count("face", "faces"),
    "points": _count("point", "points"),
    "watertight": lambda value: "watertight" if value else "not watertight",
}
