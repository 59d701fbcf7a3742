"""The clock of one lease, in arithmetic alone.

SQS counts in whole seconds, ends a lease 12 hours after the receive whatever is asked for, and
lets a stale receipt delete nothing without a word. So each holder keeps the end of its lease
itself, and has it a little before the server's.
"""

from math import ceil

from mediakiln.model.errors import LeaseLost

CAP_S = 12 * 60 * 60
"""Seconds from the receive after which SQS gives a message to others in any case."""
_ANSWER_S = 0.5
"""How much longer the server keeps a message than its holder believes: an answer's way."""
_CAP_MARGIN_S = 5
"""How much earlier than the server a holder counts the 12 hours as over."""


def hidden_for(seconds: float) -> int:
    """The visibility time-out that keeps a message from others for `seconds`."""
    return min(CAP_S, ceil(seconds + _ANSWER_S))


class Lease:
    """How long one receipt is good for; `now` is seconds of a clock that never goes back."""

    def __init__(self, now: float, seconds: float) -> None:
        self._last = now + CAP_S - _CAP_MARGIN_S
        self._end = min(self._last, now + seconds)
        self._ended = False

    def check(self, now: float) -> None:
        """See that it is still held.

        Raises:
            LeaseLost: it lapsed, or the delivery was ended.
        """
        if self._ended:
            raise LeaseLost("this delivery was ended")
        if now >= self._end:
            raise LeaseLost(
                "the lease lapsed",
                hint="SQS gives a message to others 12 hours after it was received"
                if now >= self._last
                else None,
            )

    def begin_end(self, now: float) -> None:
        """Let nobody else act on the delivery.

        Raises:
            LeaseLost: as `check`.
        """
        self.check(now)
        self._ended = True

    def undo_end(self) -> None:
        """The end failed: the lease goes on."""
        self._ended = False

    def visibility(self, now: float, seconds: int) -> int:
        """How much of a visibility time-out SQS takes now: 12 hours less the time gone."""
        return max(0, min(seconds, int(self._last + _CAP_MARGIN_S - now) - 1))

    def extend(self, now: float, seconds: float) -> None:
        """The server agreed at `now` to `seconds`: they are the lease, up to its 12 hours."""
        self._end = min(self._last, now + seconds)
