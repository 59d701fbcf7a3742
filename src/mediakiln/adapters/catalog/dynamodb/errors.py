"""What goes wrong at DynamoDB, in mediakiln's words.

Codes: "Error handling with DynamoDB" and "Common errors" of the DynamoDB developer guide.
"""

from dataclasses import dataclass
from typing import Any

from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from mediakiln.adapters.catalog.dynamodb.address import SETTING, Address
from mediakiln.model.errors import (
    EngineError,
    EngineMisconfigured,
    EngineUnavailable,
    MediakilnError,
)

FAILURES = (aws.ClientError, aws.BotoCoreError, ResponseParserError, TimeoutError, OSError)
"""Everything the SDK raises."""

_BUSY = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "LimitExceededException",
    "ReplicatedWriteConflictException",
}
_CREDENTIALS = {
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "IncompleteSignatureException",
    "MissingAuthenticationTokenException",
    "MissingAuthenticationToken",
    "InvalidClientTokenId",
    "ExpiredTokenException",
}
_NO_CREDENTIALS = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.ProfileNotFound,
    aws.ConfigParseError,
    aws.InvalidConfigError,
    aws.SSOError,
)
_KEYS_HINT = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role; "
    "a region's credentials and the clock must be right"
)
_INIT_HINT = "run `mediakiln init`, and check the region and the table's name"
_SERVER_FAULT = 500


class ConditionFailed(Exception):
    """A write's condition did not hold; `item` is what stands there, empty if nothing does."""

    def __init__(self, item: dict[str, Any]) -> None:
        super().__init__()
        self.item = item


@dataclass(frozen=True, slots=True)
class Verdict:
    """The error to raise, and whether trying again at once may help."""

    error: MediakilnError | ConditionFailed
    again: bool = False


def code_of(error: BaseException) -> str:
    """DynamoDB's own code behind an error that `Link` raised; empty where it gave none."""
    cause = error.__cause__
    return str(cause.response["Error"]["Code"]) if isinstance(cause, aws.ClientError) else ""


def judge(error: BaseException, address: Address, operation: str) -> Verdict:
    """What an SDK's error means."""
    if isinstance(error, aws.ClientError):
        return _answer(error, address, operation)
    if isinstance(error, _NO_CREDENTIALS):
        return Verdict(_wrong(f"no AWS credentials: {error}", _KEYS_HINT))
    if isinstance(error, aws.SSLError):
        return Verdict(_wrong(f"{address}: {error}", "check the endpoint and its certificate"))
    if isinstance(error, ResponseParserError):
        return Verdict(not_dynamodb(address))
    return Verdict(EngineUnavailable(f"{address}: {error}"), again=True)


def not_dynamodb(address: Address) -> EngineMisconfigured:
    """The error of an answer that DynamoDB would not give: its own all carry a request's id."""
    return _wrong(f"{address}: what answers there is not DynamoDB", "check `endpoint`")


def _answer(error: aws.ClientError, address: Address, operation: str) -> Verdict:
    found = error.response.get("Error", {})
    code, text = str(found.get("Code")), str(found.get("Message"))
    about = error.response.get("ResponseMetadata", {})
    status = about.get("HTTPStatusCode", 0)
    said = f"{address}: {code}: {text} ({operation})"
    if code == "ConditionalCheckFailedException":
        return Verdict(ConditionFailed(error.response.get("Item", {})))
    if code in _BUSY or status >= _SERVER_FAULT:
        return Verdict(EngineUnavailable(said), again=True)
    if "RequestId" not in about:
        return Verdict(not_dynamodb(address))
    if code == "ValidationException" and "tem size" in text:
        return Verdict(_full(address))
    hint = _remedy(code, text, operation)
    return Verdict(EngineError(said) if hint is None else _wrong(said, hint))


def _remedy(code: str, text: str, operation: str) -> str | None:
    """What helps where settings are wrong; None where they are not."""
    if code in _CREDENTIALS:
        return _KEYS_HINT
    if code == "AccessDeniedException":
        permission = "dynamodb:" + operation.title().replace("_", "")
        return f"allow {permission} on the table and its indexes"
    if code in {"ResourceNotFoundException", "TableNotFoundException"} or "specified index" in text:
        return _INIT_HINT
    return None


def _full(address: Address) -> EngineUnavailable:
    return EngineUnavailable(
        f"{address}: the record and the events that wait with it exceed an item's 400 KB",
        hint="events wait because nobody sends them: check the broker and the relay",
    )


def _wrong(text: str, hint: str) -> EngineMisconfigured:
    return EngineMisconfigured(f"{SETTING}: {text}", hint=hint)
