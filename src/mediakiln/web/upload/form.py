"""multipart/form-data (RFC 7578), read as it arrives: nothing is held but the small fields.

The files' bytes go to the store while they arrive. Fields may stand before the first file or
behind it: `fields` is complete once its `content` has ended, which is before anything is
committed. A second file ends that: fields behind it would come too late for what is committed.
"""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from mediakiln.model.errors import IncompleteUpload, InvalidRequest, MediakilnError, TooLarge
from mediakiln.stages.receive import too_large

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks  # exists for type checkers only

FIELDS: Final = frozenset({"recipe", "uploader", "tags"})
LISTS: Final = frozenset({"tags"})
"""Fields that may come more than once: their values are joined by commas."""
FILE: Final = "file"
MAX_FIELDS: Final = 20
MAX_FIELD_BYTES: Final = 64 * 1024
"""Of all fields together."""


@dataclass(frozen=True, slots=True)
class Part:
    """The beginning of a part."""

    name: str
    filename: str | None
    media_type: str | None


_Event: TypeAlias = Part | bytes | MediakilnError | None
"""A part begins, some of its bytes, what is wrong with all that follows, a part's end."""


class Form:
    """A form on its way in: `open` reads up to the first file, `content` that file itself.

    It holds at most `max_files` files, of at most `max_bytes` bytes together.
    """

    def __init__(
        self, content_type: str, chunks: AsyncIterator[bytes], *, max_files: int, max_bytes: int
    ) -> None:
        self.fields: dict[str, str] = {}
        self.files = 0
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._received = 0
        self._given = 0
        self._room = MAX_FIELD_BYTES
        self._events = _events(_boundary(content_type), chunks, MAX_FIELDS + max_files + 1)
        self._following: Part | MediakilnError | None = None
        self._over = False

    async def open(self) -> Part:
        """Read the fields; the first file's bytes come next.

        Raises:
            InvalidRequest: the form cannot be read, or holds no file.
            IncompleteUpload: it ended in the middle.
            TooLarge: too many or too large fields.
        """
        file = await self._until_file()
        if file is None:
            raise InvalidRequest(
                "the form holds no file", field=FILE, allowed=[FILE, *sorted(FIELDS)]
            )
        return file

    async def content(self) -> AsyncGenerator[bytes, None]:
        """The file's bytes. Ends only when all was read up to the next file, or the form's end.

        Raises:
            InvalidRequest: what follows the first file is wrong.
            TooLarge: the files are too large together, or the fields are.
            IncompleteUpload: the form ended in the middle.
        """
        async for event in self._events:
            if not isinstance(event, bytes):
                break
            self._received += len(event)
            if self._received > self._max_bytes:
                self._over = True
                raise too_large(self._max_bytes, self._received)
            yield event
        try:
            self._following = await self._until_file()
        except MediakilnError as error:
            if self.files == 1:
                raise
            self._following = error  # it says nothing of this file

    async def following(self) -> Part | None:
        """The next file, once the one before was read, or will not be; None at the form's end.

        Raises:
            InvalidRequest, TooLarge, IncompleteUpload: nothing more can be read.
        """
        if self._over:
            return None
        if self._following is None:
            async for _ in self.content():
                pass
        following, self._following = self._following, None
        if isinstance(following, MediakilnError):
            self._over = True
            raise following
        self._over = following is None
        return following

    async def close(self) -> None:
        """Let go of the body."""
        await self._events.aclose()

    async def _until_file(self) -> Part | None:
        """Read fields up to the next file."""
        async for event in self._events:
            if not isinstance(event, Part):
                continue
            if event.name != FILE:
                await self._field(event)
                continue
            self.files += 1
            if self.files > self._max_files:
                raise TooLarge(
                    f"the form has more than {self._max_files} files",
                    limit=self._max_files,
                    hint="send the rest in another request, or raise MEDIAKILN_MAX_FORM_FILES",
                )
            return event
        return None

    async def _field(self, part: Part) -> None:
        self._refuse_unknown(part)
        self._given += 1
        if self._given > MAX_FIELDS:
            raise TooLarge(f"the form has more than {MAX_FIELDS} fields", limit=MAX_FIELDS)
        value = await self._value(self._room)
        self._room -= len(value)
        text = _text(value, part.name)
        if part.name in self.fields:
            text = f"{self.fields[part.name]},{text}"
        self.fields[part.name] = text

    def _refuse_unknown(self, part: Part) -> None:
        if part.name not in FIELDS:
            raise InvalidRequest(
                f"the form has an unknown field {part.name[:80]!r}",
                field=part.name[:80],
                allowed=[FILE, *sorted(FIELDS)],
            )
        if self.files > 1:
            raise InvalidRequest(
                f"the field {part.name!r} comes too late",
                field=part.name,
                hint="fields stand before the second file",
            )
        if part.name in self.fields and part.name not in LISTS:
            raise InvalidRequest(f"the form gives {part.name!r} twice", field=part.name)

    async def _value(self, room: int) -> bytes:
        value = bytearray()
        async for event in self._events:
            if not isinstance(event, bytes):
                break
            value += event
            if len(value) > room:
                raise TooLarge(
                    f"the form's fields hold more than {MAX_FIELD_BYTES} bytes",
                    limit=MAX_FIELD_BYTES,
                )
        return bytes(value)


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
                    name=_text(options[b"name"], "name"),
                    filename=None if filename is None else _text(filename, "filename"),
                    media_type=self.headers.get(b"content-type", b"").decode("latin-1") or None,
                )
            )
        except InvalidRequest as error:
            self.events.append(error)

    def data(self, data: bytes, start: int, end: int) -> None:
        self.events.append(data[start:end])

    def end(self) -> None:
        self.ended = True


def is_form(content_type: str) -> bool:
    """Whether a body of this type is a form with files."""
    return content_type.partition(";")[0].strip().lower() == "multipart/form-data"


def _boundary(content_type: str) -> bytes:
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:  # noqa: PLR2004 - RFC 2046, 5.1.1
        raise InvalidRequest("the form's Content-Type names no boundary of 1 to 70 characters")
    return boundary


def _text(value: bytes, what: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(f"{what} is not valid UTF-8", field=what) from None
