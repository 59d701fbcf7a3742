"""Amazon SNS as far as it signs: a key, a certificate for it, and messages."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from mediakiln.model.errors import FetchRefused
from mediakiln.ports.fetcher import Fetched
from support.site import NoFetcher

TOPIC = "arn:aws:sns:eu-central-1:123456789012:objects"
CERTIFICATE_URL = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123.pem"
SUBSCRIBE_URL = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Token=1"
NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
}


@cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None, *, days: int = 30
) -> bytes:
    """A certificate, in PEM, that has been valid for a day and is for so many more."""
    key = key or private_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(NOW - timedelta(days=abs(days) + 1))
        .not_valid_after(NOW + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def signed(message: str = "", *, version: str = "2", **more: Any) -> dict[str, Any]:
    """A message as SNS posts it."""
    made = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": message,
        "Timestamp": NOW.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
    } | more
    names = [name for name in _SIGNED[made["Type"]] if name in made]
    text = "".join(f"{name}\n{made[name]}\n" for name in names).encode()
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303 - version 1's
    signature = private_key().sign(text, padding.PKCS1v15(), algorithm)
    return made | {"Signature": base64.b64encode(signature).decode()}


def question(**more: Any) -> dict[str, Any]:
    """As SNS asks for the confirmation of a subscription."""
    kind = {"Type": "SubscriptionConfirmation", "Token": "1", "SubscribeURL": SUBSCRIBE_URL}
    return signed("You have chosen to subscribe", **(kind | more))


class Amazon(NoFetcher):
    """A fetcher of Amazon's pages, which remembers what it was asked for."""

    def __init__(self, pages: dict[str, bytes] | None = None) -> None:
        ours = {CERTIFICATE_URL: certificate(), SUBSCRIBE_URL: b"<ok/>"}
        self.pages = ours if pages is None else pages
        self.urls: list[str] = []

    @asynccontextmanager
    async def open(self, url: str, *, max_bytes: int) -> AsyncIterator[Fetched]:
        self.urls.append(url)
        page = self.pages.get(url)
        if page is None:
            raise FetchRefused("there is no such page")

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(page[:max_bytes]), 100):
                yield page[start : start + 100]

        yield Fetched(chunks=chunks())
