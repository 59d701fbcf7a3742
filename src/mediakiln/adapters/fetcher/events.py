"""What the kernel tells of folders, by the watchfiles library."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from watchfiles import Change, awatch


async def changes_in(
    folders: Sequence[Path], stop: asyncio.Event
) -> AsyncGenerator[list[tuple[Path, bool]], None]:
    """Paths right in these folders that were written to or came, and whether they came.

    Each folder is watched by itself, since a recursive watch would follow links.

    Raises:
        OSError: a folder is gone, or the system watches no more folders.
    """
    async for batch in awatch(
        *folders,
        watch_filter=None,
        stop_event=stop,
        debounce=200,
        recursive=False,
        ignore_permission_denied=True,
    ):
        yield [
            (Path(path), change is Change.added)
            for change, path in batch
            if change is not Change.deleted
        ]
