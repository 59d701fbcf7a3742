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

from mediakiln.operations.image.facts import wording, xmp
from mediakiln.operations.image.pixels.codecs import jxl
from mediakiln.operations.image.pixels.formats import Format
from mediakiln.operations.image.pixels.meta import iptc, png
from mediakiln.operations.image.pixels.meta.modest import modest

MAX_VALUES: Final = 64
"""Members of one list that are told."""

_READERS: dict[Format, str] = {
    "jpeg": "JPEG",
    "webp": "WEBP",
    "avif": "AVIF",
    "tiff": "TIFF",
    "gif": "GIF",
}
_GIF_XMP: Final = b"\x21\xff\x0bXMP DataXMP"
_GIF_XMP_END: Final = b"\x01\xff\xfe"
"""Around a packet in a GIF: the latter begins a ramp of numbers (XMP, part 3, section 1.1.2)."""
_EXIF: Final = 0x8769
_GPS: Final = 0x8825
_WIDE: Final = range(0x9C9B, 0x9CA0)
"""Windows' title, comment, author, keywords, subject."""
_BELOW: Final = frozenset({1, 3})
"""Sea level, or the ellipsoid (Exif 3.0, table 15)."""
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
_APPLICATION: Final = 2
_IPTC: dict[int, str] = {
    5: "title",
    10: "urgency",
    15: "category",
    20: "supplemental_categories",
    25: "keywords",
    40: "instructions",
    55: "date_created",
    60: "time_created",
    62: "digital_date_created",
    63: "digital_time_created",
    80: "by_line",
    85: "by_line_title",
    90: "city",
    92: "sublocation",
    95: "province_state",
    100: "country_code",
    101: "country",
    103: "transmission_reference",
    105: "headline",
    110: "credit",
    115: "source",
    116: "copyright_notice",
    118: "contact",
    120: "caption",
    122: "caption_writer",
}
"""Datasets of the application record (IPTC Information Interchange Model 4.2, section 6)."""
_SEVERAL: Final = frozenset({"keywords", "supplemental_categories"})
_PLACES: Final = frozenset({"city", "sublocation", "province_state", "country_code", "country"})


def read(path: Path, name: Format, *, location: bool) -> dict[str, Any]:
    """`exif`, `iptc`, `xmp` and, only with `location`, `location`: those that are there."""
    found: dict[str, Any] = {}
    with _harmless(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of every damaged entry
        if name in _CONTAINERS:
            found = _of_blocks(_CONTAINERS[name](path), location=location)
        elif name in _READERS:
            found = _of_pillow(path, name, location=location)
    return {key: value for key, value in found.items() if value}


def _of_pillow(path: Path, name: Format, *, location: bool) -> dict[str, Any]:
    with Image.open(path, formats=[_READERS[name]]) as image:
        found: dict[str, Any] = {}
        with _harmless():
            block = image.info.get("exif")
            if _is_modest(path) if name == "tiff" else block and modest(block):
                found |= _exif(image.getexif(), location=location)
        with _harmless():
            found["iptc"] = _records(_iptc(image), location=location)
        packet = _gif_packet(path) if name == "gif" else image.info.get("xmp")
        return found | {"xmp": xmp.read(packet, location=location)}


def _is_modest(path: Path) -> bool:
    """Whether a TIFF's entries can be read into memory."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return modest(data)


def _gif_packet(path: Path) -> bytes | None:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data.find(_GIF_XMP)
        end = data.find(_GIF_XMP_END, start)
        return data[start + len(_GIF_XMP) : end] if 0 <= start < end else None


def _harmless() -> "suppress":
    """What readers of notes raise on damaged ones follows no rule."""
    return suppress(Exception)


def _heic(path: Path) -> dict[str, Any]:
    import pi_heif

    return dict(pi_heif.open_heif(path).info)


def _jxl(path: Path) -> dict[str, Any]:
    return dict(jxl.carried(path.read_bytes()))


_CONTAINERS: dict[Format, Callable[[Path], dict[str, Any]]] = {
    "heic": _heic,
    "jxl": _jxl,
    "png": png.blocks,
}
"""Whose blocks others than Pillow find."""


def _of_blocks(blocks: Mapping[str, Any], *, location: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with _harmless():
        if blocks.get("exif") and modest(blocks["exif"]):
            exif = Image.Exif()
            exif.load(blocks["exif"])
            found |= _exif(exif, location=location)
    with _harmless():
        records = iptc.cleaned(blocks.get("iptc") or b"", rights_only=False, location=location)
        found["iptc"] = _records(iptc.texts(records or b""), location=location)
    found["xmp"] = xmp.read(blocks.get("xmp"), location=location)
    return found


def _exif(exif: Image.Exif, *, location: bool) -> dict[str, Any]:
    told = _named(exif, exif, ExifTags.TAGS) | _named(exif.get_ifd(_EXIF), exif, ExifTags.TAGS)
    found: dict[str, Any] = {"exif": told}
    if location:
        found["location"] = _place(_named(exif.get_ifd(_GPS), exif, ExifTags.GPSTAGS))
    return found


def _named(tags: Mapping[int, Any], exif: Image.Exif, names: Mapping[int, str]) -> dict[str, Any]:
    found = {}
    for tag, value in tags.items():
        name = names.get(tag)
        plain = _plain(wording.wide(value) if tag in _WIDE else value, exif.endian)
        if name is not None and name not in _SKIPPED and plain is not None:
            found[name] = plain
    return dict(sorted(found.items()))


def _plain(value: Any, order: str | None) -> Any:
    """A value as JSON has it; None for what says nothing to people."""
    if isinstance(value, bytes):
        return value[0] if len(value) == 1 and value < b" " else wording.text(value, order)
    if isinstance(value, str):
        return wording.again(value)
    if isinstance(value, tuple | list):
        members = [_plain(member, order) for member in value[:MAX_VALUES]]
        return members if all(member is not None for member in members) else None
    if isinstance(value, int):
        return int(value)
    with suppress(TypeError, ValueError, ZeroDivisionError, OverflowError):
        number = float(value)
        return round(number, 6) if math.isfinite(number) else None
    return None


def _place(gps: Mapping[str, Any]) -> dict[str, Any]:
    """Latitude and longitude in degrees (north and east positive), altitude in metres."""
    found: dict[str, Any] = {}
    for name, tag, negative in ("latitude", "GPSLatitude", "S"), ("longitude", "GPSLongitude", "W"):
        parts = gps.get(tag)
        if isinstance(parts, list) and parts:
            degrees = sum(float(part) / 60**power for power, part in enumerate(parts[:3]))
            sign = -1 if gps.get(f"{tag}Ref") == negative else 1
            found[name] = round(sign * degrees, 7) + 0.0
    if isinstance(gps.get("GPSAltitude"), int | float):
        below = gps.get("GPSAltitudeRef") in _BELOW
        found["altitude_m"] = -gps["GPSAltitude"] if below else gps["GPSAltitude"]
    return found


def _iptc(image: Image.Image) -> dict[int, list[str]]:
    """The texts of the application record, by their numbers."""
    reader: Callable[[Any], Any] = IptcImagePlugin.getiptcinfo
    told: dict[int, list[str]] = {}
    for (record, number), value in (reader(image) or {}).items():
        values = value if isinstance(value, list) else [value]
        if record == _APPLICATION:
            told[number] = [text for each in values if (text := wording.text(each, None))]
    return told


def _records(values: Mapping[int, list[str]], *, location: bool) -> dict[str, Any]:
    """The texts by our names; lists of those that may stand several times."""
    told: dict[str, Any] = {}
    for number, found in values.items():
        name = _IPTC.get(number)
        if name is not None and found and (location or name not in _PLACES):
            several = name in _SEVERAL or len(found) > 1
            told[name] = found[:MAX_VALUES] if several else found[0]
    return dict(sorted(told.items()))
