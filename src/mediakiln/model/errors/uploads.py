"""What can go wrong with an upload that comes in several requests."""

from mediakiln.model.errors.base import MediakilnError


class OffsetMismatch(MediakilnError):
    """The upload stands at another offset than the request says."""

    code = "offset_mismatch"


class ChecksumMismatch(MediakilnError):
    """The bytes that arrived do not have the checksum that was announced."""

    code = "checksum_mismatch"


class InvalidPart(MediakilnError):
    """A part is missing, of another checksum, or of a size that is not allowed."""

    code = "invalid_part"


class UploadBusy(MediakilnError):
    """Another request is writing to this upload."""

    code = "upload_busy"
    retryable = True


class UploadExpired(MediakilnError):
    """The upload was not completed in time."""

    code = "upload_expired"
