"""How much of a document may be read."""

from dataclasses import dataclass

from mediakiln.model.errors import LimitExceeded

MAX_TEXT_BYTES = 64 * 1024 * 1024
"""Of a text or HTML file, which is read whole."""


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """`max_pages` is what the uploader wants read, `allowed` what the operator allows."""

    max_pages: int
    allowed: int
    password: str | None = None

    def pages_to_read(self, count: int) -> int:
        """How many of a document's pages to read.

        Raises:
            LimitExceeded: the uploader wants more than the operator allows.
        """
        wanted = min(count, self.max_pages)
        if wanted > self.allowed:
            raise LimitExceeded(
                f"{wanted} pages would be read; {self.allowed} are allowed",
                limit=self.allowed,
                value=wanted,
                hint=f"set max_pages to at most {self.allowed}",
            )
        return wanted


def check_size(size: int) -> None:
    """Refuse files that are too large to be read whole.

    Raises:
        LimitExceeded: larger than `MAX_TEXT_BYTES`.
    """
    if size > MAX_TEXT_BYTES:
        raise LimitExceeded(
            f"the file has {size} bytes; {MAX_TEXT_BYTES} are allowed for text",
            limit=MAX_TEXT_BYTES,
            value=size,
        )
