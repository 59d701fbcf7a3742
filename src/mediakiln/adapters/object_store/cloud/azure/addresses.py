"""Addresses by which blobs are written and copied, signed for a day."""

import re
from datetime import timedelta
from typing import Literal

import obstore

from mediakiln.adapters.object_store.cloud.azure.signing import AccountKey
from mediakiln.adapters.object_store.cloud.failures import translated
from mediakiln.adapters.object_store.cloud.shelves import Shelf
from mediakiln.model.errors import NotSupported

_LIFE = timedelta(days=1)
_PLAIN = re.compile(r"[A-Za-z0-9._~/-]+")


def is_plain(key: str) -> bool:
    """Whether obstore signs an address of this key as Azure reads it: undecoded, as it is."""
    return _PLAIN.fullmatch(key) is not None


async def signed(shelf: Shelf, key: str, method: Literal["GET", "PUT"]) -> str:
    """An address of a blob.

    Raises:
        NotSupported: its key is not plain.
    """
    if not is_plain(key):
        raise NotSupported(
            "On Azure, only keys of A-Z, a-z, 0-9, '.', '_', '-', '~' and '/' can be large.",
            key=key,
            hint="choose a plainer name, or keep the object below 8 MiB",
        )
    with translated(shelf.name, key):
        return await obstore.sign_async(shelf.client, method, key, _LIFE)


async def writable(shelf: Shelf, key: str, account: AccountKey | None) -> str:
    """An address that writes a blob, with its tags where new blobs have such.

    Raises:
        NotSupported: its key is not plain.
    """
    if not shelf.tags or account is None:
        return await signed(shelf, key, "PUT")
    life = _LIFE.total_seconds()
    return account.address(shelf.name, key, method="PUT", expires_s=life, tags=True)
