"""What Rekognition and the way to it can report, in mediakiln's words.

Codes: the error lists of DetectLabels and DetectModerationLabels, and "Common errors", of the
Rekognition API reference. AWS's own words name accounts and users, and what a step fails with is
shown to its uploader: they go to the log.
"""

import logging
from typing import Final

from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from mediakiln.adapters.recogniser.rekognition.address import SETTING, Address
from mediakiln.model.errors import (
    BadMedia,
    EngineMisconfigured,
    EngineUnavailable,
    LimitExceeded,
    MediakilnError,
    OperationFailed,
)

_log = logging.getLogger(__name__)

FAILURES: Final = (aws.ClientError, aws.BotoCoreError, ResponseParserError, TimeoutError, OSError)
"""Everything the SDK raises."""

NOT_AN_IMAGE: Final = "InvalidImageFormatException"
_LATER: Final = {
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_CREDENTIALS: Final = {
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_PERMISSION: Final = {"AccessDenied", "AccessDeniedException", "NotAuthorized"}
_NO_CREDENTIALS: Final = (
    aws.ConfigNotFound,
    aws.ConfigParseError,
    aws.CredentialRetrievalError,
    aws.InvalidConfigError,
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.ProfileNotFound,
    aws.SSOError,
    aws.TokenRetrievalError,
)
_CREDENTIALS_HINT: Final = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the machine a role; "
    "the region and the clock must be right too"
)
_FIRST_SERVER_ERROR: Final = 500


def code_of(error: BaseException) -> str:
    """Rekognition's own code of a failure; empty where it gave none."""
    if not isinstance(error, aws.ClientError):
        return ""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code.rpartition("#")[2].partition(":")[0]


def translated(error: Exception, operation: str, address: Address) -> MediakilnError:
    """The error of one call, named as its permission: `rekognition:DetectLabels`."""
    _log.warning("%s: %s: %s", operation, address, error)
    if isinstance(error, aws.ClientError):
        return _answer(error, operation, address)
    if isinstance(error, _NO_CREDENTIALS):
        return _wrong(f"{address}: no AWS credentials", _CREDENTIALS_HINT)
    if isinstance(error, aws.InvalidRegionError):
        return _wrong(
            f"{address.region!r} is no region", "use one such as rekognition://eu-central-1"
        )
    if isinstance(error, aws.SSLError):
        return _wrong(f"{address}: no secure connection", "check the endpoint's certificate")
    if isinstance(error, ResponseParserError):
        return not_rekognition(address)
    return EngineUnavailable(
        f"{address} cannot be reached",
        hint=f"is the region or the endpoint in {SETTING} right, and the network up?",
    )


def not_rekognition(address: Address) -> EngineMisconfigured:
    """The error of an answer that Rekognition would not give."""
    return _wrong(f"{address}: what answers there is not Rekognition", "check `endpoint`")


def _answer(error: aws.ClientError, operation: str, address: Address) -> MediakilnError:
    code = code_of(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _CREDENTIALS:
        return _wrong(f"{address} refuses the credentials ({code})", _CREDENTIALS_HINT)
    if code in _PERMISSION:
        return _wrong(f"{address} does not allow {operation}", f"allow {operation}")
    if code in _LATER or status >= _FIRST_SERVER_ERROR:
        return EngineUnavailable(f"{address} cannot answer now ({code or status})")
    if code == NOT_AN_IMAGE:
        return BadMedia(f"{address} cannot read the image", reported=code)
    if code == "ImageTooLargeException":
        return LimitExceeded(f"{address} takes no image so large", reported=code)
    return OperationFailed(f"{address} refused {operation} ({code or status})", reported=code)


def _wrong(text: str, hint: str) -> EngineMisconfigured:
    return EngineMisconfigured(f"{SETTING}: {text}", hint=hint)
