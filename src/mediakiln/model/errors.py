"""One tree of errors. `code` is stable and public; a class's docstring is its default message.

`retryable` says whether the same work may succeed later. Context goes in as keywords and
comes out in messages, logs and problem documents; `limit` and `value` name what was exceeded,
`hint` tells the reader what to do. HTTP status is decided only in `web/errors.py`.
"""

from typing import Any, ClassVar


class MediakilnError(Exception):
    """Something went wrong inside mediakiln."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None, **context: Any) -> None:
        default = (type(self).__doc__ or "").partition("\n")[0]
        self.message = message or default
        self.context = context
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.context)


def _rebuild(cls: type[MediakilnError], message: str, context: dict[str, Any]) -> MediakilnError:
    return cls(message, **context)


# What a client can get wrong.


class InvalidRequest(MediakilnError):
    """The request cannot be understood."""

    code = "invalid_request"


class InvalidRecipe(MediakilnError):
    """The recipe is not valid."""

    code = "invalid_recipe"


class UnknownRecipe(InvalidRecipe):
    """There is no recipe of that name."""

    code = "unknown_recipe"


class RecipeKindMismatch(MediakilnError):
    """No step of the recipe applies to a file of this kind."""

    code = "recipe_kind_mismatch"


class EmptyFile(MediakilnError):
    """The file has no bytes."""

    code = "empty_file"


class UnsupportedMedia(MediakilnError):
    """The file's content is not of a type that is accepted."""

    code = "unsupported_media_type"


class TooLarge(MediakilnError):
    """The file is larger than this door allows."""

    code = "too_large"


class InvalidName(MediakilnError):
    """The file name cannot be used."""

    code = "invalid_name"


class IncompleteUpload(MediakilnError):
    """The upload ended before all of its announced bytes arrived."""

    code = "incomplete_upload"


class Unauthorised(MediakilnError):
    """A valid key is needed."""

    code = "unauthorised"


class ForeignOrigin(MediakilnError):
    """A page of another site may not do this with your session."""

    code = "foreign_origin"


class NotFound(MediakilnError):
    """There is nothing here under that name."""

    code = "not_found"


class Gone(MediakilnError):
    """The asset was deleted."""

    code = "gone"


class Conflict(MediakilnError):
    """The asset is not in a state that allows this."""

    code = "conflict"


class ArchiveLocked(MediakilnError):
    """Archived objects cannot be deleted before their lock ends."""

    code = "archive_locked"


# What a file can get wrong, found while working on it.


class BadMedia(MediakilnError):
    """The file is damaged or is not what it claims to be."""

    code = "bad_media"


class LimitExceeded(MediakilnError):
    """The file exceeds a limit."""

    code = "limit_exceeded"


class TooManyPixels(LimitExceeded):
    """The image declares more pixels than are allowed."""

    code = "too_many_pixels"


class PasswordRequired(MediakilnError):
    """The document is encrypted."""

    code = "password_required"


class SourceChanged(MediakilnError):
    """The uploaded object was overwritten after it was taken in."""

    code = "source_changed"


class AttemptsSpent(MediakilnError):
    """The job was started as often as is allowed and never came to its end."""

    code = "attempts_spent"


class ModelUnavailable(MediakilnError):
    """The step needs a model or a codec that is not installed."""

    code = "model_unavailable"


class CommandFailed(MediakilnError):
    """The configured command did not succeed."""

    code = "command_failed"


class OperationFailed(MediakilnError):
    """The operation raised an unexpected error."""

    code = "operation_failed"


# What the sandbox reports of a child it had to end.


class SandboxKill(MediakilnError):
    """The operation was ended by the sandbox."""

    code = "killed"
    retryable = True


class StepTimeout(SandboxKill):
    """The step ran longer than its wall-clock limit."""

    code = "step_timeout"


class MemoryExceeded(SandboxKill):
    """The step used more memory than its limit."""

    code = "memory_limit"


class ScratchExceeded(SandboxKill):
    """The step wrote more to its scratch folder than its limit."""

    code = "scratch_limit"


class TooManyProcesses(SandboxKill):
    """The step started more processes than its limit."""

    code = "process_limit"


class Crashed(SandboxKill):
    """The step's process died."""

    code = "crashed"


# What engines report.


class EngineError(MediakilnError):
    """A storage or messaging engine failed."""

    code = "engine_error"
    retryable = True


class EngineUnavailable(EngineError):
    """A storage or messaging engine cannot be reached."""

    code = "engine_unavailable"


class EngineMisconfigured(MediakilnError):
    """An engine's settings do not work."""

    code = "engine_misconfigured"


class NotSupported(MediakilnError):
    """This engine cannot do that."""

    code = "not_supported"


class StorageFull(MediakilnError):
    """There is not enough free space."""

    code = "storage_full"
    retryable = True


class Overloaded(MediakilnError):
    """The backlog is too old to accept more work."""

    code = "overloaded"
    retryable = True


OUTAGES = (EngineUnavailable, StorageFull)
"""They say nothing of the work at hand, which is tried again for as long as they last."""


class ObjectMissing(MediakilnError):
    """The object does not exist."""

    code = "object_missing"


class AlreadyExists(MediakilnError):
    """The object or record exists already."""

    code = "already_exists"


class VersionConflict(MediakilnError):
    """The record was changed by somebody else."""

    code = "version_conflict"
    retryable = True


class LeaseLost(MediakilnError):
    """The lease on this delivery lapsed, so another consumer may hold it."""

    code = "lease_lost"


class Leased(MediakilnError):
    """Another worker holds the claim."""

    code = "leased"
    retryable = True


class UnreadableMessage(MediakilnError):
    """The message is not one this release can read."""

    code = "unreadable_message"


class NotifyFailed(MediakilnError):
    """The notification was not accepted by its target."""

    code = "notify_failed"
    retryable = True


class NotifyRefused(MediakilnError):
    """The notification's target does not want it; trying again is pointless."""

    code = "notify_refused"


class DataFolderInUse(MediakilnError):
    """Another mediakiln runs on this data folder."""

    code = "data_folder_in_use"
