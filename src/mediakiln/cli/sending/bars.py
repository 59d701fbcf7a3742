"""Progress that stays calm: a bar a file for a few, one for all of them for many."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)

from mediakiln.cli.sending.walk import Found

FEW: Final = 20
_NAME_WIDTH: Final = 32
_NARROW: Final = 16
"""Of names, where the line for all has more to say."""
_REFRESHES: Final = 4
_EVERY: Final = 50
"""Files between two changes of the line for all."""


class Bars:
    """Progress on standard error. With `many`, only large files have a bar, while they move.

    Where nobody watches, many files are one line at the end.
    """

    def __init__(self, *, many: bool) -> None:
        self._many = many
        self._screen = Console(stderr=True)
        self._files: int | None = None
        self._ended = self._known = self._failed = 0
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TextColumn("{task.fields[state]}"),
            console=self._screen,
            disable=many and not self._screen.is_terminal,
            refresh_per_second=_REFRESHES,
            # A pipe that reads the ids must not lose them to the bars.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._all = self._bar("all files") if many else None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tell()
        self._progress.stop()
        if self._progress.disable:
            print(self.summary, file=sys.stderr)

    @contextmanager
    def file(self, found: Found, *, large: bool) -> Iterator["Bar"]:
        """The bar of a file while it is sent."""
        if self._many and not large:
            yield Bar()
            return
        id = self._bar(found.path.rpartition("/")[2], total=found.size)
        bar = Bar(lambda **values: self._progress.update(id, **values))
        yield bar
        if self._many:
            self._progress.remove_task(id)

    def total(self, files: int, size: int) -> None:
        """So many files with so many bytes there are in all."""
        self._files = files
        if self._all is not None:
            self._progress.update(self._all, total=size)
            self._tell()

    def ended(self, size: int, *, ok: bool, known: bool = False) -> None:
        """A file is done with."""
        self._ended += 1
        self._known += known
        self._failed += not ok
        if self._all is not None:
            self._progress.advance(self._all, size)
            if self._ended % _EVERY == 0:
                self._tell()

    @property
    def summary(self) -> str:
        """Where things stand, in words."""
        of = f" of {self._files:,}" if self._files is not None else ""
        known = f", {self._known:,} sent before" if self._known else ""
        failed = f", {self._failed:,} failed" if self._failed else ""
        return f"{self._ended:,}{of} files{known}{failed}"

    def _bar(self, name: str, total: int | None = None) -> TaskID:
        width = _NARROW if self._many else _NAME_WIDTH
        text = name[:width].ljust(width)
        return self._progress.add_task(text, total=total, state="waiting")

    def _tell(self) -> None:
        if self._all is not None:
            self._progress.update(self._all, state=self.summary)


class Bar:
    """One file's."""

    def __init__(self, update: Callable[..., None] = lambda **_: None) -> None:
        self._update = update

    def moved(self, sent: int, total: int | None) -> None:
        """So many bytes are there."""
        self._update(completed=sent, total=total, state="uploading")

    def say(self, state: str) -> None:
        """What becomes of it."""
        self._update(state=state)
