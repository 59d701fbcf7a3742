"""The parts of multipart/form-data (RFC 7578), as they arrive."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from mediakiln.model.errors import IncompleteUpload, InvalidRequest, MediakilnError, TooLarge

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks  # exists for type checkers only


@dataclass(frozen=True, slots=True)
class Part:
    """The beginning of a part."""

    name: str
    filename: str | None
    media_type: str | None


_Event: TypeAlias = Part | bytes | MediakilnError | None
"""A part begins, some of its bytes, what is wrong with all that follows, a part's end."""


def is_form(content_type: str) -> bool:
    """Whether a body of this type is a form with files."""
    return content_type.partition(";")[0].strip().lower() == "multipart/form-data"


def events_of(
    content_type: str, chunks: AsyncIterator[bytes], *, max_parts: int
) -> AsyncGenerator[Part | bytes | None, None]:
    """Parts that begin, their bytes, and None at each part's end, as they arrive.

    Raises:
        InvalidRequest: the type names no boundary; while reading, the form cannot be read.
        TooLarge: while reading, more than `max_parts` parts.
        IncompleteUpload: while reading, the form ended in the middle.
    """
    return _events(_boundary(content_type), chunks, max_parts)


async def _events(
    boundary: bytes, chunks: AsyncIterator[bytes], max_parts: int
) -> AsyncGenerator[Part | bytes | None, None]:
    sink = _Sink(max_parts)
    parser = MultipartParser(boundary, sink.callbacks())
    async for chunk in chunks:
        try:
            parser.write(chunk)
        except FormParserError as error:
            sink.events.append(InvalidRequest(f"the form cannot be read: {error}"))
        while sink.events:
            event = sink.events.popleft()
            if isinstance(event, MediakilnError):
                raise event
            yield event
    if not sink.ended:
        raise IncompleteUpload("the form ended before its last boundary")


@dataclass(slots=True)
class _Sink:
    """Turns the parser's callbacks into events."""

    max_parts: int
    events: deque[_Event] = field(default_factory=deque)
    ended: bool = False
    parts: int = 0
    name: bytes = b""
    value: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self.part,
            "on_header_field": self.header_name,
            "on_header_value": self.header_value,
            "on_header_end": self.header,
            "on_headers_finished": self.begin,
            "on_part_data": self.data,
            "on_part_end": lambda: self.events.append(None),
            "on_end": self.end,
        }

    def part(self) -> None:
        self.parts += 1
        if self.parts > self.max_parts:
            self.events.append(
                TooLarge(f"the form has more than {self.max_parts} parts", limit=self.max_parts)
            )
        self.headers = {}

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self.name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def header(self) -> None:
        self.headers[self.name.lower()] = self.value
        self.name = self.value = b""

    def begin(self) -> None:
        # Browsers send names as UTF-8; the parser of options works on latin-1 text.
        kind, options = parse_options_header(
            self.headers.get(b"content-disposition", b"").decode("latin-1")
        )
        filename = options.get(b"filename")
        try:
            if kind != b"form-data" or b"name" not in options:
                raise InvalidRequest("a part of the form has no name")  # noqa: TRY301 - in its turn
            self.events.append(
                Part(
                    name=text_of(options[b"name"], "name"),
                    filename=None if filename is None else text_of(filename, "filename"),
                    media_type=self.headers.get(b"content-type", b"").decode("latin-1") or None,
                )
            )
        except InvalidRequest as error:
            self.events.append(error)

    def data(self, data: bytes, start: int, end: int) -> None:
        self.events.append(data[start:end])

    def end(self) -> None:
        self.ended = True


def _boundary(content_type: str) -> bytes:
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:  # noqa: PLR2004 - RFC 2046, 5.1.1
        raise InvalidRequest("the form's Content-Type names no boundary of 1 to 70 characters")
    return boundary


def text_of(value: bytes, what: str) -> str:
    """Bytes of a form as text.

    Raises:
        InvalidRequest: they are no UTF-8.
    """
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(f"{what} is not valid UTF-8", field=what) from None
