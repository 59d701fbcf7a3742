"""Which keys, prefixes, ranges and bytes are accepted, the same for every engine."""

from blake3 import blake3

from mediakiln.model.errors import ChecksumMismatch, InvalidRequest

KEY_BYTES = 1024
"""Longest key, as UTF-8: S3's limit, and below every file system's."""
PART_BYTES = 255
"""Longest part between slashes: a file name's limit on Linux."""


def check_key(key: str) -> None:
    """Refuse a key that some engine could not keep, or that would leave its bucket.

    Raises:
        InvalidRequest: the key is empty, absolute or too long, has an empty, `.` or `..` part,
            or holds a control character or a lone surrogate.
    """
    size = _byte_length(key)
    if size > KEY_BYTES:
        raise InvalidRequest("The key is too long.", limit=KEY_BYTES, value=size)
    for part in key.split("/"):
        _check_part(part, key)


def check_prefix(prefix: str) -> None:
    """Refuse a prefix with which no key can begin. After its last slash anything may stand.

    Raises:
        InvalidRequest: as `check_key`.
    """
    folder, slash, _ = prefix.rpartition("/")
    _byte_length(prefix)
    if slash:
        check_key(folder)


def check_range(start: int, end: int | None) -> None:
    """Refuse a range that counts from an object's end or runs backwards.

    Raises:
        InvalidRequest: `start` is negative or lies behind `end`.
    """
    if start < 0 or (end is not None and end < start):
        raise InvalidRequest("The range is not one.", start=start, end=end)


def check_sum(found: blake3, checksum: str, key: str) -> None:
    """Refuse bytes with another checksum than they must have.

    Raises:
        ChecksumMismatch: they have.
    """
    if f"blake3:{found.hexdigest()}" != checksum:
        raise ChecksumMismatch("The file does not have the checksum it must have.", key=key)


def _check_part(part: str, key: str) -> None:
    if part in {"", ".", ".."}:
        raise InvalidRequest("A key has no empty, '.' or '..' parts.", key=key)
    size = len(part.encode())
    if size > PART_BYTES:
        raise InvalidRequest("A part of the key is too long.", limit=PART_BYTES, value=size)


def _byte_length(text: str) -> int:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidRequest("A key is valid Unicode.", key=ascii(text)) from error
    if any(character < " " or character == "\x7f" for character in text):
        raise InvalidRequest("A key has no control characters.", key=ascii(text))
    return size
