"""How connections to the SQLite file are opened, and what its errors mean.

WAL lets readers and the one writer work at once; synchronous FULL makes a commit outlive the
loss of power; BEGIN IMMEDIATE takes the write lock at once, since a transaction that starts as a
reader cannot wait for it. See https://www.sqlite.org/wal.html and /pragma.html#pragma_synchronous.
"""

import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from mediakiln.model.errors import (
    EngineError,
    EngineMisconfigured,
    EngineUnavailable,
    MediakilnError,
    StorageFull,
)

_PRIMARY = 0xFF
"""An extended result code's low byte is the primary one."""
_NO_ROOM = 1 << 20
"""Below so many free bytes an I/O error is put down to the full disk."""
_WAL_BYTES = 64 << 20
"""The log file is cut back to this after a burst."""
_CACHE_KIB = 8192
"""Each connection's page cache: the indexes of some 100,000 records."""
_IO = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)

_BUSY = (
    EngineUnavailable,
    "the catalog is busy",
    "another process has held its write lock for too long",
)
_DAMAGED = (
    EngineError,
    "the catalog's file is damaged",
    "stop every process, keep a copy of the file, and restore it from a backup",
)
_FORBIDDEN = (
    EngineError,
    "the catalog may not be written",
    "give this user the right to write the file and its folder",
)
_MEANINGS: Mapping[int, tuple[type[MediakilnError], str, str]] = {
    sqlite3.SQLITE_FULL: (StorageFull, "no space left for the catalog", "free some space"),
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_READONLY: _FORBIDDEN,
    sqlite3.SQLITE_PERM: _FORBIDDEN,
    sqlite3.SQLITE_CANTOPEN: (
        EngineUnavailable,
        "the catalog cannot be opened",
        "check that its folder exists and may be written",
    ),
    sqlite3.SQLITE_SCHEMA: (
        EngineMisconfigured,
        "the catalog has no schema",
        "call ensure() once before using a catalog",
    ),
}
_OTHERWISE = (EngineError, "the catalog failed", "see the reason, and the disk's health")


def open_engine(path: Path, *, busy_timeout_s: float) -> sa.Engine:
    """An engine whose every connection is a new one, set up as the module says."""
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        poolclass=sa.NullPool,
        # Each connection has one owner thread, but `close` may come from another.
        connect_args={"check_same_thread": False, "timeout": busy_timeout_s},
    )
    sa.event.listen(engine, "connect", _prepare)
    return engine


def open_writer(engine: sa.Engine) -> sa.Connection:
    """A connection whose transactions take the write lock at their begin."""
    connection = engine.connect()
    sa.event.listen(connection, "begin", _begin_immediate)
    return connection


def open_reader(engine: sa.Engine) -> sa.Connection:
    """A connection that sees the last commit at each statement and cannot write."""
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.exec_driver_sql("PRAGMA query_only = ON")
    return connection


def use_wal(engine: sa.Engine) -> None:
    """Switch the file to write-ahead logging; it stays so.

    Raises:
        EngineMisconfigured: its filesystem has no shared memory, as network ones have none.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode = WAL").scalar()
    if mode != "wal":
        hint = "put the data folder on a local disk"
        raise EngineMisconfigured(f"the catalog's journal stays {mode}", hint=hint)


def translate(error: BaseException, path: Path) -> MediakilnError | None:
    """What an error of SQLite means to a caller; None if it is no failure of the engine."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.Error):
        return None
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY
    if code in _IO and _free(path) < _NO_ROOM:
        code = sqlite3.SQLITE_FULL
    if str(cause).startswith("no such table"):
        code = sqlite3.SQLITE_SCHEMA
    kind, says, hint = _MEANINGS.get(code, _OTHERWISE)
    meaning = kind(f"{says}: {cause}", path=str(path), reason=str(cause), hint=hint)
    meaning.__cause__ = cause
    return meaning


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver's own implicit BEGIN is deferred; with None we begin transactions ourselves.
    connection.isolation_level = None
    for pragma in (
        "synchronous = FULL",
        "foreign_keys = ON",
        "temp_store = MEMORY",
        f"cache_size = -{_CACHE_KIB}",
        f"journal_size_limit = {_WAL_BYTES}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _free(path: Path) -> int:
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return _NO_ROOM
