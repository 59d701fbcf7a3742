"""EXIF, without what must not leave with a picture."""

import mmap
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from mediakiln.operations.image.pixels.meta.modest import modest

MAX_BYTES: Final = 60_000
"""What fits into a JPEG's segment with room for what libvips adds."""

_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_RIGHTS = frozenset({0x013B, 0x8298})
"""Artist and Copyright."""
_SAYING = frozenset(
    {
        *(0x010D, 0x010E, 0x010F, 0x0110),  # document, description, camera
        *(0x011A, 0x011B, 0x0128),  # resolution
        *(0x0131, 0x0132, 0x013B, 0x013C, 0x8298),  # program, time, author, computer, rights
        *(0x4746, 0x4749, *range(0x9C9B, 0x9CA0)),  # Windows' rating, title, comment, keywords
    }
)
"""Of the first directory, what speaks of the picture: not of the source's bytes, nor of where on
earth it lies (GeoTIFF); XMP, IPTC and profiles are read and written for themselves."""
_TAKING = frozenset(
    {
        *(0x829A, 0x829D, 0x8822, 0x8824, 0x8827, 0x8828, *range(0x8830, 0x8836)),  # exposure
        *(0x9000, 0x9003, 0x9004, 0x9010, 0x9011, 0x9012),  # version, times and their zones
        *(0x9101, 0x9102, *range(0x9201, 0x920B), 0x9214),  # pixels, exposure, lens, subject
        *(0x9286, 0x9290, 0x9291, 0x9292, *range(0x9400, 0x9406)),  # comment, times, weather
        *(0xA000, 0xA20B, 0xA20C, 0xA20E, 0xA20F, 0xA210, 0xA214, 0xA215, 0xA217),  # sensor
        *(0xA300, 0xA301, 0xA302, *range(0xA401, 0xA40B), 0xA40C),  # origin, rendering
        *(0xA420, *range(0xA430, 0xA43D), 0xA460, 0xA461, 0xA462, 0xA500),  # owner, lens, author
    }
)
"""How it was taken (Exif 3.0, section 4.6.6), without makers' notes, device settings and sounds;
whatever a private tag says, it says to its maker."""
_COLOUR_SPACE, _SRGB, _UNCALIBRATED = 0xA001, 1, 0xFFFF
_WIDTH, _HEIGHT = 0xA002, 0xA003


@dataclass(frozen=True, slots=True)
class Picture:
    """What a new block says of the picture that it goes with."""

    width: int
    """Pixels."""
    height: int
    srgb: bool


def cleaned(data: bytes, *, rights_only: bool, location: bool, picture: Picture) -> bytes | None:
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
            made = _copied(source, rights_only=rights_only, location=location, picture=picture)
            return _written(made)
    except Exception:  # noqa: BLE001 - what a damaged block raises follows no rule; it is left out
        return None


def of_tiff(path: Path, *, rights_only: bool, location: bool, picture: Picture) -> bytes | None:
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
                made = _copied(source, rights_only=rights_only, location=location, picture=picture)
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


def _copied(source: Any, *, rights_only: bool, location: bool, picture: Picture) -> Any:
    from PIL import Image

    made = Image.Exif()
    inner = source.get_ifd(_EXIF_IFD)
    # Some programs put how it was taken into the first directory.
    allowed = _RIGHTS if rights_only else _SAYING | (_TAKING - set(inner))
    for tag, value in source.items():
        if tag in allowed:
            made[tag] = value
    if rights_only:
        return made
    taken = {tag: value for tag, value in inner.items() if tag in _TAKING}
    if taken:
        taken[_COLOUR_SPACE] = _SRGB if picture.srgb else _UNCALIBRATED
        taken[_WIDTH], taken[_HEIGHT] = picture.width, picture.height
        made.get_ifd(_EXIF_IFD).update(taken)
    position = source.get_ifd(_GPS_IFD) if location else {}
    if position:
        made.get_ifd(_GPS_IFD).update(position)
    return made
