"""Streaming into a part of a local upload."""

from collections.abc import Sequence

from mediakiln.adapters.object_store.chunks import Blocks
from mediakiln.adapters.object_store.files import translated
from mediakiln.adapters.object_store.local_writer import BlockWriter
from mediakiln.adapters.object_store.multipart.slot import Slot
from mediakiln.adapters.object_store.threads import Threads
from mediakiln.ports.multipart import Part


class LocalPartWriter(BlockWriter[Part]):
    """Writes a part into its slot, whose locks it holds meanwhile."""

    def __init__(self, key: str, threads: Threads, blocks: Blocks, slot: Slot) -> None:
        super().__init__(key, threads, blocks)
        self._slot = slot

    async def _enter(self) -> None:
        try:
            with translated(self._key):
                await self._threads.run(self._slot.open)
        except BaseException:
            self._slot.close()  # cancelled: it was opened all the same
            raise

    def _append(self, pieces: Sequence[bytes | bytearray]) -> None:
        self._slot.write(pieces)

    def _finish(self, pieces: Sequence[bytes | bytearray]) -> Part:
        if pieces:
            self._slot.write(pieces)
        return self._slot.commit()

    async def _leave(self) -> None:
        try:
            if self._slot.unfinished:
                with translated(self._key):
                    await self._threads.run(self._slot.give_back)
        finally:
            self._slot.close()
