"""Conditional requests (RFC 9110, section 13) against one strong entity tag."""

import re

_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


def none_matches(header: str, etag: str) -> bool:
    """If-None-Match: whether none of the tags is the content's (weak comparison)."""
    if header.strip() == "*":
        return False
    return etag not in {tag.removeprefix("W/") for tag in _TAG.findall(header)}


def some_matches(header: str, etag: str) -> bool:
    """If-Match: whether one of the tags is the content's (strong comparison)."""
    return header.strip() == "*" or etag in _TAG.findall(header)


def range_applies(header: str | None, etag: str) -> bool:
    """If-Range: whether the Range header counts. Dates never match: no Last-Modified is sent."""
    return header is None or header.strip() == etag
