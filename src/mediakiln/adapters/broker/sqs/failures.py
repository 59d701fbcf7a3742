"""What SQS, SNS and the way to them can report, in mediakiln's words.

Codes: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
and the error lists of each operation.
"""

import re
from typing import Any

from botocore import exceptions as botocore

from mediakiln.adapters.broker.sqs.address import Address
from mediakiln.model.errors import (
    EngineError,
    EngineMisconfigured,
    EngineUnavailable,
    LeaseLost,
    MediakilnError,
    NotFound,
)

_MISSING = {"NonExistentQueue", "QueueDoesNotExist", "NotFound", "ResourceNotFoundException"}
_STALE = {"ReceiptHandleIsInvalid", "MessageNotInflight"}
_CREDENTIALS = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_PERMISSION = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "KmsAccessDenied",
    "NotAuthorized",
    "UnauthorizedOperation",
}
_LATER = {
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "OverLimit",
    "QueueDeletedRecently",
    "RequestThrottled",
    "ServiceUnavailable",
    "Throttled",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_NO_CREDENTIALS = (
    botocore.ConfigNotFound,
    botocore.ConfigParseError,
    botocore.CredentialRetrievalError,
    botocore.NoCredentialsError,
    botocore.PartialCredentialsError,
    botocore.ProfileNotFound,
    botocore.SSOError,
    botocore.TokenRetrievalError,
)
_OF_A_RECEIPT = {"sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}
_CREDENTIALS_HINT = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the machine a role"
)
_FIRST_SERVER_ERROR = 500
_XML = re.compile(r"<Code>(\w+)</Code>\s*<Message>([^<]*)</Message>")


def translated(error: Exception, operation: str, address: Address) -> MediakilnError:
    """The error of one call, named as its permission: `sqs:SendMessage`."""
    if isinstance(error, botocore.ClientError):
        details = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code, message = str(details.get("Code", "")), str(details.get("Message", ""))
        # A server may refuse in the XML of the older protocol before it has read the request.
        if found := _XML.search(message):
            code, message = found.groups()
        return of_code(code, message, operation, address, broken=status >= _FIRST_SERVER_ERROR)
    if isinstance(error, _NO_CREDENTIALS):
        return EngineMisconfigured(f"MEDIAKILN_BROKER: {address}: {error}", hint=_CREDENTIALS_HINT)
    if isinstance(error, botocore.InvalidRegionError):
        return EngineMisconfigured(
            f"MEDIAKILN_BROKER: {error}", hint="use a region such as sqs://eu-central-1"
        )
    if isinstance(error, botocore.ParamValidationError):
        return EngineError(f"{operation}: {error}")
    return EngineUnavailable(
        f"{operation}: {address} cannot be reached: {error}",
        hint="is the region or the endpoint of MEDIAKILN_BROKER right, and the network up?",
    )


def of_code(
    code: str, message: str, operation: str, address: Address, *, broken: bool = False
) -> MediakilnError:
    """The error that a service's code names; `broken` if it says that the fault is its own."""
    short = code.rpartition(".")[2].rpartition("#")[2]
    what = f"({code}: {message})"
    if wrong := _wrong_setting(short, what, operation, address):
        return wrong
    if short in _MISSING:
        return NotFound(
            f"{address} has no such queue or topic",
            hint="make it with `mediakiln init`; is the region or the prefix another one?",
        )
    # "Message does not exist or is not available for visibility timeout change", and the like.
    if short in _STALE or (short == "InvalidParameterValue" and operation in _OF_A_RECEIPT):
        return LeaseLost(f"{address} does not know this receipt any more")
    if broken or short in _LATER:
        return EngineUnavailable(f"{operation}: {address} cannot do it now {what}")
    return EngineError(f"{operation}: {address} refused it {what}")


def _wrong_setting(
    code: str, what: str, operation: str, address: Address
) -> EngineMisconfigured | None:
    if code in _CREDENTIALS:
        return EngineMisconfigured(
            f"MEDIAKILN_BROKER: {address} refuses the credentials {what}",
            hint=f"{_CREDENTIALS_HINT}; the region and the clock must be right too",
        )
    if code in _PERMISSION:
        return EngineMisconfigured(
            f"MEDIAKILN_BROKER: {address} does not allow {operation} {what}",
            hint=f"allow {operation} to these credentials",
        )
    if "MessageGroupId" in what:
        return EngineMisconfigured(
            f"MEDIAKILN_BROKER: {address} has no fair queues {what}", hint="add the option fair=0"
        )
    return None


def of_entry(failed: dict[str, Any], operation: str, address: Address) -> MediakilnError:
    """The error of one entry of a batch."""
    code, message = failed.get("Code", ""), failed.get("Message", "")
    return of_code(code, message, operation, address, broken=not failed.get("SenderFault", False))
