"""Signatures of what Amazon SNS posts, versions 1 and 2.

Source: "Verifying the signatures of Amazon SNS messages", Amazon SNS Developer Guide,
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html.
"""

import asyncio
import base64
import binascii
import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import Certificate, load_pem_x509_certificate

from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import FetchFailed, Forbidden, MediakilnError
from mediakiln.ports.fetcher import Fetcher

NOTIFICATION: Final = "Notification"
CONFIRMATION: Final = "SubscriptionConfirmation"
MAX_AGE: Final = timedelta(hours=1)
"""Of a message: SNS tries no longer than that to deliver one by HTTP."""
SKEW: Final = timedelta(minutes=15)

_HOST: Final = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?")
_HOST_CHARS: Final = 80
_CERTIFICATE_BYTES: Final = 64 * 1024
_KEPT: Final = 16
_FAILED_S: Final = 10.0
_SIGNED: Final[Mapping[str, tuple[str, ...]]] = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    **dict.fromkeys(
        (CONFIRMATION, "UnsubscribeConfirmation"),
        ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
}
"""The members that are signed, by the kind of message, in the order in which they are."""
_HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "1": hashes.SHA1(),  # noqa: S303 - what version 1 is
    "2": hashes.SHA256(),
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What SNS puts around a message, as it came: nothing of it is to be believed yet.

    Attributes:
        kind: `Type`.
        topic: the topic's ARN.
        members: all of it.
    """

    kind: str
    topic: str
    members: Mapping[str, Any]

    @property
    def is_signed(self) -> bool:
        """Whether it claims to be."""
        return "Signature" in self.members

    @property
    def canonical(self) -> bytes:
        """The string that is signed.

        Raises:
            Forbidden: a member that is signed is missing.
        """
        lines = []
        for name in _SIGNED[self.kind]:
            value = self.members.get(name)
            if value is None and name == "Subject":
                continue
            if not isinstance(value, str):
                raise Forbidden(f"the message lacks {name}, which is signed", field=name)
            lines.append(f"{name}\n{value}\n")
        return "".join(lines).encode("utf-8", "surrogatepass")


def envelope(body: bytes) -> Envelope | None:
    """The envelope that a message is; None for every other message."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("Type") not in _SIGNED:
        return None
    return Envelope(str(document["Type"]), str(document.get("TopicArn")), document)


def is_amazons(url: str) -> bool:
    """Whether an address is an SNS host's own, by TLS, at the usual port."""
    try:
        address = urlsplit(url)
    except ValueError:
        return False
    host = address.netloc
    return (
        address.scheme == "https" and len(host) <= _HOST_CHARS and _HOST.fullmatch(host) is not None
    )


class Signatures:
    """Verifies envelopes. Certificates come from Amazon's own hosts, and are kept.

    Args:
        fetcher: fetches certificates; it must not follow redirects, which could lead elsewhere.
        clock: what time it is.
    """

    def __init__(self, fetcher: Fetcher, *, clock: Clock = utc_now) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._kept: OrderedDict[str, Certificate] = OrderedDict()
        self._failed: OrderedDict[str, float] = OrderedDict()
        # One at a time: whoever names addresses that hold nothing makes no flood of requests.
        self._fetching = asyncio.Lock()

    async def verify(self, message: Envelope) -> None:
        """Hold a message against its signature. One that comes twice is right twice.

        Raises:
            Forbidden: it is not of SNS, it was changed, or it is older than `MAX_AGE`.
            FetchFailed: the certificate cannot be had now; trying again may help.
        """
        members = message.members
        algorithm = _HASHES.get(str(members.get("SignatureVersion")))
        if algorithm is None:
            raise Forbidden("the message has no signature of version 1 or 2")
        try:
            signature = base64.b64decode(str(members.get("Signature")), validate=True)
        except (binascii.Error, ValueError):
            raise Forbidden("the message's signature is not Base64") from None
        text, now = message.canonical, self._clock()
        _check_age(str(members["Timestamp"]), now)
        certificate = await self._certificate(str(members.get("SigningCertURL")))
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise Forbidden("the certificate of the message's signature is not valid now")
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise Forbidden("the certificate of the message's signature has no RSA key")
        try:
            key.verify(signature, text, padding.PKCS1v15(), algorithm)
        except InvalidSignature:
            raise Forbidden("the message's signature is not right") from None

    async def _certificate(self, url: str) -> Certificate:
        if not is_amazons(url) or not urlsplit(url).path.endswith(".pem"):
            raise Forbidden("SigningCertURL is no certificate's at an SNS host of Amazon's")
        async with self._fetching:
            found = self._kept.get(url)
            if found is None:
                found = await self._fetch(url)
                _put(self._kept, url, found)
            return found

    async def _fetch(self, url: str) -> Certificate:
        now = asyncio.get_running_loop().time()
        if now < self._failed.get(url, now):
            raise FetchFailed("the certificate could not be had a moment ago")
        held = bytearray()
        try:
            async with self._fetcher.open(url, max_bytes=_CERTIFICATE_BYTES) as fetched:
                async for chunk in fetched.chunks:
                    held += chunk
            return load_pem_x509_certificate(bytes(held))
        except (MediakilnError, ValueError) as error:
            _put(self._failed, url, now + _FAILED_S)
            if isinstance(error, FetchFailed):
                raise
            raise Forbidden(f"SigningCertURL holds no certificate: {error}") from error


def _put(kept: OrderedDict[str, Any], url: str, value: Any) -> None:
    kept[url] = value
    while len(kept) > _KEPT:
        kept.popitem(last=False)


def _check_age(text: str, now: datetime) -> None:
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise Forbidden("the message's Timestamp cannot be read") from None
    age = now - (told if told.tzinfo else told.replace(tzinfo=UTC))
    if not -SKEW <= age <= MAX_AGE:
        raise Forbidden(
            "the message is too old, or the clocks differ",
            field="Timestamp",
            limit=int(MAX_AGE.total_seconds()),
            value=int(age.total_seconds()),
        )
