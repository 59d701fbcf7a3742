"""What a file can get wrong, found while working on it."""

from mediakiln.model.errors.base import MediakilnError


class BadMedia(MediakilnError):
    """The file is damaged or is not what it claims to be."""

    code = "bad_media"


class LimitExceeded(MediakilnError):
    """The file exceeds a limit."""

    code = "limit_exceeded"


class TooManyPixels(LimitExceeded):
    """The image declares more pixels than are allowed."""

    code = "too_many_pixels"


class OutsideImage(MediakilnError):
    """The box to cut out has no pixel of the image in it."""

    code = "outside_image"


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
