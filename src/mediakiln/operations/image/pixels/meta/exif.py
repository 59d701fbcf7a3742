"""EXIF, without what must not leave with a picture."""

import mmap
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from mediakiln.operations.image.pixels.meta.modest import modest

MAX_BYTES: Final = 60_000
"""What fits into a JPEG's segment with room for what libvips adds."""

_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_RIGHTS = frozenset({0x013B, 0x8298})
"""Artist and Copyright."""
_POINTERS = frozenset({_EXIF_IFD, _GPS_IFD, 0x014A, 0xA005})
_OF_THE_FILE = frozenset(
    {
        *range(0x00FE, 0x0104),  # subfile type, size, bits, compression
        0x0106,
        *(0x0111, 0x0112, 0x0115, 0x0116, 0x0117, 0x011C),  # strips, orientation, layout
        *(0x013D, 0x0140, 0x0142, 0x0143, 0x0144, 0x0145, 0x0152, 0x0153),
        *(0x015B, 0x0201, 0x0202, 0x0211, 0x0212, 0x0213, 0x0214),  # a JPEG inside, thumbnails
        0x8773,  # ICC
    }
)
"""What describes the source's bytes, not its picture."""
_HIDING = frozenset(
    {
        0x02BC,  # XMP,
        0x83BB,  # IPTC and
        0x8649,  # Photoshop's blocks are read and written for themselves
        0x927C,  # makers' notes: serial numbers, places, faces, in private formats
        0xA40B,  # device settings, likewise
        0xC4A5,  # PrintIM
        0xC634,  # DNG's private data
        0xEA1C,  # padding
    }
)
_SAYING = frozenset(
    {
        *(0x010D, 0x010E, 0x010F, 0x0110),  # document, description, camera
        *(0x0131, 0x0132, 0x013B, 0x013C, 0x8298),  # program, time, author, computer, rights
        *(0x4746, 0x4749, *range(0x9C9B, 0x9CA0)),  # Windows' rating, title, comment, keywords
    }
)
"""Of a TIFF's own tags, those that speak of the picture; never where on earth it lies (GeoTIFF)."""
_COLOUR_SPACE, _SRGB, _UNCALIBRATED = 0xA001, 1, 0xFFFF


def cleaned(data: bytes, *, rights_only: bool, location: bool, srgb: bool) -> bytes | None:
    """A new EXIF block, from its TIFF header on; None where nothing of it can be kept.

    Orientation, thumbnails and makers' notes are never taken over, position only on request.
    """
    from PIL import Image

    if not modest(data):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of damaged entries, and leaves them out
            source = Image.Exif()
            source.load(data)
            made = _copied(source, rights_only=rights_only, location=location, srgb=srgb)
            return _written(made)
    except Exception:  # noqa: BLE001 - what a damaged block raises follows no rule; it is left out
        return None


def of_tiff(path: Path, *, rights_only: bool, location: bool, srgb: bool) -> bytes | None:
    """As `cleaned`, of what a TIFF says of its first page's picture; the file is no block."""
    from PIL import Image

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if not modest(data):
            return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=["TIFF"]) as image:
                source = image.getexif()
                for tag in set(source) - _SAYING - _POINTERS:
                    del source[tag]
                made = _copied(source, rights_only=rights_only, location=location, srgb=srgb)
                return _written(made)
    except Exception:  # noqa: BLE001 - as above
        return None


def placed(block: bytes, place: int, *, little: bool) -> bytes:
    """The block's first directory and what it points at, to stand at this place of a TIFF."""
    from PIL import Image

    source = Image.Exif()
    source.load(block)
    source.endian = "<" if little else ">"
    return source.tobytes(place).removeprefix(b"Exif\x00\x00")[8:]


def fields(block: bytes) -> dict[str, Any]:
    """The block as libvips keeps it on an image: the whole, and a field for every entry.

    libvips writes entries only where it finds both.
    """
    import pyvips
    from PIL import Image

    carrier = BytesIO()
    Image.new("L", (1, 1)).save(carrier, "JPEG", exif=b"Exif\x00\x00" + block)
    image = pyvips.Image.new_from_buffer(carrier.getvalue(), "")
    names = [name for name in image.get_fields() if name.startswith("exif-")]
    return {name: image.get(name) for name in names}


def _written(made: Any) -> bytes | None:
    block: bytes = made.tobytes().removeprefix(b"Exif\x00\x00")
    return block if len(made) and len(block) <= MAX_BYTES else None


def _copied(source: Any, *, rights_only: bool, location: bool, srgb: bool) -> Any:
    from PIL import Image

    made = Image.Exif()
    for tag, value in source.items():
        if (tag in _RIGHTS) if rights_only else tag not in _POINTERS | _OF_THE_FILE | _HIDING:
            made[tag] = value
    if rights_only:
        return made
    inner = {
        tag: value
        for tag, value in source.get_ifd(_EXIF_IFD).items()
        if tag not in _POINTERS | _HIDING
    }
    if inner:
        inner[_COLOUR_SPACE] = _SRGB if srgb else _UNCALIBRATED
        made.get_ifd(_EXIF_IFD).update(inner)
    position = source.get_ifd(_GPS_IFD) if location else {}
    if position:
        made.get_ifd(_GPS_IFD).update(position)
    return made
