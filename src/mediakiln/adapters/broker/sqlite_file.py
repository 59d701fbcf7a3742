"""The SQLite broker's file: its schema, how a connection to it is opened, what its errors mean.

Two tables carry the messages: `messages` holds each body once, `entries` what every group still
has to do with it. An entry is ready, leased or delayed; two partial indexes keep the three apart,
so that finding the next ready one never walks over leased or delayed ones.
"""

import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

from mediakiln.model.errors import (
    EngineError,
    EngineMisconfigured,
    EngineUnavailable,
    MediakilnError,
    StorageFull,
)

SCHEMA_VERSION: Final = 1
READY: Final = 0
LEASED: Final = 1
DELAYED: Final = 2

_TABLES: Final = (
    "CREATE TABLE topics (name TEXT PRIMARY KEY) WITHOUT ROWID",
    """CREATE TABLE consumer_groups (
        id INTEGER PRIMARY KEY,
        topic TEXT NOT NULL REFERENCES topics (name),
        name TEXT NOT NULL,
        UNIQUE (topic, name))""",
    """CREATE TABLE messages (
        id INTEGER PRIMARY KEY,
        message_id TEXT NOT NULL,
        key TEXT NOT NULL,
        body BLOB NOT NULL,
        readers INTEGER NOT NULL)""",
    """CREATE TABLE entries (
        id INTEGER PRIMARY KEY,
        group_id INTEGER NOT NULL,
        project TEXT NOT NULL,
        message INTEGER NOT NULL,
        state INTEGER NOT NULL,
        at REAL NOT NULL,
        attempt INTEGER NOT NULL DEFAULT 0,
        receipt BLOB)""",
    "CREATE INDEX entries_ready ON entries (group_id, project, at) WHERE state = 0",
    "CREATE INDEX entries_held ON entries (group_id, at, state) WHERE state > 0",
)
# SQLite's own way to wait for a lock sleeps ever longer, up to 100 ms, while others pass by;
# asking again after a millisecond or two keeps the longest wait short.
_BUSY_S: Final = 0.003
_PAUSE_S: Final = 0.001
_PATIENCE_S: Final = 60.0
_JOURNAL_LIMIT: Final = 64 * 1024 * 1024
_CHECKPOINT_PAGES: Final = 4000
_NO_SPACE: Final = 1024 * 1024
_BUSY_CODES: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

T = TypeVar("T")


def connect(path: Path, *, writes: bool) -> sqlite3.Connection:
    """Open the file, making it and its schema where they are missing.

    Raises:
        EngineMisconfigured: no such folder, no permission, not a database, or a newer schema.
        EngineUnavailable: the file is damaged, or stays locked.
        StorageFull: there is no space to make it.
    """
    try:
        return patiently(lambda: _open(path, writes=writes))
    except sqlite3.Error as error:
        raise translated(error, path) from error


def patiently(action: Callable[[], T]) -> T:
    """Do `action`, again for as long as other processes hold the lock (up to a minute)."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            if primary(error) not in _BUSY_CODES or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)


def primary(error: sqlite3.Error) -> int:
    """The primary result code (https://sqlite.org/rescode.html), 0 where Python raised it."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def translated(error: sqlite3.Error, path: Path) -> MediakilnError:
    """The error of our tree that says what SQLite's error means for the caller."""
    code, cause = primary(error), f"{path.name}: {error}"
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path)):
        return StorageFull(
            f"no space left for the broker's file ({cause})", hint=f"free space in {path.parent}"
        )
    if code == sqlite3.SQLITE_NOTADB:
        return EngineMisconfigured(
            f"not a SQLite database ({cause})", hint="point the broker's URL at another file"
        )
    if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return EngineMisconfigured(
            f"the broker's file cannot be opened for writing ({cause})",
            hint=f"the folder {path.parent} must exist and be writable",
        )
    if code == sqlite3.SQLITE_CORRUPT:
        return EngineUnavailable(
            f"the broker's file is damaged ({cause})",
            hint="stop every role and move the file away; relay and reconcile publish again "
            "what it held",
        )
    if code in {*_BUSY_CODES, sqlite3.SQLITE_IOERR}:
        return EngineUnavailable(f"the broker's file cannot be used now ({cause})")
    return EngineError(f"SQLite refused ({cause})")


def _is_full(path: Path) -> bool:
    return shutil.disk_usage(path.parent).free < _NO_SPACE


def _open(path: Path, *, writes: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        # Takes effect in a new file only, and only before its first page is written.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL_LIMIT}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        _migrate(connection, path)
        if not writes:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection, path) == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    # Another process may have made the tables while this one waited for the lock.
    if _version(connection, path) == 0:
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    with closing(connection.execute("PRAGMA user_version")) as cursor:
        version = int(cursor.fetchone()[0])
    if version > SCHEMA_VERSION:
        raise EngineMisconfigured(
            f"{path.name} has schema {version}; this release knows up to {SCHEMA_VERSION}",
            limit=SCHEMA_VERSION,
            value=version,
            hint="run the release that wrote it, or a newer one",
        )
    return version
