"""What cameras and people wrote into an image: EXIF, IPTC and XMP, as plain JSON.

Read by Pillow and lxml. Whatever cannot be read is left out: a file is not refused for a
damaged note beside its pixels.
"""

import math
import mmap
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from PIL import ExifTags, Image, IptcImagePlugin

from mediakiln.operations.image.facts import xmp
from mediakiln.operations.image.pixels.formats import Format
from mediakiln.operations.image.pixels.meta.modest import modest

MAX_TEXT: Final = 4_000
"""Characters of one value that are told."""
MAX_VALUES: Final = 64
"""Members of one list that are told."""

_READERS: dict[Format, str] = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "avif": "AVIF",
    "tiff": "TIFF",
    "gif": "GIF",
}
_TEXT_EXIF: Final = "Raw profile type exif"
"""Where old programs put EXIF into a PNG's texts, behind three lines of heading."""
_EXIF: Final = 0x8769
_GPS: Final = 0x8825
_SKIPPED: Final = frozenset(
    {
        "ExifOffset",
        "GPSInfo",
        "MakerNote",
        "PrintImageMatching",
        "XMLPacket",
        "InterColorProfile",
        "ImageResources",
        "IPTCNAA",
        "JPEGTables",
        "StripOffsets",
        "StripByteCounts",
        "TileOffsets",
        "TileByteCounts",
        "SubIFDs",
    }
)
_IPTC: dict[tuple[int, int], str] = {
    (2, 5): "title",
    (2, 10): "urgency",
    (2, 15): "category",
    (2, 20): "supplemental_categories",
    (2, 25): "keywords",
    (2, 40): "instructions",
    (2, 55): "date_created",
    (2, 60): "time_created",
    (2, 62): "digital_date_created",
    (2, 80): "by_line",
    (2, 85): "by_line_title",
    (2, 90): "city",
    (2, 92): "sublocation",
    (2, 95): "province_state",
    (2, 100): "country_code",
    (2, 101): "country",
    (2, 103): "transmission_reference",
    (2, 105): "headline",
    (2, 110): "credit",
    (2, 115): "source",
    (2, 116): "copyright_notice",
    (2, 118): "contact",
    (2, 120): "caption",
    (2, 122): "caption_writer",
}
"""Datasets of the application record (IPTC Information Interchange Model 4.2, section 6)."""
_PLACES: Final = frozenset({"city", "sublocation", "province_state", "country_code", "country"})


def read(path: Path, name: Format, *, location: bool) -> dict[str, Any]:
    """`exif`, `iptc`, `xmp` and, only with `location`, `location`: those that are there."""
    if name == "heic":
        return _of_heic(path, location=location)
    reader = _READERS.get(name)
    if reader is None:
        return {}
    found: dict[str, Any] = {}
    with _harmless(), warnings.catch_warnings(), Image.open(path, formats=[reader]) as image:
        warnings.simplefilter("ignore")  # Pillow warns of every damaged entry
        if _is_modest(path, image):
            found |= _exif(image.getexif(), location=location)
        with _harmless():
            found["iptc"] = _iptc(image, location=location)
        found["xmp"] = xmp.read(
            image.info.get("xmp") or image.info.get("XML:com.adobe.xmp"), location=location
        )
    return {key: value for key, value in found.items() if value}


def _is_modest(path: Path, image: Image.Image) -> bool:
    """Whether the EXIF that Pillow would read can be read into memory."""
    if image.format == "TIFF":
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return modest(data)
    block = image.info.get("exif")
    if block is None and _TEXT_EXIF in image.info:
        lines = str(image.info[_TEXT_EXIF]).split("\n")[3:]
        block = bytes.fromhex("".join(lines))
    return block is None or modest(block)


def _harmless() -> "suppress":
    """What readers of notes raise on damaged ones follows no rule."""
    return suppress(Exception)


def _of_heic(path: Path, *, location: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with _harmless():
        import pi_heif

        info = pi_heif.open_heif(path).info
        if info.get("exif") and modest(info["exif"]):
            exif = Image.Exif()
            exif.load(info["exif"])
            found |= _exif(exif, location=location)
        found["xmp"] = xmp.read(info.get("xmp"), location=location)
    return {key: value for key, value in found.items() if value}


def _exif(exif: Image.Exif, *, location: bool) -> dict[str, Any]:
    told = _named(exif, ExifTags.TAGS) | _named(exif.get_ifd(_EXIF), ExifTags.TAGS)
    found: dict[str, Any] = {"exif": told}
    if location:
        found["location"] = _place(_named(exif.get_ifd(_GPS), ExifTags.GPSTAGS))
    return found


def _named(tags: Mapping[int, Any], names: Mapping[int, str]) -> dict[str, Any]:
    found = {}
    for tag, value in tags.items():
        name = names.get(tag)
        plain = _plain(value)
        if name is not None and name not in _SKIPPED and plain is not None:
            found[name] = plain
    return dict(sorted(found.items()))


def _plain(value: Any) -> Any:
    """A value as JSON has it; None for what says nothing to people."""
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, str):
        return value.replace("\0", "").strip()[:MAX_TEXT] or None
    if isinstance(value, tuple | list):
        members = [_plain(member) for member in value[:MAX_VALUES]]
        return members if all(member is not None for member in members) else None
    if isinstance(value, int):
        return int(value)
    with suppress(TypeError, ValueError, ZeroDivisionError, OverflowError):
        number = float(value)
        return round(number, 6) if math.isfinite(number) else None
    return None


def _text(value: bytes) -> str | None:
    """Bytes that are text, in UTF-8 or else Latin-1, without EXIF's mark of the character set."""
    for mark in (b"ASCII\0\0\0", b"UNICODE\0", b"JIS\0\0\0\0\0"):
        value = value.removeprefix(mark)
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    text = text.replace("\0", "").strip()
    return text[:MAX_TEXT] if text and text.isprintable() else None


def _place(gps: Mapping[str, Any]) -> dict[str, Any]:
    """Latitude and longitude in degrees (north and east positive), altitude in metres."""
    found: dict[str, Any] = {}
    for name, tag, negative in ("latitude", "GPSLatitude", "S"), ("longitude", "GPSLongitude", "W"):
        parts = gps.get(tag)
        if isinstance(parts, list) and parts:
            degrees = sum(float(part) / 60**power for power, part in enumerate(parts[:3]))
            sign = -1 if gps.get(f"{tag}Ref") == negative else 1
            found[name] = round(sign * degrees, 7)
    if isinstance(gps.get("GPSAltitude"), int | float):
        below = gps.get("GPSAltitudeRef") in {1, "\x01"}
        found["altitude_m"] = -gps["GPSAltitude"] if below else gps["GPSAltitude"]
    return found


def _iptc(image: Image.Image, *, location: bool) -> dict[str, Any]:
    reader: Callable[[Any], Any] = IptcImagePlugin.getiptcinfo
    told: dict[str, Any] = {}
    for number, value in (reader(image) or {}).items():
        name = _IPTC.get(number)
        if name is not None and (location or name not in _PLACES):
            plain = _plain(value)
            if plain is not None:
                told[name] = plain
    return dict(sorted(told.items()))
