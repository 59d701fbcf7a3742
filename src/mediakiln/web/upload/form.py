"""multipart/form-data (RFC 7578), read as it arrives: nothing is held but the small fields.

The files' bytes go to the store while they arrive. Fields may stand before the first file or
behind it: `fields` is complete once its `content` has ended, which is before anything is
committed. A second file ends that: fields behind it would come too late for what is committed.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from mediakiln.model.errors import InvalidRequest, MediakilnError, TooLarge
from mediakiln.stages.receive import too_large
from mediakiln.web.upload.form_parts import Part, events_of, text_of

FIELDS: Final = frozenset({"recipe", "uploader", "tags"})
LISTS: Final = frozenset({"tags"})
"""Fields that may come more than once: their values are joined by commas."""
FILE: Final = "file"
MAX_FIELDS: Final = 20
MAX_FIELD_BYTES: Final = 64 * 1024
"""Of all fields together."""


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
        self._events = events_of(content_type, chunks, max_parts=MAX_FIELDS + max_files + 1)
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
        text = text_of(value, part.name)
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
