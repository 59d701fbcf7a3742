"""Range requests (RFC 9110, section 14), with bounded work whatever the header says."""

import re
from dataclasses import dataclass
from typing import Final

MAX_RANGES: Final = 16
_MAX_HEADER: Final = 2048
_SPEC = re.compile(r"(\d{0,18})\s*-\s*(\d{0,18})")


class Unsatisfiable(Exception):
    """No range lies inside the content, or there are too many of them."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Bytes from `start` up to, not including, `end`."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """How many bytes."""
        return self.end - self.start

    def content_range(self, total: int) -> str:
        """The value of Content-Range."""
        return f"bytes {self.start}-{self.end - 1}/{total}"


def parse_ranges(header: str, total: int) -> list[Span] | None:
    """The spans a Range header asks of `total` bytes; None when the header is to be ignored.

    Spans that overlap or touch are joined, so that no byte is sent twice; unit and syntax errors
    ignore the header, as the RFC has it.

    Raises:
        Unsatisfiable: nothing asked for exists, or more than `MAX_RANGES` are asked for.
    """
    unit, equals, specs = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    if len(header) > _MAX_HEADER or specs.count(",") >= MAX_RANGES:
        raise Unsatisfiable
    spans = []
    for spec in filter(None, (part.strip() for part in specs.split(","))):
        match = _SPEC.fullmatch(spec)
        if match is None or match[0].strip() == "-":
            return None
        first, last = match.groups()
        if first and last and int(last) < int(first):
            return None
        span = _span(first, last, total)
        if span is not None:
            spans.append(span)
    if not spans:
        raise Unsatisfiable
    return _joined(spans)


def _span(first: str, last: str, total: int) -> Span | None:
    if not first:
        wanted = min(int(last), total)
        return Span(total - wanted, total) if wanted else None
    start = int(first)
    end = min(int(last) + 1, total) if last else total
    return Span(start, end) if start < total else None


def _joined(spans: list[Span]) -> list[Span]:
    """Joined where they overlap or touch; apart from that in the order that was asked for."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    if len(joined) == len(spans):
        return spans
    return joined
