"""What a reader found in a document, and the bounds on how much it may be."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mediakiln.model.errors import LimitExceeded

MAX_CHARACTERS = 20_000_000
"""Of one document's text; the longest novels have three million."""

_SPACE_BEFORE_BREAK = re.compile(r"[ \t]+\n")
_BLANK_LINES = re.compile(r"\n{3,}")
# C0 and C1 controls but tab and newline, surrogates, byte order marks and noncharacters.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Page:
    """One page, slide, sheet or chapter; `number` counts from 1 in reading order."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Extracted:
    """A document's text in reading order, and what it says about itself.

    `pages` is how many it has, where its format knows pages; `read` may be fewer of them.
    """

    read: tuple[Page, ...]
    pages: int | None = None
    title: str | None = None
    author: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Everything, pages apart by a blank line, with a newline at its end."""
        joined = "\n\n".join(page.text for page in self.read if page.text)
        return f"{joined}\n" if joined else ""


def tidy(text: str) -> str:
    """Newlines as LF, no control characters, no trailing spaces, at most one blank line."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n")
    text = _SPACE_BEFORE_BREAK.sub("\n", _UNWANTED.sub("", text))
    return _BLANK_LINES.sub("\n\n", text).strip("\n").rstrip()


def numbered(texts: Iterable[str]) -> tuple[Page, ...]:
    """Tidy pages, numbered from 1, within the bound on a document's text."""
    return tuple(Page(n, text) for n, text in enumerate(_bounded(texts), start=1))


def bounded(texts: Iterable[str]) -> Iterator[str]:
    """Pass pieces of raw text on until they exceed the bound.

    Raises:
        LimitExceeded: more than `MAX_CHARACTERS` altogether.
    """
    total = 0
    for text in texts:
        total += len(text)
        if total > MAX_CHARACTERS:
            raise LimitExceeded(
                f"the document has more than {MAX_CHARACTERS} characters of text",
                limit=MAX_CHARACTERS,
                value=total,
            )
        yield text


def _bounded(texts: Iterable[str]) -> Iterator[str]:
    return (tidy(text) for text in bounded(texts))


def clean(value: str | None) -> str | None:
    """A title or name on one line, at most 500 characters; None when there is none."""
    return " ".join(tidy(value or "").split())[:500] or None
