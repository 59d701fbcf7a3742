"""What a key, a token or a quota does not allow."""

from mediakiln.model.errors.base import MediakilnError


class Forbidden(MediakilnError):
    """The key does not allow this."""

    code = "forbidden"


class RateLimited(MediakilnError):
    """There were too many requests in a short time."""

    code = "rate_limited"
    retryable = True


class QuotaExceeded(MediakilnError):
    """A quota is used up."""

    code = "quota_exceeded"


class IdempotencyKeyReused(MediakilnError):
    """The Idempotency-Key was used for another request."""

    code = "idempotency_key_reused"


class AnswerNotKept(MediakilnError):
    """The request of this Idempotency-Key was done, but its answer was not kept."""

    code = "answer_not_kept"
