"""What obstore raises, as our own errors.

obstore tells the kind of a failure by its class and everything else in its text: the status and
the provider's code stand there, beside what must not be shown (parts of signed requests).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from mediakiln.model.errors import (
    AlreadyExists,
    ArchiveLocked,
    EngineError,
    EngineMisconfigured,
    EngineUnavailable,
    MediakilnError,
    ObjectMissing,
    StorageFull,
)

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_OBJECT_CODES = {"", "NoSuchKey", "NoSuchVersion", "BlobNotFound", "NoSuchUpload"}
_BUSY_CODES = {"RequestTimeout", "SlowDown", "OperationAborted", "ConditionalRequestConflict"}
_FULL_CODES = {"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "EntityTooLarge"}
_LOCKED = re.compile(r"object lock|WORM|BlobImmutable|retention policy", re.IGNORECASE)
CONFLICT_STATUS = 409
"""Somebody else is at the same key at this moment: trying again helps."""
_TAKEN_CODES = {"BlobAlreadyExists"}
_BUSY_STATUS = {408, CONFLICT_STATUS, 429}
_SERVER_STATUS = 500
_FULL_STATUS = 507
_NOT_IMPLEMENTED = 501
_UNSATISFIABLE = 416
ACCESS_HINT = (
    "check the credentials, the clock, and that they may list, read, write and delete; "
    "`mediakiln doctor` says what is missing"
)
BUCKET_HINT = "run `mediakiln init`, or make the bucket and check its name and region"


class RangeBehindEnd(Exception):
    """A range begins at or behind its object's end."""


@contextmanager
def translated(bucket: str, key: str) -> Iterator[None]:
    """Turn obstore's errors about an object in `bucket` into our own."""
    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        raise translate(error, bucket, key) from error


def translate(error: Exception, bucket: str, key: str) -> MediakilnError | RangeBehindEnd:
    """The error of ours that an error of obstore's means."""
    text = str(error)
    found, named = _STATUS.search(text), _CODE.search(text)
    status, code = int(found[1]) if found else 0, named[1] if named else ""
    about_object = _about_object(error, status, code, key)
    if about_object is not None:
        return about_object
    if _LOCKED.search(text):
        return ArchiveLocked(key=key)
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return refused(bucket, status, code or _first_line(text))
    return judge(bucket, status, code, reason=_first_line(text))


def _about_object(
    error: Exception, status: int, code: str, key: str
) -> MediakilnError | RangeBehindEnd | None:
    if isinstance(error, FileNotFoundError) and code in _OBJECT_CODES:
        return ObjectMissing(key=key)
    taken = isinstance(error, AlreadyExistsError | PreconditionError)
    if taken and (status != CONFLICT_STATUS or code in _TAKEN_CODES):
        return AlreadyExists(key=key)
    behind = status == _UNSATISFIABLE or "StartTooLarge" in str(error)
    return RangeBehindEnd() if behind else None


def refused(bucket: str, status: int, code: str) -> EngineMisconfigured:
    """The provider knows us not, or does not let us."""
    return EngineMisconfigured(
        f"MEDIAKILN_STORE: the object store does not allow the use of bucket {bucket}: {code}",
        bucket=bucket,
        status=status,
        hint=ACCESS_HINT,
    )


def judge(bucket: str, status: int, code: str, *, reason: str) -> MediakilnError:
    """The error that a status and a provider's code mean, where they are not about an object.

    A status of 0 means that there was no answer.
    """
    told = f"{status} {code}".strip() if status else reason
    context: dict[str, Any] = {"bucket": bucket, "status": status, "found": told}
    if status == _FULL_STATUS or code in _FULL_CODES:
        return StorageFull(**context, hint="raise the store's quota or free space")
    busy = status >= _SERVER_STATUS and status != _NOT_IMPLEMENTED
    if not status or busy or status in _BUSY_STATUS or code in _BUSY_CODES:
        return EngineUnavailable(f"The object store does not answer: {told}.", **context)
    if status < 400:  # noqa: PLR2004 - redirections: the bucket lives in another region
        return EngineError(f"The object store answered {told}.", **context)
    hint = BUCKET_HINT if status == 404 else ACCESS_HINT  # noqa: PLR2004 - not found
    return EngineMisconfigured(
        f"MEDIAKILN_STORE: bucket {bucket} cannot be used: {told}", **context, hint=hint
    )


def _first_line(text: str) -> str:
    """What happened, without the answer's body and without how often it was tried."""
    line = text.partition("\n")[0].partition(": <?xml")[0]
    return line.rpartition(" - ")[2][:200]
