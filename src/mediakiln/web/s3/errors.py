"""Errors as S3 clients know them: a code, a status, an XML document."""

from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

from starlette.responses import Response

from mediakiln.model.errors import MediakilnError
from mediakiln.web.errors import STATUS

_STATUS: Final[Mapping[str, int]] = {
    "AccessDenied": 403,
    "AuthorizationHeaderMalformed": 400,
    "AuthorizationQueryParametersError": 400,
    "BucketAlreadyOwnedByYou": 409,
    "IncompleteBody": 400,
    "InvalidAccessKeyId": 403,
    "InvalidArgument": 400,
    "InvalidRequest": 400,
    "MalformedXML": 400,
    "MetadataTooLarge": 400,
    "MethodNotAllowed": 405,
    "MissingContentLength": 411,
    "NoSuchBucket": 404,
    "NoSuchKey": 404,
    "NoSuchUpload": 404,
    "NotImplemented": 501,
    "PreconditionFailed": 412,
    "RequestTimeTooSkewed": 403,
    "SignatureDoesNotMatch": 403,
}

_CODES: Final[Mapping[str, str]] = {
    "checksum_mismatch": "BadDigest",
    "engine_error": "ServiceUnavailable",
    "engine_unavailable": "ServiceUnavailable",
    "forbidden": "AccessDenied",
    "gone": "NoSuchKey",
    "incomplete_upload": "IncompleteBody",
    "invalid_name": "InvalidArgument",
    "invalid_part": "InvalidPart",
    "invalid_recipe": "InvalidArgument",
    "invalid_request": "InvalidArgument",
    "not_found": "NoSuchKey",
    "object_missing": "NoSuchKey",
    "overloaded": "SlowDown",
    "rate_limited": "SlowDown",
    "quota_exceeded": "SlowDown",
    "too_large": "EntityTooLarge",
    "unauthorised": "AccessDenied",
    "unknown_recipe": "InvalidArgument",
}
"""Our codes to S3's; those that S3 has nothing like are sent as they are."""
_STATUSES: Final[Mapping[str, int]] = {
    "checksum_mismatch": 400,
    "gone": 404,
    "invalid_name": 400,
    "invalid_part": 400,
    "invalid_recipe": 400,
    "overloaded": 503,
    "quota_exceeded": 503,
    "rate_limited": 503,
    "too_large": 400,
    "unauthorised": 403,
    "unknown_recipe": 400,
}
_INTERNAL: Final = 500


class S3Error(Exception):
    """A refusal in S3's own words."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")


def answer(error: Exception, *, resource: str, request: str) -> Response:
    """The document of an error; unknown ones tell the client nothing."""
    if isinstance(error, S3Error):
        code, message, status = error.code, error.message, _STATUS[error.code]
    elif isinstance(error, MediakilnError):
        code = _CODES.get(error.code, error.code)
        status = _STATUSES.get(error.code, STATUS.get(error.code, _INTERNAL))
        message = error.message if status != _INTERNAL else "We encountered an internal error."
        if hint := error.context.get("hint"):
            message = f"{message}; {hint}"
    else:
        code, message, status = "InternalError", "We encountered an internal error.", _INTERNAL
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(_printable(message))}</Message>"
        f"<Resource>{escape(_printable(resource))}</Resource>"
        f"<RequestId>{escape(request)}</RequestId></Error>"
    )
    return Response(body, status, media_type="application/xml")


def _printable(text: str) -> str:
    """Without what XML 1.0 cannot hold."""
    return "".join(char if char.isprintable() else "?" for char in text)
