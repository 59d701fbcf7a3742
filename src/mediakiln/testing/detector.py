"""What every detector must do. Subclass `DetectorContract` and give it a `detector` fixture."""

import time
from dataclasses import dataclass, field

import pytest

from mediakiln.model.kind import Kind
from mediakiln.ports.detector import HEAD_BYTES, Detection, Detector
from mediakiln.testing.specimen_table import SPECIMENS
from mediakiln.testing.specimens import Specimen

_READS = 40
_READ_BYTES = 2 * 1024 * 1024
_SNIFF_SECONDS = 0.05


@dataclass(slots=True)
class CountedBytes:
    """A `RandomAccess` over bytes that counts what is asked of it."""

    content: bytes
    claimed: int | None = None
    reads: list[tuple[int, int]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """The size it claims to have: the real one unless a test says otherwise."""
        return len(self.content) if self.claimed is None else self.claimed

    async def read(self, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start`."""
        assert start >= 0
        assert length > 0
        self.reads.append((start, length))
        return self.content[start : start + length]


def _specimens() -> list[object]:
    return [pytest.param(specimen, id=specimen.name) for specimen in SPECIMENS]


def _verdict(detection: Detection) -> tuple[object, object]:
    return detection.media_type, detection.kind


def _is_right(detector: Detector, detection: Detection, specimen: Specimen) -> bool:
    """Whether the answer is the specimen's type; a learned one may know plain text better."""
    refined = detector.capabilities.learned and specimen.media_type == "text/plain"
    same = detection.media_type == specimen.media_type
    return detection.kind == specimen.kind and (refined or same)


class DetectorContract:
    """Types by content, honest about certainty, and frugal with reads."""

    @pytest.mark.parametrize("specimen", _specimens())
    def test_a_whole_file_is_named(self, detector: Detector, specimen: Specimen) -> None:
        detection = detector.sniff(specimen.content, complete=True)
        assert _is_right(detector, detection, specimen), detection
        assert detection.certain

    @pytest.mark.parametrize("specimen", _specimens())
    async def test_inspecting_and_sniffing_a_whole_file_agree(
        self, detector: Detector, specimen: Specimen
    ) -> None:
        source = CountedBytes(specimen.content)
        assert await detector.inspect(source) == detector.sniff(specimen.content, complete=True)

    @pytest.mark.parametrize("specimen", _specimens())
    def test_a_certain_answer_of_a_head_holds_for_the_file(
        self, detector: Detector, specimen: Specimen
    ) -> None:
        for length in {1, 8, 16, 64, 200, 1000, len(specimen.content)}:
            detection = detector.sniff(specimen.content[:length], complete=False)
            if detection.certain:
                assert _is_right(detector, detection, specimen), detection

    @pytest.mark.parametrize("specimen", _specimens())
    def test_a_refusal_says_why(self, detector: Detector, specimen: Specimen) -> None:
        detection = detector.sniff(specimen.content, complete=True)
        assert (detection.refused is not None) == (specimen.kind is None)
        assert detection.refused != ""

    def test_a_name_and_a_declared_type_are_no_evidence(self, detector: Detector) -> None:
        for specimen in SPECIMENS:
            if specimen.media_type == "text/plain" or specimen.kind is None:
                continue
            lied = detector.sniff(
                specimen.content, complete=True, name="lie.exe", declared="video/mp4"
            )
            assert _verdict(lied) == (specimen.media_type, specimen.kind), specimen.name

    def test_an_empty_file_is_of_no_type(self, detector: Detector) -> None:
        detection = detector.sniff(b"", complete=True)
        assert _verdict(detection) == (None, None)
        assert detection.refused

    def test_nothing_is_known_before_the_first_byte(self, detector: Detector) -> None:
        detection = detector.sniff(b"", complete=False)
        assert detection == Detection(None, None, certain=False)

    async def test_an_empty_object_is_of_no_type(self, detector: Detector) -> None:
        detection = await detector.inspect(CountedBytes(b""))
        assert _verdict(detection) == (None, None)
        assert detection.certain
        assert detection.refused

    async def test_inspecting_is_always_certain_and_frugal(self, detector: Detector) -> None:
        for specimen in SPECIMENS:
            long = CountedBytes(specimen.content + bytes(3 * HEAD_BYTES))
            detection = await detector.inspect(long)
            assert detection.certain
            assert (detection.kind is None) == (detection.refused is not None)
            assert len(long.reads) <= _READS
            assert sum(length for _, length in long.reads) <= _READ_BYTES

    async def test_an_object_shorter_than_it_claims_is_no_trap(self, detector: Detector) -> None:
        for specimen in SPECIMENS:
            source = CountedBytes(specimen.content, claimed=len(specimen.content) + 10**12)
            detection = await detector.inspect(source)
            assert detection.certain
            assert len(source.reads) <= _READS

    def test_odd_names_do_no_harm(self, detector: Detector) -> None:
        for name in ("", ".", "..", "a\x00.md", "\u202egnp.exe", "x" * 5000, "/a/b/", "a." * 900):
            detection = detector.sniff(b"\xff\xd8\xff\xe0", complete=True, name=name)
            assert detection.media_type == "image/jpeg"

    def test_a_head_longer_than_agreed_is_no_trap(self, detector: Detector) -> None:
        head = b"word " * HEAD_BYTES
        started = time.perf_counter()
        detection = detector.sniff(head, complete=True)
        assert time.perf_counter() - started < _SNIFF_SECONDS * 4
        assert detection.kind == Kind.DOCUMENT
