"""What object stores may do beside the must-haves, for objects that come straight to the bucket."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from mediakiln.model.keys import Bucket


@dataclass(frozen=True, slots=True)
class SignedPut:
    """One PUT that a client may send to the store.

    `headers` are what the client must send, exactly so, beside the Content-Length.
    """

    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SignedForm:
    """One POST of multipart/form-data, as browsers send it: the fields, then `file` as the last."""

    url: str
    fields: Mapping[str, str]


@runtime_checkable
class DirectUploads(Protocol):
    """For stores that take whole objects straight from clients.

    What an engine cannot bind to the request (S3 and Google bind size, type and a free key; Azure
    binds none of them) is checked once the object is there.
    """

    @property
    def max_put_bytes(self) -> int:
        """The largest object that one request may bring."""
        ...

    async def sign_put(
        self, bucket: Bucket, key: str, *, size: int, media_type: str, expires_s: float
    ) -> SignedPut:
        """A PUT of `size` bytes.

        Raises:
            InvalidRequest: the engine's addresses do not live so long.
            NotSupported: the engine's credentials cannot sign.
        """
        ...


@runtime_checkable
class SignedForms(Protocol):
    """For stores that take the forms of browsers."""

    async def sign_form(
        self, bucket: Bucket, key: str, *, size: int, media_type: str, expires_s: float
    ) -> SignedForm:
        """A form of exactly `size` bytes in its file; its policy names the key and the type.

        Raises:
            InvalidRequest: the engine's forms do not live so long.
        """
        ...


@dataclass(frozen=True, slots=True)
class Description:
    """What an object carries beside its bytes.

    Attributes:
        metadata: the user's own, names in lower case.
        tags: the object's tags, where the engine has them.
        ours: this platform wrote it, so its record is the writer's business.
    """

    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    ours: bool = False


@runtime_checkable
class Described(Protocol):
    """For stores whose objects carry metadata of whoever wrote them."""

    async def describe(self, bucket: Bucket, key: str) -> Description:
        """What the object carries.

        Raises:
            ObjectMissing: there is no such object.
        """
        ...
