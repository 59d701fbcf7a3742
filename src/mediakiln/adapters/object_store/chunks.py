"""Gathering a stream's chunks into blocks worth a system call."""

BLOCK = 1 << 20
"""Bytes that are written at a time; smaller objects take a single thread hop in all."""
_LEAST = 64 << 10
_TOGETHER = 16 << 20
_SMALL = 16 << 10


class Blocks:
    """How much each writer of a store gathers: less, the more of them there are.

    So memory does not grow with the clients, each of which may have sent almost a block.
    """

    def __init__(self) -> None:
        self._writers = 0

    @property
    def size(self) -> int:
        """Bytes that are worth writing now."""
        return min(BLOCK, max(_LEAST, _TOGETHER // max(self._writers, 1)))

    def join(self) -> None:
        """Count a writer in."""
        self._writers += 1

    def leave(self) -> None:
        """Count a writer out."""
        self._writers -= 1


class Chunks:
    """Bytes on their way to a file: large chunks are kept as they are, small ones are joined.

    Each byte is copied at most twice, however small the chunks, and a block of 1 MiB is never
    more than 129 pieces: fewer than one vectored write takes.
    """

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[bytes | bytearray] = []
        self._tail = bytearray()

    def add(self, chunk: bytes | memoryview) -> None:
        """Append a chunk; a view is copied, since its owner may use the memory again."""
        data = chunk if isinstance(chunk, bytes) else bytes(chunk)
        self.size += len(data)
        if len(data) < _SMALL:
            self._tail += data
            return
        self._seal_tail()
        self._pieces.append(data)

    def take(self) -> list[bytes | bytearray]:
        """Hand over what was gathered and start afresh."""
        self._seal_tail()
        pieces, self._pieces, self.size = self._pieces, [], 0
        return pieces

    def _seal_tail(self) -> None:
        if self._tail:
            self._pieces.append(self._tail)
            self._tail = bytearray()
