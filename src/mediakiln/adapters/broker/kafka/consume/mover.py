"""What moves delayed messages to their group when they are due.

The tiers are read by the members of the group themselves, so a killed mover's messages go to
another member like any other. A tier's partition is read ahead as far as prefetch allows, and
each message is moved at its own time: only where more than that wait may one come later than
due, by the tier's length at most.
"""

import logging
import time
from contextlib import suppress

from mediakiln.adapters.broker.kafka import codec
from mediakiln.adapters.broker.kafka.consume.channel import Channel
from mediakiln.adapters.broker.kafka.consume.commits import Commits
from mediakiln.adapters.broker.kafka.consume.lane import Entry
from mediakiln.adapters.broker.kafka.names import Names
from mediakiln.adapters.broker.kafka.sender import Letter, Sender
from mediakiln.model.errors import MediakilnError

log = logging.getLogger(__name__)

_PAUSE_S = 1.0


async def move(channel: Channel, names: Names, sender: Sender, commits: Commits) -> None:
    """Move what is due, for ever."""
    while True:
        entries = channel.due(time.time())
        if entries:
            await _forward(entries, channel, names, sender, commits)
            continue
        due = channel.next_due()
        await channel.bell.wait(None if due is None else max(0.0, due - time.time()))


async def _forward(
    entries: list[Entry], channel: Channel, names: Names, sender: Sender, commits: Commits
) -> None:
    again = names.again(channel.topic, channel.group)
    letters = [
        Letter(
            again,
            codec.key(entry.message),
            entry.message.body,
            codec.headers(entry.message, attempt=entry.attempt),
        )
        for entry in entries
    ]
    try:
        await sender.send(letters)
    except MediakilnError as error:
        log.warning("delayed messages wait longer: %s", error, extra={"topic": channel.topic})
        channel.postpone(entries, time.time() + _PAUSE_S)
        return
    with channel.lock:
        for entry in entries:
            entry.lane.finish(entry)
    for lane in {id(entry.lane): entry.lane for entry in entries}.values():
        with suppress(MediakilnError):  # what is not committed is moved again by whoever is next
            await commits.reach(lane, lane.settled - 1)
