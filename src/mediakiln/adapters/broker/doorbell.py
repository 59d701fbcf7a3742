"""A doorbell between the processes that share a broker's file.

Every process that waits has a datagram socket in a folder beside the file; whoever publishes
sends the numbers of the groups concerned to all of them. A ring that gets lost costs a waiting
consumer the time to the next look at the file, nothing else.
"""

import errno
import logging
import os
import secrets
import select
import socket
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

_LONGEST = 60
"""`sun_path` holds 108 bytes (unix(7)); names take up to 32 of them."""
_DATAGRAM = 4096
_HARMLESS = {errno.ENOENT, errno.EAGAIN, errno.ENOBUFS, errno.EMSGSIZE}
_log = logging.getLogger(__name__)


class Listener:
    """This process's socket: rung by others."""

    def __init__(self, bound: socket.socket, name: str) -> None:
        self.name = name
        self._socket = bound
        self._poll = select.poll()
        self._poll.register(bound, select.POLLIN)

    def listen(self, seconds: float) -> set[int]:
        """The groups rung for, after waiting up to `seconds` for the first ring."""
        groups: set[int] = set()
        if self._poll.poll(seconds * 1000):
            with suppress(BlockingIOError):
                while True:
                    words = self._socket.recv(_DATAGRAM).split()
                    groups.update(int(word) for word in words if word.isdigit())
        return groups

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()


class Doorbell:
    """The folder of sockets: rings every process that listens.

    Raises:
        OSError: the folder cannot be made or opened.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        short = len(os.fsencode(folder)) <= _LONGEST
        self._prefix = f"{folder}/" if short else f"/proc/self/fd/{self._folder}/"
        self._out = _unbound()
        self._own: Listener | None = None

    def open(self) -> Listener:
        """Be rung from now on.

        Raises:
            OSError: the file system has no sockets.
        """
        name = f"{os.getpid()}-{secrets.token_hex(6)}"
        bound = _unbound()
        # Others see the name only once a socket answers to it: they remove those that do not.
        bound.bind(f"{self._prefix}.{name}")
        os.rename(f".{name}", name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._own = Listener(bound, name)
        return self._own

    def ring(self, groups: AbstractSet[int]) -> None:
        """Tell every other process; sockets whose process died are removed."""
        datagram = " ".join(map(str, sorted(groups))).encode()
        for name in self._others():
            self._send(name, datagram)

    def ring_self(self) -> None:
        """End a `listen` of this process at once."""
        if self._own is not None:
            self._send(self._own.name, b"")

    def close(self) -> None:
        """Remove the socket and let go of the folder."""
        if self._own is not None:
            self._remove(self._own.name)
        self.abandon()

    def abandon(self) -> None:
        """Let go of it without a trace outside: for a child that inherited it by fork."""
        self._out.close()
        if self._own is not None:
            self._own.close()
        os.close(self._folder)

    def _send(self, name: str, datagram: bytes) -> None:
        try:
            self._out.sendto(datagram, self._prefix + name)
        except OSError as error:
            if error.errno == errno.ECONNREFUSED:
                self._remove(name)
            elif error.errno not in _HARMLESS:
                _log.warning("cannot ring %s: %s", name, error)

    def _others(self) -> Iterator[str]:
        own = None if self._own is None else self._own.name
        with os.scandir(self._folder) as entries:
            yield from (e.name for e in entries if e.name != own and not e.name.startswith("."))

    def _remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._folder)


def _unbound() -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return made
