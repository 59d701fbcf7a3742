"""Where downloads go: files, folders and open files, checked on their way."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO
from urllib.parse import unquote

import httpx2
from blake3 import blake3

from mediakiln.client.errors import DownloadDamaged

Target = str | os.PathLike[str] | IO[bytes]
"""A file's path, a folder's, or a file open for writing. What ends with a slash is a folder."""

_ENCODED = re.compile(r"filename\*=UTF-8''([^;]+)", re.IGNORECASE)
_PLAIN = re.compile(r'filename="([^"]*)"', re.IGNORECASE)


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


def named_by(response: httpx2.Response) -> str:
    """What an answer says of its file's name."""
    return response.headers.get("content-disposition", "")


def destination(target: str | os.PathLike[str], disposition: str) -> Path:
    """The file a download goes to; what ends with a slash is a folder, made where it is not."""
    path = Path(target)
    if os.fspath(target).endswith("/"):
        path.mkdir(parents=True, exist_ok=True)
    return path / _filename(disposition) if path.is_dir() else path


def _filename(disposition: str) -> str:
    """The name in a Content-Disposition header, without any folder in it."""
    plain, encoded = _PLAIN.search(disposition), _ENCODED.search(disposition)
    given = unquote(encoded[1]) if encoded else plain[1] if plain else ""
    name = given.replace("\\", "/").rpartition("/")[2].replace("\0", "")
    return name if name.strip(". ") else "download"
