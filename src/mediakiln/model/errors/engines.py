"""What engines report."""

from mediakiln.model.errors.base import MediakilnError


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
