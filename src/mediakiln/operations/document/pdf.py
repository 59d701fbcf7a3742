"""PDF, by PDFium. It is not thread-safe: one process works on one document at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2
from pypdfium2 import raw

from mediakiln.model.errors import BadMedia, PasswordRequired
from mediakiln.operations.document.extracted import Extracted, clean, numbered
from mediakiln.operations.document.limits import ReadLimits

_HYPHEN = "\x02"
"""PDFium's sign for a hyphen that a line break made: the word goes on without it."""


def read(path: Path, limits: ReadLimits) -> Extracted:
    """Read the text layer page by page; scanned pages have none and stay empty.

    Raises:
        PasswordRequired: encrypted, and the password is missing or wrong.
        BadMedia: PDFium cannot read it.
        LimitExceeded: more pages or text than is allowed.
    """
    document = _open(path, limits.password)
    try:
        count = len(document)
        wanted = limits.pages_to_read(count)
        about = document.get_metadata_dict()
        pages = numbered(_texts(document, wanted))
    finally:
        document.close()
    return Extracted(
        read=pages, pages=count, title=clean(about.get("Title")), author=clean(about.get("Author"))
    )


def _open(path: Path, password: str | None) -> Any:
    # PDFium takes paths as UTF-8; a stream works for names that are not.
    file = path.open("rb")
    try:
        return pypdfium2.PdfDocument(file, password=password, autoclose=True)
    except pypdfium2.PdfiumError as error:
        file.close()
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            wrong = "the password is wrong" if password else None
            raise PasswordRequired(wrong, hint="give the step's parameter password") from error
        raise BadMedia("the PDF is damaged: PDFium cannot open it") from error


def _texts(document: Any, count: int) -> Iterator[str]:
    damaged = 0
    for number in range(count):
        try:
            page = document[number]
            text = page.get_textpage()
        except pypdfium2.PdfiumError as error:
            damaged += 1
            if damaged == count:
                raise BadMedia("the PDF is damaged: none of its pages can be read") from error
            yield ""
            continue
        yield text.get_text_bounded().replace(_HYPHEN, "")
        # Pages keep everything they parsed until they are closed.
        text.close()
        page.close()
