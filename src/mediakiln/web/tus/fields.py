"""The protocol's request headers, each read as strictly as its text says."""

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from mediakiln.model.errors import InvalidRequest
from mediakiln.stages.uploads.tus import Checksum

MAX_METADATA_BYTES: Final = 32 * 1024
MAX_CONCAT_BYTES: Final = 16 * 1024
_NUMBER: Final = re.compile(r"[0-9]{1,19}")
_KEY: Final = re.compile(r"[!-+\--~]+")
"""ASCII that can be seen, without comma and space."""
_ALGORITHM: Final = re.compile(r"[!-@\[-~]+")
"""ASCII that can be seen, without upper-case letters."""
_UPLOAD: Final = re.compile(r".*/v1/tus/([^/]+)")


@dataclass(frozen=True, slots=True)
class Concat:
    """The Upload-Concat header: what it said, and the uploads that a final one is made of."""

    said: str
    ids: tuple[str, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether the upload is to be a partial one."""
        return self.said == "partial"


class Fields:
    """The headers of one request. Every method raises `InvalidRequest` for one that is wrong."""

    def __init__(self, headers: Headers) -> None:
        self._headers = headers

    def number(self, name: str) -> int | None:
        """A header that is a non-negative integer; None without it."""
        value = self._one(name)
        if value is None:
            return None
        if _NUMBER.fullmatch(value) is None:
            raise InvalidRequest(f"{name} must be a non-negative integer", field=name)
        return int(value)

    def offset(self) -> int:
        """Upload-Offset, which must be there."""
        value = self.number("Upload-Offset")
        if value is None:
            raise InvalidRequest("Upload-Offset is missing", field="Upload-Offset")
        return value

    def new_length(self) -> int | None:
        """The length of an upload to be made; None if it is deferred."""
        length, deferred = self.number("Upload-Length"), self._one("Upload-Defer-Length")
        if deferred is not None and deferred != "1":
            raise InvalidRequest("Upload-Defer-Length must be 1", field="Upload-Defer-Length")
        if (length is None) == (deferred is None):
            raise InvalidRequest(
                "one of Upload-Length and Upload-Defer-Length must be sent", field="Upload-Length"
            )
        return length

    def content_length(self) -> int | None:
        """The bytes of the body; None where they are not known beforehand."""
        if "transfer-encoding" in self._headers:
            return None
        return self.number("Content-Length") or 0

    def checksum(self) -> Checksum | None:
        """Upload-Checksum: an algorithm and a hash in base64."""
        value = self._one("Upload-Checksum")
        if value is None:
            return None
        algorithm, _, encoded = value.partition(" ")
        if _ALGORITHM.fullmatch(algorithm) is None:
            raise InvalidRequest(
                "the name of a checksum algorithm has no upper-case letters",
                field="Upload-Checksum",
            )
        return Checksum(algorithm, _decoded(encoded, "Upload-Checksum"))

    def concat(self) -> Concat | None:
        """Upload-Concat: `partial`, or `final;` and the addresses of partial uploads."""
        value = self._one("Upload-Concat")
        if value is None or value == "partial":
            return None if value is None else Concat(value)
        word, _, addresses = value.partition(";")
        if word != "final" or len(value) > MAX_CONCAT_BYTES:
            raise InvalidRequest(
                "Upload-Concat must be `partial`, or `final;` and addresses",
                field="Upload-Concat",
                limit=MAX_CONCAT_BYTES,
                value=len(value),
            )
        return Concat(value, tuple(_upload_id(address) for address in addresses.split()))

    def metadata(self) -> tuple[str, Mapping[str, bytes]]:
        """Upload-Metadata: as it came, and its values by their keys."""
        value = self._one("Upload-Metadata") or ""
        if len(value) > MAX_METADATA_BYTES:
            raise InvalidRequest(
                f"Upload-Metadata is larger than {MAX_METADATA_BYTES} bytes",
                field="Upload-Metadata",
                limit=MAX_METADATA_BYTES,
                value=len(value),
            )
        found: dict[str, bytes] = {}
        for pair in value.split(",") if value else ():
            key, _, encoded = pair.strip().partition(" ")
            if _KEY.fullmatch(key) is None:
                raise InvalidRequest(
                    "a key of Upload-Metadata is empty, or not ASCII", field="Upload-Metadata"
                )
            if key in found:
                raise InvalidRequest(
                    f"Upload-Metadata has {key[:64]!r} twice", field="Upload-Metadata"
                )
            found[key] = _decoded(encoded, "Upload-Metadata") if encoded else b""
        return value, found

    def _one(self, name: str) -> str | None:
        values = self._headers.getlist(name)
        if len(values) > 1:
            raise InvalidRequest(f"{name} was sent twice", field=name)
        return values[0].strip() if values else None


def _decoded(encoded: str, field: str) -> bytes:
    try:
        return b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"{field} holds what is not base64", field=field) from None


def _upload_id(address: str) -> str:
    """The upload that an address names, absolute or relative; by what host, does not matter."""
    try:
        path = urlsplit(address).path
    except ValueError:
        path = ""
    match = _UPLOAD.fullmatch(path)
    if match is None:
        raise InvalidRequest(
            f"{address[:200]!r} is not the address of an upload", field="Upload-Concat"
        )
    return match[1]
