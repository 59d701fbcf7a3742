"""What an address tells a browser to do with a file."""

from urllib.parse import quote


def attachment(filename: str) -> str:
    """To save it under a name: RFC 6266, with the name in the encoding of RFC 8187."""
    return f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
