"""ISO base media files (ISO/IEC 14496-12) and QuickTime: brands first, tracks where they decide."""

from dataclasses import replace

from mediakiln.adapters.detector.pictures import heif
from mediakiln.adapters.detector.pictures.boxes import named, whole
from mediakiln.adapters.detector.probes import reasons
from mediakiln.adapters.detector.probes.window import Window, be, found, guessing, refuse
from mediakiln.model.kind import Kind
from mediakiln.ports.detector import Detection

_MAX_BRANDS = 64

IMAGE_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"heim": "image/heic",
    b"heis": "image/heic",
    b"hevc": "image/heic-sequence",
    b"hevx": "image/heic-sequence",
    b"hevm": "image/heic-sequence",
    b"hevs": "image/heic-sequence",
    b"mif1": "image/heif",
    b"mif2": "image/heif",
    b"msf1": "image/heif-sequence",
}
"""In order of preference: the structural brands mif1 and msf1 say the least."""

AUDIO_BRANDS = {b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "}
"""Audio whatever else is in them: a track of chapter pictures makes no film of an audio book."""

_STRUCTURAL = {b"mif1", b"mif2", b"msf1", b"miaf", b"1pic"}


def base_media(window: Window) -> Detection:
    """A file that begins with an `ftyp` box."""
    size = min(be(window.head[:4]), 16 + 4 * _MAX_BRANDS)
    box = window.read(0, max(size, 16))
    major = box[8:12]
    brands = {box[at : at + 4] for at in range(16, len(box) - 3, 4)}
    brand = major.decode("latin-1").strip()
    if major == b"crx ":
        return refuse("image/x-canon-cr3", reasons.RAW)
    if major in IMAGE_BRANDS or major in _STRUCTURAL:
        names = [name for name in IMAGE_BRANDS if name == major or name in brands]
        best = names[0] if major in _STRUCTURAL and names else major
        return _still(window, IMAGE_BRANDS.get(best, "image/heif"), brand)
    if major in AUDIO_BRANDS:
        return found("audio/mp4", Kind.AUDIO, brand=brand)
    return _film(window, _family(major, brands), brand)


def quicktime(window: Window) -> Detection | None:
    """A QuickTime file from before `ftyp`: it is one if a film's tracks can be reached."""
    if window.head[0] and be(window.head[:4]) != 1:
        return None  # a first box of 16 MiB and more is text that happens to spell its name
    with guessing(found("video/quicktime", Kind.VIDEO)):
        handlers = _handlers(window)
    if not handlers & {b"vide", b"soun"}:
        return None
    return found("video/quicktime", Kind.VIDEO if b"vide" in handlers else Kind.AUDIO)


def _still(window: Window, media_type: str, brand: str) -> Detection:
    with guessing(found(media_type, Kind.IMAGE, brand=brand)):
        sized = heif.sized(window, media_type)
    return replace(sized, metadata={"brand": brand, **sized.metadata})


def _family(major: bytes, brands: set[bytes]) -> str:
    if major == b"qt  ":
        return "quicktime"
    if major[:3] == b"3g2":
        return "3gpp2"
    if major[:3] in {b"3gp", b"3ge", b"3gs", b"3gr", b"3gg"}:
        return "3gpp"
    if major == b"mjp2":
        return "mj2"
    return "quicktime" if not major.strip(b"\0 ") and b"qt  " in brands else "mp4"


def _film(window: Window, family: str, brand: str) -> Detection:
    video = found(f"video/{family}", Kind.VIDEO, brand=brand)
    with guessing(video):
        handlers = _handlers(window)
    if b"vide" not in handlers and b"soun" in handlers:
        # QuickTime has no registered audio type of its own.
        audio = "video/quicktime" if family == "quicktime" else f"audio/{family}"
        return found(audio, Kind.AUDIO, brand=brand)
    return video


def _handlers(window: Window) -> set[bytes]:
    """The handler types of the film's tracks, up to the first that shows pictures."""
    handlers: set[bytes] = set()
    for film in named(b"moov", window, whole(window)):
        for track in named(b"trak", window, film):
            for media in named(b"mdia", window, track):
                for start, _ in named(b"hdlr", window, media):
                    handlers.add(window.read(start + 8, 4))
                    break
            if b"vide" in handlers:
                return handlers
        break
    return handlers
