"""The default detector: our own signatures, and a look into containers."""

import re
from dataclasses import replace

from mediakiln.adapters.detector.probes import reasons
from mediakiln.adapters.detector.probes.model3d import binary_stl
from mediakiln.adapters.detector.probes.prose import judge_text
from mediakiln.adapters.detector.probes.table import SIGNATURES
from mediakiln.adapters.detector.probes.text import decode
from mediakiln.adapters.detector.probes.window import NotSeen, Window, found, refuse
from mediakiln.model.kind import Kind
from mediakiln.ports.detector import HEAD_BYTES, Detection, DetectorCapabilities, RandomAccess

_MAX_READS = 32
_READ_AHEAD = 16 * 1024
_LATE_PDF = re.compile(rb"%PDF-[12]\.\d\s")
_LATE_PDF_WITHIN = 1024


class SignatureDetector:
    """Judges by content alone: a table of signatures, grammars of texts, trees of containers.

    `sniff` takes well under a millisecond. `inspect` reads the head and, where that does not
    settle it, at most 32 more pieces; no length in a file is trusted, nothing is decompressed.
    """

    capabilities = DetectorCapabilities(containers=True, learned=False)

    def sniff(
        self, head: bytes, *, complete: bool, name: str = "", declared: str | None = None
    ) -> Detection:
        """Judge by the first bytes; `complete` says that they are all there are."""
        complete = complete and len(head) <= HEAD_BYTES
        head = head[:HEAD_BYTES]
        window = Window.of(head, len(head) if complete else None, name, declared)
        try:
            return _judge(window)
        except NotSeen as missing:
            return _guess(missing)

    async def inspect(
        self, source: RandomAccess, *, name: str = "", declared: str | None = None
    ) -> Detection:
        """Judge by the whole object; always certain."""
        head = await source.read(0, HEAD_BYTES)
        window = Window.of(head, max(source.size, len(head)), name, declared)
        detection = Detection(None, None)
        for _ in range(_MAX_READS):
            try:
                detection = _judge(window)
                break
            except NotSeen as missing:
                detection = _guess(missing)
                await _fetch(source, window, missing)
        return _settled(detection)


async def _fetch(source: RandomAccess, window: Window, missing: NotSeen) -> None:
    length = max(missing.length, _READ_AHEAD)
    piece = await source.read(missing.start, length)
    window.pieces.append((missing.start, piece))
    if len(piece) < missing.length:  # the object is shorter than it was said to be
        window.size = missing.start + len(piece)


def _guess(missing: NotSeen) -> Detection:
    return replace(missing.guess or Detection(None, None), certain=False)


def _settled(detection: Detection) -> Detection:
    """A certain answer: what is neither accepted nor refused by now is unknown."""
    if detection.kind is None and detection.refused is None:
        return refuse(detection.media_type, reasons.UNKNOWN)
    return replace(detection, certain=True)


def _judge(window: Window) -> Detection:
    if not window.head:
        known = window.size is not None
        return Detection(None, None, certain=known, refused=reasons.EMPTY if known else None)
    for signature in SIGNATURES:
        if window.head.startswith(signature.magic, signature.offset):
            detection = signature.judge(window)
            if detection is not None:
                return replace(detection, metadata=dict(detection.metadata))
    return binary_stl(window) or _without_signature(window)


def _without_signature(window: Window) -> Detection:
    if _LATE_PDF.search(window.head, 0, _LATE_PDF_WITHIN) and b" obj" in window.head[:4096]:
        return found("application/pdf", Kind.DOCUMENT)
    text = decode(window)
    if text is not None:
        return judge_text(text, window)
    if window.size is None and len(window.head) < HEAD_BYTES:
        return Detection(None, None, certain=False)
    return refuse(None, reasons.UNKNOWN)
