"""What is uploaded and where downloads go: files, bytes and open files, read in pieces."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Final
from urllib.parse import unquote

from blake3 import blake3

from mediakiln.client.errors import DownloadDamaged

CHUNK: Final = 256 * 1024

Upload = str | os.PathLike[str] | bytes | IO[bytes]
"""A file's path, its bytes, or a file open for reading."""
Target = str | os.PathLike[str] | IO[bytes]
"""A file's path, a folder's, or a file open for writing."""
Progress = Callable[[int, int | None], None]
"""Called with bytes sent so far and in all (None where that is not known), maybe in a thread."""

_ENCODED = re.compile(r"filename\*=UTF-8''([^;]+)", re.IGNORECASE)
_PLAIN = re.compile(r'filename="([^"]*)"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Source:
    """An upload that is ready to be read; `repeatable` ones can be read again from the start."""

    name: str
    size: int | None
    open: Callable[[], IO[bytes]]
    repeatable: bool

    @classmethod
    def of(cls, what: Upload, name: str | None) -> "Source":
        """What to send, and under which name.

        Raises:
            ValueError: bytes or a nameless file were given without a name.
            OSError: the file cannot be read.
        """
        if isinstance(what, bytes):
            return cls(_named(name), len(what), lambda: BytesIO(what), repeatable=True)
        if isinstance(what, str | os.PathLike):
            path = Path(what)
            return cls(
                name or path.name, path.stat().st_size, lambda: path.open("rb"), repeatable=True
            )
        return cls(_named(name or _name_of(what)), _rest_of(what), lambda: what, repeatable=False)

    @contextmanager
    def reader(self) -> Iterator[IO[bytes]]:
        """The upload, open; a file that the caller opened stays open."""
        file = self.open()
        try:
            yield file
        finally:
            if self.repeatable:
                file.close()


def pieces(file: IO[bytes], size: int | None, progress: Progress | None) -> Iterator[bytes]:
    """The file's bytes, with the progress told after each piece was taken."""
    sent = 0
    while piece := file.read(CHUNK):
        yield piece
        sent += len(piece)
        if progress is not None:
            progress(sent, size)


class Sink:
    """Takes a download in and checks it."""

    def __init__(self, file: IO[bytes], checksum: str | None, path: Path | None = None) -> None:
        self.path = path
        self._file = file
        self._digest = blake3()
        self._checksum = checksum

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self._digest.update(chunk)
        self._file.write(chunk)

    def check(self) -> None:
        """Whether the bytes are the right ones.

        Raises:
            DownloadDamaged: they are not.
        """
        found = f"blake3:{self._digest.hexdigest()}"
        if self._checksum is not None and found != self._checksum:
            raise DownloadDamaged(f"{found} arrived instead of {self._checksum}")


@contextmanager
def receiving(target: Target, disposition: str, checksum: str | None) -> Iterator[Sink]:
    """A sink for a download into `target`; a folder gets a file named as the server says.

    A path gets its file only once all of it is there and right.
    """
    if not isinstance(target, str | os.PathLike):
        sink = Sink(target, checksum)
        yield sink
        sink.check()
        return
    path = destination(target, disposition)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name[:80]}.", delete=False) as file:
        try:
            sink = Sink(file, checksum, path)
            yield sink
            sink.check()
            file.close()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def destination(target: str | os.PathLike[str], disposition: str) -> Path:
    """The file a download goes to."""
    path = Path(target)
    return path / _filename(disposition) if path.is_dir() else path


def _filename(disposition: str) -> str:
    """The name in a Content-Disposition header, without any folder in it."""
    plain, encoded = _PLAIN.search(disposition), _ENCODED.search(disposition)
    given = unquote(encoded[1]) if encoded else plain[1] if plain else ""
    name = given.replace("\\", "/").rpartition("/")[2].replace("\0", "")
    return name if name.strip(". ") else "download"


def _named(name: str | None) -> str:
    if not name:
        raise ValueError("give the upload a name")
    return name


def _name_of(file: IO[bytes]) -> str | None:
    name = getattr(file, "name", None)
    return Path(name).name if isinstance(name, str) else None


def _rest_of(file: IO[bytes]) -> int | None:
    """How many bytes are left to read; None for pipes and the like."""
    if not file.seekable():
        return None
    here = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(here)
    return end - here
