"""`document.text`: the words of a document, for people and for search."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from mediakiln.model.errors import EmptyFile
from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.document.limits import ReadLimits
from mediakiln.ports.operation import Context, OperationCapabilities, Params, operation

if TYPE_CHECKING:
    from mediakiln.operations.document.extracted import Extracted

_TEXT_FILE, _JSON_FILE = "text.txt", "text.json"


class TextParams(Params):
    """What to write, and how much to read."""

    format: Literal["both", "text", "json"] = Field(
        default="both",
        description="text: text.txt, UTF-8; json: text.json with the text page by page and what "
        "the document says about itself; both.",
    )
    max_pages: int = Field(
        default=1_000,
        ge=1,
        le=10_000,
        description="Read at most this many pages, slides, sheets or chapters, from the first.",
    )
    password: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        description="Opens an encrypted PDF. It is kept with the recipe, so share it with care.",
    )


@operation(
    "document.text",
    Kind.DOCUMENT,
    accepts=(
        "application/pdf",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.oasis.opendocument.presentation",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/epub+zip",
        "application/xhtml+xml",
        "application/xml",
        "application/json",
        "application/rtf",
        "text/*",
    ),
    produces=("text/plain", "application/json"),
    capabilities=OperationCapabilities(
        memory_mb=1024,
        scratch_mb=256,
        preload=("mediakiln.operations.document.readers",),
        tools=("pypdfium2", "lxml", "selectolax", "charset-normalizer", "striprtf"),
    ),
)
def text(source: Path, params: TextParams, out: Path, *, context: Context) -> Iterable[Product]:
    """Extract a document's text, page by page, with its title and author.

    Yields `text.txt` and `text.json`. Pages without a text layer are empty: nothing is recognised.

    Raises:
        PasswordRequired: it is encrypted.
        EmptyFile, UnsupportedMedia, BadMedia: it cannot be read.
        LimitExceeded: more pages, text or unpacked bytes than are allowed.
    """
    from mediakiln.operations.document import readers

    if source.stat().st_size == 0:
        raise EmptyFile
    limits = ReadLimits(params.max_pages, context.max_frames, params.password)
    found = readers.read(source, context.media_type, limits)
    facts = _facts(found)
    writers: dict[str, Callable[[], str]] = {
        _TEXT_FILE: lambda: found.text,
        _JSON_FILE: lambda: _as_json(found, facts),
    }
    for file, media_type, form in (
        (_TEXT_FILE, "text/plain", "text"),
        (_JSON_FILE, "application/json", "json"),
    ):
        if params.format in {form, "both"}:
            (out / file).write_text(writers[file](), encoding="utf-8", newline="\n")
            yield Product(file=file, media_type=media_type, metadata=facts)


def _facts(found: "Extracted") -> dict[str, Any]:
    """What is known of the text. `language` is null: this step does not tell languages."""
    whole = found.text
    return {
        "title": found.title,
        "author": found.author,
        "pages": found.pages,
        "pages_read": len(found.read),
        "characters": len(whole),
        "words": len(whole.split()),
        "language": None,
    }


def _as_json(found: "Extracted", facts: dict[str, Any]) -> str:
    pages = [{"page": page.number, "text": page.text} for page in found.read]
    return json.dumps({"metadata": facts, "pages": pages}, ensure_ascii=False, indent=1) + "\n"
