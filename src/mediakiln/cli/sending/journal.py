"""What was sent, and what was begun: one small file, so that a second run goes on from there.

A file counts as the same while its path, size and time of change are; beside that, the server,
the key and what was asked to be done with it.
"""

import os
import sqlite3
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from mediakiln.cli.sending.walk import Found

KEPT_S: Final = 90 * 86400.0
"""How long the journal remembers a file."""
NAME: Final = "sent.db"
_VERSION: Final = 1
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS sent (
  job TEXT NOT NULL,
  path BLOB NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  run TEXT NOT NULL,
  idempotency TEXT NOT NULL,
  upload TEXT,
  asset TEXT,
  at REAL NOT NULL,
  PRIMARY KEY (job, path)
) WITHOUT ROWID
"""
_PUT: Final = "INSERT OR REPLACE INTO sent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_GET: Final = (
    "SELECT size, mtime_ns, run, idempotency, upload, asset FROM sent WHERE job = ? AND path = ?"
)


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a file from earlier.

    Attributes:
        same: the file is what it was then.
        idempotency: the key its upload was begun with.
        upload: the upload in parts it was begun as, if it was.
        asset: what it became, if it was sent to the end.
    """

    same: bool
    idempotency: str
    upload: str | None
    asset: str | None


class Journal:
    """The entries of one job: a server, a key, a recipe, tags and an uploader.

    Entries are written at once and survive a kill, not a power failure. A journal that cannot
    be written is told of once, and the files are sent all the same.
    """

    def __init__(self, database: sqlite3.Connection, job: str) -> None:
        self._database = database
        self._job = job
        self._run = uuid.uuid4().hex
        self._broken = False

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, *job: str) -> Iterator["Journal"]:
        """The journal in a folder, for a job described by these words."""
        words = blake2b("\0".join(job).encode(errors="surrogateescape"), digest_size=16)
        try:
            database = _open(folder)
        except (OSError, sqlite3.Error) as error:
            _warn(error)
            database = _ready(sqlite3.connect(":memory:", isolation_level=None))
        try:
            yield cls(database, words.hexdigest())
        finally:
            database.close()

    def past(self, found: Found) -> Past | None:
        """What an earlier run noted of a file; this run's own notes do not count."""
        try:
            row = self._database.execute(_GET, (self._job, _key(found))).fetchone()
        except sqlite3.Error as error:
            self._fail(error)
            return None
        if row is None or row[2] == self._run:
            return None
        same = (row[0], row[1]) == (found.size, found.mtime_ns)
        return Past(same=same, idempotency=row[3], upload=row[4], asset=row[5])

    def note(
        self,
        found: Found,
        *,
        idempotency: str,
        upload: str | None = None,
        asset: str | None = None,
    ) -> None:
        """Write down how far a file is."""
        place = (self._job, _key(found), found.size, found.mtime_ns)
        self._do(_PUT, *place, self._run, idempotency, upload, asset, time.time())

    def forget(self, found: Found) -> None:
        """Drop what is known of a file."""
        self._do("DELETE FROM sent WHERE job = ? AND path = ?", self._job, _key(found))

    def _do(self, statement: str, *values: object) -> None:
        if self._broken:
            return
        try:
            self._database.execute(statement, values)
        except sqlite3.Error as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not self._broken:
            _warn(error)
        self._broken = True


def _open(folder: Path) -> sqlite3.Connection:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return _ready(sqlite3.connect(folder / NAME, timeout=5, isolation_level=None))


def _ready(database: sqlite3.Connection) -> sqlite3.Connection:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = OFF")
    if database.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
        database.execute("DROP TABLE IF EXISTS sent")
        database.execute(f"PRAGMA user_version = {_VERSION}")
    database.execute(_TABLE)
    database.execute("DELETE FROM sent WHERE at < ?", (time.time() - KEPT_S,))
    return database


def _key(found: Found) -> bytes:
    return os.fsencode(Path(found.path).absolute())


def _warn(error: Exception) -> None:
    print(
        f"mediakiln: what is sent cannot be remembered ({error}): "
        "after an interruption, all of it is sent again",
        file=sys.stderr,
    )
