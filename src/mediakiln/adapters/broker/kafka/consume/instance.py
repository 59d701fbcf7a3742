"""Names for static membership: the same after a restart, different for processes side by side.

A member with a lasting name may restart within the session without a rebalance: it finds its
partitions as it left them. Two living members must not share a name, or Kafka shuts out the
older one. So the processes of a machine number themselves by locks that end with them.
"""

import fcntl
import os
import tempfile
from pathlib import Path

from mediakiln.model.errors import EngineMisconfigured

_MOST = 1_000


class Instance:
    """`{name}-{number}`, with the smallest number that no other broker on this machine has."""

    def __init__(self, name: str) -> None:
        folder = Path(tempfile.gettempdir())
        for number in range(_MOST):
            path = folder / f"mediakiln-{os.getuid()}-kafka-{name}-{number}.lock"
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                continue
            self._file = file
            self.id = f"{name}-{number}"
            return
        raise EngineMisconfigured(
            f"MEDIAKILN_BROKER: {_MOST} processes have the instance {name!r} already",
            hint="leave instance away",
        )

    def release(self) -> None:
        """Let another process have the number."""
        os.close(self._file)
