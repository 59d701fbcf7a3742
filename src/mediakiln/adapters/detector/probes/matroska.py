"""Matroska and WebM (RFC 8794, RFC 9559): the DocType, then the types of the tracks."""

from collections.abc import Iterator

from mediakiln.adapters.detector.probes.window import Window, be, found, guessing
from mediakiln.model.kind import Kind
from mediakiln.ports.detector import Detection

_EBML, _DOC_TYPE, _SEGMENT = 0x1A45DFA3, 0x4282, 0x18538067
_SEEK_HEAD, _SEEK, _SEEK_ID, _SEEK_POSITION = 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
_TRACKS, _TRACK_ENTRY, _TRACK_TYPE, _CLUSTER = 0x1654AE6B, 0xAE, 0x83, 0x1F43B675
_VIDEO, _AUDIO = 1, 2

_MAX_ELEMENTS = 256
_NO_END = 1 << 62

Element = tuple[int, int, int]
"""(identifier, start of the body, end of the body)."""


def matroska(window: Window) -> Detection | None:
    """Matroska or WebM, audio if none of its tracks shows pictures."""
    whole = (0, window.size if window.size is not None else _NO_END)
    family = ""
    video = found("video/x-matroska", Kind.VIDEO)
    with guessing(video):
        for identifier, start, end in _elements(window, whole):
            if identifier == _EBML:
                family = _doc_type(window, (start, end))
                if family not in {"matroska", "webm"}:
                    return None
                video = _named(family, Kind.VIDEO)
            elif identifier == _SEGMENT:
                with guessing(video):
                    types = _track_types(window, (start, end))
                only_audio = _AUDIO in types and _VIDEO not in types
                return _named(family, Kind.AUDIO) if only_audio else video
    return video if family else None


def _named(family: str, kind: Kind) -> Detection:
    # RFC 9559 registers video/matroska; players and browsers still know the older name.
    subtype = "webm" if family == "webm" else "x-matroska"
    return found(f"{kind}/{subtype}", kind, doctype=family)


def _doc_type(window: Window, span: tuple[int, int]) -> str:
    for identifier, start, end in _elements(window, span):
        if identifier == _DOC_TYPE:
            return window.read(start, min(end - start, 16)).rstrip(b"\0").decode("latin-1")
    return "matroska"  # RFC 8794 wants a DocType; the earliest writers left it out


def _track_types(window: Window, segment: tuple[int, int]) -> set[int]:
    """The types of the tracks; they stand before the first cluster or where SeekHead says."""
    sought = 0
    for identifier, start, end in _elements(window, segment):
        if identifier == _TRACKS:
            return _types_within(window, (start, end))
        if identifier == _SEEK_HEAD:
            sought = sought or _tracks_position(window, (start, end))
        elif identifier == _CLUSTER:
            break
    if sought:
        for identifier, start, end in _elements(window, (segment[0] + sought, segment[1])):
            return _types_within(window, (start, end)) if identifier == _TRACKS else set()
    return set()


def _types_within(window: Window, tracks: tuple[int, int]) -> set[int]:
    types: set[int] = set()
    for identifier, start, end in _elements(window, tracks):
        if identifier != _TRACK_ENTRY:
            continue
        for inner, value, value_end in _elements(window, (start, end)):
            if inner == _TRACK_TYPE:
                types.add(be(window.read(value, min(value_end - value, 8))))
                break
        if _VIDEO in types:
            break
    return types


def _tracks_position(window: Window, seek_head: tuple[int, int]) -> int:
    for identifier, start, end in _elements(window, seek_head):
        if identifier != _SEEK:
            continue
        values = {
            inner: be(window.read(value, min(value_end - value, 8)))
            for inner, value, value_end in _elements(window, (start, end))
        }
        if values.get(_SEEK_ID) == _TRACKS:
            return values.get(_SEEK_POSITION, 0)
    return 0


def _elements(window: Window, span: tuple[int, int]) -> Iterator[Element]:
    """The elements directly within `span`; one of unknown size reaches to its end."""
    at, end = span
    for _ in range(_MAX_ELEMENTS):
        if at >= end:
            return
        header = window.read(at, min(12, end - at))
        id_length = _length(header[:1])
        size_length = _length(header[id_length : id_length + 1])
        if not 1 <= id_length <= 4 or not size_length:
            return
        body = at + id_length + size_length
        coded = be(header[id_length : id_length + size_length])
        mask = (1 << 7 * size_length) - 1
        unknown = coded & mask == mask
        stop = end if unknown else min(body + (coded & mask), end)
        yield be(header[:id_length]), body, stop
        at = stop


def _length(first: bytes) -> int:
    """How many bytes a variable-size integer takes, told by its first; 0 if that is none."""
    return 9 - first[0].bit_length() if first and first[0] else 0
