"""TIFF pyramids: files whose pages are one image at half the size of the page before."""

from typing import Any, Final

import pyvips

NEAR: Final = 5
"""Pixels by which a page may differ from half of the page before, after any number of halvings."""


def level(source: Any, header: Any, pages: int, enough: float) -> int:
    """The smallest page that is no more than `enough` times smaller than the first; 0 without any.

    `source` is a libvips source, `header` its first page.
    """
    found = 0
    while found + 1 < pages and 2 ** (found + 1) <= enough:
        page = pyvips.Image.new_from_source(source, "", page=found + 1, access="sequential")
        factor = 2 ** (found + 1)
        if (
            max(abs(page.width - header.width / factor), abs(page.height - header.height / factor))
            > NEAR
        ):
            break
        found += 1
    return found
