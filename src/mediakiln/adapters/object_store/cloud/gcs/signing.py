"""Signed addresses of Google Cloud Storage: the V4 signing process, GOOG4-RSA-SHA256.

https://cloud.google.com/storage/docs/authentication/signatures and canonical-requests there.
obstore signs such addresses as well, but without what a reader is told of the name and the type.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import quote, urlsplit

from mediakiln.adapters.object_store.cloud.gcs.tokens import Tokens
from mediakiln.ports.direct import SignedForm

_ALGORITHM = "GOOG4-RSA-SHA256"


@dataclass(frozen=True, slots=True)
class Request:
    """What an address allows.

    Attributes:
        method: the request's.
        endpoint: scheme and host, without a path.
        resource: `/bucket/key`, not encoded.
        expires_s: for how long, in whole seconds.
        query: parameters that are part of it.
        headers: headers, in lower case, that must be sent as they are here.
    """

    method: Literal["GET", "PUT"]
    endpoint: str
    resource: str
    expires_s: int
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        """The resource as the address has it."""
        return quote(self.resource, safe="/~")

    def signed_query(self, email: str, now: datetime) -> str:
        """The query but for its signature, in the order in which it is signed."""
        parameters = {
            "X-Goog-Algorithm": _ALGORITHM,
            "X-Goog-Credential": f"{email}/{_scope(now)}",
            "X-Goog-Date": f"{now:%Y%m%dT%H%M%SZ}",
            "X-Goog-Expires": str(self.expires_s),
            "X-Goog-SignedHeaders": ";".join(sorted(self._headers)),
            **self.query,
        }
        pairs = sorted((_quoted(name), _quoted(value)) for name, value in parameters.items())
        return "&".join(f"{name}={value}" for name, value in pairs)

    def canonical(self, email: str, now: datetime) -> str:
        """The canonical request."""
        headers = "".join(f"{name}:{value}\n" for name, value in sorted(self._headers.items()))
        signed = ";".join(sorted(self._headers))
        query = self.signed_query(email, now)
        return f"{self.method}\n{self.path}\n{query}\n{headers}\n{signed}\nUNSIGNED-PAYLOAD"

    def text(self, email: str, now: datetime) -> bytes:
        """What is signed."""
        digest = hashlib.sha256(self.canonical(email, now).encode()).hexdigest()
        stamp = f"{now:%Y%m%dT%H%M%SZ}"
        return f"{_ALGORITHM}\n{stamp}\n{_scope(now)}\n{digest}".encode()

    @property
    def _headers(self) -> dict[str, str]:
        return {"host": urlsplit(self.endpoint).netloc, **self.headers}


async def signed(tokens: Tokens, request: Request) -> str:
    """The request's address, by the credentials' service account.

    Raises:
        NotSupported, EngineMisconfigured, EngineUnavailable: as `Tokens.signer` and `Tokens.sign`.
    """
    signer, now = await tokens.signer(), datetime.now(UTC)
    signature = await tokens.sign(signer, request.text(signer.email, now))
    query = request.signed_query(signer.email, now)
    return f"{request.endpoint}{request.path}?{query}&X-Goog-Signature={signature.hex()}"


async def signed_form(
    tokens: Tokens,
    endpoint: str,
    bucket: str,
    key: str,
    *,
    size: int,
    media_type: str,
    expires_s: int,
) -> SignedForm:
    """A form whose policy names the key, the type and the length.

    https://cloud.google.com/storage/docs/authentication/signatures#policy-document and
    https://cloud.google.com/storage/docs/xml-api/post-object-forms.

    Raises:
        NotSupported, EngineMisconfigured, EngineUnavailable: as `signed`.
    """
    signer, now = await tokens.signer(), datetime.now(UTC)
    fields = {
        "key": key,
        "Content-Type": media_type,
        "x-goog-date": f"{now:%Y%m%dT%H%M%SZ}",
        "x-goog-credential": f"{signer.email}/{_scope(now)}",
        "x-goog-algorithm": _ALGORITHM,
    }
    conditions: list[object] = [{"bucket": bucket}, ["content-length-range", size, size]]
    conditions += [{name: value} for name, value in fields.items()]
    ends = now + timedelta(seconds=expires_s)
    document = {"conditions": conditions, "expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
    policy = base64.b64encode(json.dumps(document, separators=(",", ":")).encode())
    signature = await tokens.sign(signer, policy)
    fields |= {"policy": policy.decode(), "x-goog-signature": signature.hex()}
    return SignedForm(f"{endpoint}/{quote(bucket)}/", fields)


def _scope(now: datetime) -> str:
    return f"{now:%Y%m%d}/auto/storage/goog4_request"


def _quoted(text: str) -> str:
    return quote(text, safe="~")
