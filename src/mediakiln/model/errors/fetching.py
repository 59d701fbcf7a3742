"""What can go wrong with files that are fetched from elsewhere."""

from mediakiln.model.errors.base import MediakilnError


class FetchFailed(MediakilnError):
    """The file could not be fetched now."""

    code = "fetch_failed"
    retryable = True


class FetchRefused(MediakilnError):
    """The file is not fetched: its address is not allowed, or there is none at it."""

    code = "fetch_refused"
