"""Manifests: a file's URL a line, as CSV with a header (RFC 4180) or as JSON lines.

Read as they come, however long they are. A line that cannot be read becomes an item that has
failed, under the line's own number.
"""

import csv
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from functools import partial
from io import StringIO
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mediakiln.model.errors import InvalidRequest
from mediakiln.model.imports import MAX_ITEM_BYTES, Item
from mediakiln.stages.importing.desk import failed_item

COLUMNS: Final = ("url", "name", "recipe", "tags", "uploader")
MAX_TAGS: Final = 50
MAX_TAG_CHARS: Final = 64
MAX_UPLOADER_CHARS: Final = 200

_MAX_LINE: Final = 2 * MAX_ITEM_BYTES
_BAD_LINE: Final = "invalid_line"


class Entry(BaseModel):
    """One file of a list."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(description="Where the file is.", min_length=1, max_length=4096)
    name: str | None = Field(default=None, description="What to call it.", max_length=255)
    recipe: str | None = Field(default=None, description="A preset's name.", max_length=100)
    tags: tuple[str, ...] = Field((), description="Tags to give it.", max_length=MAX_TAGS)
    uploader: str | None = Field(
        default=None, description="Whose it is.", max_length=MAX_UPLOADER_CHARS
    )

    def item(self, number: int) -> Item:
        """The entry under its number.

        Raises:
            InvalidRequest: a tag or the uploader cannot be one.
        """
        for tag in self.tags:
            if not 0 < len(tag) <= MAX_TAG_CHARS or not tag.isprintable():
                raise InvalidRequest(f"a tag is 1 to {MAX_TAG_CHARS} printable characters")
        if self.uploader is not None and not self.uploader.isprintable():
            raise InvalidRequest("the uploader holds characters that cannot be printed")
        return Item(
            number=number,
            source=self.url,
            name=self.name or None,
            recipe=self.recipe or None,
            tags=self.tags,
            uploader=self.uploader or None,
        )


async def read_csv(chunks: AsyncIterator[bytes]) -> AsyncIterator[Item]:
    """The items of a CSV manifest: the columns that its first line names, `url` among them.

    Tags are separated by semicolons or commas. A quoted field does not go over lines.

    Raises:
        InvalidRequest: the first line is no header, or names a column that there is not.
    """
    header: list[str] | None = None
    async for number, line in _lines(chunks):
        if header is None:
            header = _header(line)
        elif not isinstance(line, str):
            yield line
        elif line.strip():
            yield _item(number, partial(_csv_entry, line, header))


async def read_jsonl(chunks: AsyncIterator[bytes]) -> AsyncIterator[Item]:
    """The items of a manifest of JSON objects, one a line."""
    async for number, line in _lines(chunks):
        if not isinstance(line, str):
            yield line
        elif line.strip():
            yield _item(number, partial(json.loads, line))


async def of_entries(entries: Iterable[Any]) -> AsyncIterator[Item]:
    """The items of a list that came whole: URLs, and objects as in a manifest."""
    for number, entry in enumerate(entries, 1):
        read = {"url": entry} if isinstance(entry, str) else entry
        yield _item(number, partial(_as_it_is, read))


def _as_it_is(value: Any) -> Any:
    return value


def _item(number: int, read: Callable[[], Any]) -> Item:
    try:
        return Entry.model_validate(_with_tags(read())).item(number)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return _bad(number, f"{where}: {first['msg']}" if where else first["msg"])
    except (InvalidRequest, ValueError, RecursionError, csv.Error) as error:
        return _bad(number, str(error))


def _with_tags(value: Any) -> Any:
    """Tags may be written as one text."""
    if not isinstance(value, Mapping):
        raise InvalidRequest("not an object with a url")
    tags = value.get("tags")
    if isinstance(tags, str):
        parts = (tag.strip() for tag in tags.replace(";", ",").split(","))
        return {**value, "tags": tuple(dict.fromkeys(tag for tag in parts if tag))}
    return value


def _csv_entry(line: str, header: list[str]) -> Mapping[str, str | None]:
    fields = next(csv.reader(StringIO(line), strict=True))
    if len(fields) > len(header):
        raise InvalidRequest(f"{len(fields)} fields where there are {len(header)} columns")
    return {name: value.strip() for name, value in zip(header, fields, strict=False) if value}


def _header(line: str | Item) -> list[str]:
    if not isinstance(line, str):
        raise InvalidRequest(line.error.message if line.error else "line 1 is no header")
    try:
        header = [name.strip().lower() for name in next(csv.reader(StringIO(line), strict=True))]
    except (csv.Error, StopIteration) as error:
        raise InvalidRequest(f"line 1 is no header: {error}") from None
    unknown = [name for name in header if name not in COLUMNS]
    if "url" not in header or unknown or len(set(header)) < len(header):
        raise InvalidRequest(
            "the first line names the columns, `url` among them",
            value=header[:10],
            allowed=list(COLUMNS),
        )
    return header


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, str | Item]]:
    """Numbered lines; one that is too long or not UTF-8 comes as a failed item."""
    number, rest, long = 0, b"", False
    async for chunk in _ended(chunks):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            number += 1
            yield number, _bad_size(number) if long else _text(number, line)
            long = False
        if len(rest) > _MAX_LINE:
            rest, long = b"", True


async def _ended(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks, the last line of which is ended like any other."""
    last = b"\n"
    async for chunk in chunks:
        if chunk:
            last = chunk
            yield chunk
    if not last.endswith(b"\n"):
        yield b"\n"


def _text(number: int, line: bytes) -> str | Item:
    if len(line) > _MAX_LINE:
        return _bad_size(number)
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r")
    except UnicodeDecodeError:
        return _bad(number, "not UTF-8")


def _bad_size(number: int) -> Item:
    return _bad(number, f"longer than {_MAX_LINE} bytes")


def _bad(number: int, why: str) -> Item:
    return failed_item(number, _BAD_LINE, f"line {number}: {why}")
