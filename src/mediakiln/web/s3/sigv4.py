"""AWS Signature Version 4, as requests to S3 carry it: in a header, or in the address.

Source: "Authenticating Requests (AWS Signature Version 4)" in the Amazon S3 API Reference.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from starlette.datastructures import Headers
from starlette.types import Scope

from mediakiln.web.s3.errors import S3Error

ALGORITHM: Final = "AWS4-HMAC-SHA256"
SKEW: Final = timedelta(minutes=15)
MAX_LIFE_S: Final = 7 * 24 * 3600
UNSIGNED: Final = "UNSIGNED-PAYLOAD"
EMPTY_SHA256: Final = hashlib.sha256(b"").hexdigest()

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^,\s]+)\s*,\s*SignedHeaders=([^,\s]+)\s*,\s*"
    r"Signature=([0-9a-f]{64})\s*"
)
_DATE = "%Y%m%dT%H%M%SZ"
_TERMINATOR = "aws4_request"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of its signature, not yet verified."""

    access_key: str
    day: str
    region: str
    signed: tuple[str, ...]
    signature: str
    moment: datetime
    payload: str
    """`x-amz-content-sha256`: the body's SHA-256, or how the body is signed."""
    expires_s: int | None = None
    """Of a signed address, in seconds; None where the signature is in a header."""

    @property
    def scope(self) -> str:
        """The credential's scope."""
        return f"{self.day}/{self.region}/s3/{_TERMINATOR}"


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that is right, with what the chunks of a body are verified by."""

    claim: Claim
    key: bytes
    """The day's signing key."""

    def sign(self, text: str) -> str:
        """The signature of a string to sign, in hexadecimal digits."""
        return hmac.digest(self.key, text.encode(), hashlib.sha256).hex()


def claimed(scope: Scope) -> Claim | None:
    """What a request claims; None if it is not signed.

    Raises:
        S3Error: its signature cannot be read.
    """
    headers, query = Headers(scope=scope), query_of(scope)
    given = headers.get("authorization", "")
    if given.startswith(ALGORITHM):
        found = _HEADER.fullmatch(given)
        if found is None:
            raise S3Error("AuthorizationHeaderMalformed", "The authorization header is malformed.")
        moment = headers.get("x-amz-date", "")
        payload = headers.get("x-amz-content-sha256", "")
        if not payload:
            raise S3Error("InvalidRequest", "Missing required header x-amz-content-sha256.")
        return _claim(found[1], found[2], found[3], moment, payload, None)
    if query.get("X-Amz-Algorithm") == ALGORITHM:
        life = query.get("X-Amz-Expires", "")
        if not life.isdecimal() or not 1 <= int(life) <= MAX_LIFE_S:
            raise S3Error(
                "AuthorizationQueryParametersError", f"X-Amz-Expires is 1 to {MAX_LIFE_S} seconds."
            )
        return _claim(
            query.get("X-Amz-Credential", ""),
            query.get("X-Amz-SignedHeaders", ""),
            query.get("X-Amz-Signature", ""),
            query.get("X-Amz-Date", ""),
            UNSIGNED,
            int(life),
        )
    return None


def _claim(
    credential: str, signed: str, signature: str, moment: str, payload: str, life: int | None
) -> Claim:
    parts = credential.rsplit("/", 4)
    try:
        at = datetime.strptime(moment, _DATE).replace(tzinfo=UTC)
    except ValueError:
        raise S3Error("AccessDenied", "AWS authentication requires a valid date.") from None
    if len(parts) != 5 or parts[3:] != ["s3", _TERMINATOR] or parts[1] != moment[:8]:  # noqa: PLR2004 - key, day, region, service, end
        raise S3Error(
            "AuthorizationHeaderMalformed", "The credential's scope is not of S3 and of that day."
        )
    names = tuple(signed.split(";"))
    if "host" not in names:
        raise S3Error("AccessDenied", "The header Host must be signed.")
    return Claim(parts[0], parts[1], parts[2], names, signature, at, payload, life)


def verify(scope: Scope, claim: Claim, secret: str, *, now: datetime) -> Verified:
    """Hold a claim against the secret of its access key.

    Raises:
        S3Error: the signature is not right, or its time is over.
    """
    if claim.expires_s is None:
        if abs(now - claim.moment) > SKEW:
            raise S3Error("RequestTimeTooSkewed", "The difference between the clocks is too large.")
    elif not claim.moment - SKEW <= now <= claim.moment + timedelta(seconds=claim.expires_s):
        raise S3Error("AccessDenied", "Request has expired.")
    verified = Verified(claim, signing_key(secret, claim.day, claim.region))
    request = _canonical(scope, claim)
    text = "\n".join(
        (
            ALGORITHM,
            claim.moment.strftime(_DATE),
            claim.scope,
            hashlib.sha256(request.encode()).hexdigest(),
        )
    )
    if not hmac.compare_digest(verified.sign(text), claim.signature):
        raise S3Error(
            "SignatureDoesNotMatch",
            "The signature is not that of the request. Check the secret, and that a proxy in "
            "front leaves the header Host as it is.",
        )
    return verified


def signing_key(secret: str, day: str, region: str) -> bytes:
    """The key that signs a day's requests to a region."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, "s3", _TERMINATOR):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return key


def query_of(scope: Scope) -> Mapping[str, str]:
    """The address's parameters; of one given twice, the last."""
    return dict(_pairs(scope))


def _pairs(scope: Scope) -> list[tuple[str, str]]:
    found = []
    for item in scope["query_string"].decode("latin-1").split("&"):
        if item:
            name, _, value = item.partition("=")
            found.append((_plain(name), _plain(value)))
    return found


def _plain(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")


def _encoded(text: str, safe: str = "") -> str:
    return quote(text.encode("utf-8", "surrogateescape"), safe=f"-_.~{safe}")


def _canonical(scope: Scope, claim: Claim) -> str:
    headers = Headers(scope=scope)
    raw = scope.get("raw_path") or scope["path"].encode()
    path = unquote_to_bytes(raw.partition(b"?")[0])
    query = sorted(
        (_encoded(name), _encoded(value))
        for name, value in _pairs(scope)
        if name != "X-Amz-Signature"
    )
    lines = [
        f"{name}:{','.join(' '.join(each.split()) for each in headers.getlist(name))}\n"
        for name in claim.signed
    ]
    return "\n".join(
        (
            scope["method"],
            quote(path, safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in query),
            "".join(lines),
            ";".join(claim.signed),
            claim.payload,
        )
    )
