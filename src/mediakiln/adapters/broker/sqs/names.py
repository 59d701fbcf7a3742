"""Names of queues and topics: readable, and never the same for two different groups.

A queue's name has at most 80 letters, digits, `-` and `_`
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html).
"""

import re

from mediakiln.model.errors import EngineMisconfigured

_BETWEEN = "__"
_LONGEST = 80


def topic_name(prefix: str, topic: str) -> str:
    """The SNS topic: `mediakiln-jobs-image` for `jobs.image`.

    Raises:
        EngineMisconfigured: as `queue_name`.
    """
    return _checked(prefix, prefix + _safe(topic))


def queue_name(prefix: str, topic: str, group: str) -> str:
    """The queue of a group: `mediakiln-jobs-image__process` for `process` of `jobs.image`.

    Raises:
        EngineMisconfigured: the prefix makes it longer than SQS takes, or has signs it does not.
    """
    return _checked(prefix, f"{prefix}{_safe(topic)}{_BETWEEN}{_safe(group)}")


def net_name(prefix: str) -> str:
    """The queue that SQS moves a message to which was received a thousand times."""
    return _checked(prefix, f"{prefix}net")


def group_of(prefix: str, topic: str, name: str) -> str | None:
    """The inverse of `queue_name`; None if the queue is of another topic."""
    start = queue_name(prefix, topic, "")
    if not name.startswith(start):
        return None
    return re.sub(r"(?:_[0-9a-f]{2})+|-", _original, name.removeprefix(start))


def _safe(text: str) -> str:
    """Dots become dashes, all else that is no letter or digit `_` and two hexadecimal digits.

    So two underscores stand only between topic and group.
    """
    return "".join(
        sign
        if sign.isascii() and sign.isalnum()
        else "-"
        if sign == "."
        else "".join(f"_{byte:02x}" for byte in sign.encode())
        for sign in text
    )


def _original(found: re.Match[str]) -> str:
    if found[0] == "-":
        return "."
    return bytes.fromhex(found[0].replace("_", "")).decode()


def _checked(prefix: str, name: str) -> str:
    if len(name) > _LONGEST or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise EngineMisconfigured(
            f"MEDIAKILN_BROKER: with the prefix {prefix!r} a queue would be named {name!r}",
            limit=_LONGEST,
            value=len(name),
            hint=f"SQS takes {_LONGEST} letters, digits, - and _: choose a shorter, plainer prefix",
        )
    return name
