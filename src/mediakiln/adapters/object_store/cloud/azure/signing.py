"""Shared access signatures by the storage account's key.

https://learn.microsoft.com/rest/api/storageservices/create-service-sas and create-account-sas,
the form of version 2020-12-06 and later. obstore signs addresses as well, with any credentials,
but without what a reader is told of the name and the type.
"""

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Self
from urllib.parse import quote, urlencode

from mediakiln.model.errors import EngineMisconfigured

_VERSION = "2022-11-02"
_VARIABLE = "AZURE_STORAGE_ACCOUNT_KEY"
_PERMISSIONS = {"GET": "r", "PUT": "cw"}


@dataclass(frozen=True, slots=True)
class AccountKey:
    """A storage account's key.

    Attributes:
        account: the account's name.
        key: its key, decoded.
        endpoint: the blob service's address, without a slash at its end.
    """

    account: str
    key: bytes
    endpoint: str

    @classmethod
    def found(cls, account: str, endpoint: str) -> Self | None:
        """The key where obstore finds it; None without one.

        Raises:
            EngineMisconfigured: it is not in base64.
        """
        text = os.environ.get(_VARIABLE)
        if not text:
            return None
        try:
            key = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise EngineMisconfigured(
                f"{_VARIABLE} is not in base64",
                hint="copy it from the storage account's access keys",
            ) from error
        base = endpoint.rstrip("/") or f"https://{account}.blob.core.windows.net"
        return cls(account, key, base)

    def address(
        self,
        container: str,
        key: str,
        *,
        method: Literal["GET", "PUT"],
        expires_s: float,
        disposition: str = "",
        media_type: str = "",
        tags: bool = False,
    ) -> str:
        """A blob's address that allows one kind of request until it expires.

        Args:
            container: the blob's.
            key: the blob's.
            method: reading, or writing.
            expires_s: for how long.
            disposition: what a reader is told of the name; empty for nothing.
            media_type: what a reader is told of the type; empty for what is stored.
            tags: whether a writer may give the blob tags.
        """
        allowed, until = _PERMISSIONS[method] + ("t" if tags else ""), _until(expires_s)
        named = f"/blob/{self.account}/{container}/{key}"
        # In order: permissions, start, end, resource, policy, IP, protocol, version, kind of
        # resource, snapshot, encryption scope, then the five headers of the answer.
        text = (allowed, "", until, named, "", "", self._protocol, _VERSION, "b", "", "")
        told = ("", disposition, "", "", media_type)
        given = {
            "sp": allowed,
            "se": until,
            "spr": self._protocol,
            "sv": _VERSION,
            "sr": "b",
            "rscd": disposition,
            "rsct": media_type,
        }
        where = f"{self.endpoint}/{container}/{quote(key, safe='/~')}"
        return f"{where}?{self._signed(given, (*text, *told))}"

    def creation(self, container: str) -> str:
        """The address to PUT a new container to."""
        until = _until(300)
        # In order: account, permissions, services, kinds of resource, start, end, IP, protocol,
        # version, encryption scope, and a line's end behind the last.
        text = (self.account, "c", "b", "c", "", until, "", self._protocol, _VERSION, "", "")
        given = {
            "sp": "c",
            "ss": "b",
            "srt": "c",
            "se": until,
            "spr": self._protocol,
            "sv": _VERSION,
        }
        return f"{self.endpoint}/{container}?restype=container&{self._signed(given, text)}"

    @property
    def _protocol(self) -> str:
        return "https" if self.endpoint.startswith("https:") else ""

    def _signed(self, given: dict[str, str], text: tuple[str, ...]) -> str:
        digest = hmac.new(self.key, "\n".join(text).encode(), hashlib.sha256).digest()
        signature = base64.b64encode(digest).decode()
        said = {name: value for name, value in given.items() if value}
        return urlencode({**said, "sig": signature}, quote_via=quote)


def _until(seconds: float) -> str:
    return f"{datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
