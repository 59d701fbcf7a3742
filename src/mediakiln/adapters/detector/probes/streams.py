"""Sound and film formats without a tree of boxes: frames, pages, packets and chunks."""

from collections.abc import Callable

from mediakiln.adapters.detector.probes import reasons
from mediakiln.adapters.detector.probes.raster import webp
from mediakiln.adapters.detector.probes.window import Window, be, found, guessing, le, refuse
from mediakiln.model.kind import Kind
from mediakiln.ports.detector import Detection

_MAX_TAGS = 8
_MAX_PAGES = 16
_ASF_HEADER_BYTES = 32 * 1024
_ASF_VIDEO = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
_ASF_AUDIO = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")

_MPEG1_KBITS = {
    1: (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_MPEG2_KBITS = {
    1: (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = (44_100, 48_000, 32_000)


def riff(window: Window) -> Detection | None:
    """The RIFF family by its form type."""
    form = window.peek(8, 4)
    if form == b"WEBP":
        return webp(window)
    if form == b"WAVE":
        return found("audio/wav", Kind.AUDIO)
    if form == b"AVI ":
        return found("video/x-msvideo", Kind.VIDEO)
    return None


def aiff(window: Window) -> Detection | None:
    """AIFF and AIFF-C."""
    accepted = window.peek(8, 4) in {b"AIFF", b"AIFC"}
    return found("audio/aiff", Kind.AUDIO) if accepted else None


def tagged(window: Window) -> Detection:
    """A file that begins with ID3v2 tags: what follows them decides.

    A decoder skips the tags as well, so a playlist behind one would be read as a playlist.
    """
    at = 0
    with guessing(found("audio/mpeg", Kind.AUDIO)):
        for _ in range(_MAX_TAGS):
            header = window.read(at, 10)
            if header[:3] != b"ID3":
                break
            size = 0
            for byte in header[6:10]:
                size = size << 7 | byte & 0x7F
            at += 10 + size + (10 if header[5:6] >= b"\x10" and header[5] & 0x10 else 0)
        payload = window.read(at, 4096)
    rest = payload.lstrip(b"\0")
    if rest.startswith(b"#EXTM3U"):
        return refuse("application/vnd.apple.mpegurl", reasons.PLAYLIST)
    if rest.startswith(b"fLaC"):
        return found("audio/flac", Kind.AUDIO)
    if adts_length(rest):
        return found("audio/aac", Kind.AUDIO)
    if rest and not _has_frame(rest):
        return refuse(None, "There is no sound behind the file's ID3 tag.")
    return found("audio/mpeg", Kind.AUDIO)


def _has_frame(data: bytes) -> bool:
    """Whether an MPEG audio frame begins anywhere in `data`: encoders pad after their tags."""
    at = data.find(b"\xff")
    while 0 <= at < len(data) - 4:
        if mpeg_length(data[at : at + 4]):
            return True
        at = data.find(b"\xff", at + 1)
    return False


def mpeg_audio(window: Window) -> Detection | None:
    """MP3 or MP2 without a tag: two frames in a row, since one sync word proves little."""
    return _frames(window, found("audio/mpeg", Kind.AUDIO), 4, mpeg_length)


def mpeg_length(header: bytes) -> int:
    """The length in bytes of the MPEG audio frame with this header; 0 if it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    kbits, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or kbits in {0, 15} or rate == 3:
        return 0
    bits = (_MPEG1_KBITS if version == 3 else _MPEG2_KBITS)[layer][kbits] * 1000
    hertz = _SAMPLE_RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    padding = header[2] >> 1 & 1
    if layer == 1:
        return (12 * bits // hertz + padding) * 4
    per_frame = 72 if layer == 3 and version != 3 else 144
    return per_frame * bits // hertz + padding


def adts(window: Window) -> Detection | None:
    """AAC in ADTS frames: two in a row."""
    return _frames(window, found("audio/aac", Kind.AUDIO), 7, adts_length)


def _frames(
    window: Window, detection: Detection, header: int, length_of: Callable[[bytes], int]
) -> Detection | None:
    """Whether the file is two frames in a row, or one that is all of it."""
    with guessing(detection):
        length = length_of(window.read(0, header))
        follower = window.read(length, header) if length else b""
    alone = window.size is not None and window.size == length
    return detection if length and (alone or length_of(follower)) else None


def adts_length(header: bytes) -> int:
    """The length in bytes of the ADTS frame with this header; 0 if it is none."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return 0
    length = be(header[3:6]) >> 5 & 0x1FFF
    return length if length > 7 and header[2] >> 2 & 15 < 13 else 0


def ogg(window: Window) -> Detection:
    """Ogg: every stream's first page stands at the beginning; Theora and Dirac make it a film."""
    at = 0
    sound: str | None = None
    with guessing(found("audio/ogg", Kind.AUDIO)):
        for _ in range(_MAX_PAGES):
            page = window.read(at, 27)
            if page[:4] != b"OggS" or not page[5:6] or not page[5] & 2:
                break
            lacing = window.read(at + 27, page[26] if len(page) > 26 else 0)
            body = at + 27 + len(lacing)
            start = window.read(body, 8)
            if start[:7] == b"\x80theora" or start[:5] == b"BBCD\0" or start[:6] == b"\1video":
                return found("video/ogg", Kind.VIDEO)
            sound = sound or _ogg_codec(start)
            at = body + sum(lacing)
    if sound is None:
        return refuse("application/ogg", "The Ogg file holds neither sound nor film.")
    return found("audio/ogg", Kind.AUDIO, codec=sound)


def _ogg_codec(start: bytes) -> str | None:
    names = {b"\1vorbis": "vorbis", b"OpusHead": "opus", b"\x7fFLAC": "flac", b"Speex   ": "speex"}
    return next((name for magic, name in names.items() if start.startswith(magic)), None)


def asf(window: Window) -> Detection:
    """Windows Media: the stream types named in the header object."""
    length = min(le(window.read(16, 8)), _ASF_HEADER_BYTES)
    header = window.read(0, length)
    if _ASF_VIDEO in header:
        return found("video/x-ms-wmv", Kind.VIDEO)
    if _ASF_AUDIO in header:
        return found("audio/x-ms-wma", Kind.AUDIO)
    return found("video/x-ms-asf", Kind.VIDEO)


def transport_stream(window: Window) -> Detection | None:
    """MPEG-TS: the sync byte at three packets in a row, plain (188), M2TS (192) or FEC (204)."""
    for first, step in ((0, 188), (4, 192), (0, 204)):
        if all(window.peek(first + step * n, 1) == b"G" for n in range(3)):
            return found("video/mp2t", Kind.VIDEO)
    return None


def dolby(window: Window) -> Detection:
    """AC-3 and E-AC-3, which share a sync word, by the version of their bit stream."""
    version = be(window.read(5, 1)) >> 3
    return found("audio/eac3" if version > 10 else "audio/ac3", Kind.AUDIO)
