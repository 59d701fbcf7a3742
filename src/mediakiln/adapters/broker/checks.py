"""What every engine refuses in the same words, before it touches its store."""

from collections.abc import Sequence

from mediakiln.model.errors import InvalidRequest, LimitExceeded
from mediakiln.model.messages import MAX_MESSAGE_BYTES, Message
from mediakiln.ports.broker import MAX_DELAY_S


def check_messages(messages: Sequence[Message]) -> None:
    """Refuse bodies above 64 KiB.

    Raises:
        LimitExceeded: a body is larger than `MAX_MESSAGE_BYTES`.
    """
    for message in messages:
        size = len(message.body)
        if size > MAX_MESSAGE_BYTES:
            raise LimitExceeded(
                f"message {message.id} has {size} bytes; a message holds {MAX_MESSAGE_BYTES}",
                limit=MAX_MESSAGE_BYTES,
                value=size,
                hint="put the bytes into the object store and send a reference",
            )


def check_delay(delay: float) -> None:
    """Refuse delays that not every engine can keep.

    Raises:
        InvalidRequest: not between 0 and `MAX_DELAY_S` seconds.
    """
    if not 0 <= delay <= MAX_DELAY_S:
        raise InvalidRequest(
            f"a delay is 0 to {MAX_DELAY_S} seconds, not {delay}", limit=MAX_DELAY_S, value=delay
        )


def check_lease(seconds: float) -> None:
    """Refuse leases that would have lapsed when they are handed out.

    Raises:
        InvalidRequest: not a positive, finite number of seconds.
    """
    if not 0 < seconds < float("inf"):
        raise InvalidRequest(f"a lease lasts more than 0 seconds, not {seconds}", value=seconds)


def check_receive(limit: int, wait: float, lease: float) -> None:
    """Refuse a receive that could never return anything.

    Raises:
        InvalidRequest: `limit` below 1, a negative `wait`, or an impossible `lease`.
    """
    if limit < 1:
        raise InvalidRequest(f"receive takes at least 1 message, not {limit}", limit=1, value=limit)
    if not 0 <= wait < float("inf"):
        raise InvalidRequest(f"a wait is 0 or more seconds, not {wait}", limit=0, value=wait)
    check_lease(lease)
