"""What PostgreSQL's errors mean: https://www.postgresql.org/docs/current/errcodes-appendix.html."""

import ssl
from collections.abc import Mapping

import asyncpg

from mediakiln.model.errors import (
    EngineError,
    EngineMisconfigured,
    EngineUnavailable,
    InvalidRequest,
    LimitExceeded,
    MediakilnError,
    StorageFull,
)

Meaning = tuple[type[MediakilnError], str, str]

_STOPPED = (EngineUnavailable, "the catalog's server ended the connection", "see its log")
_BUSY = (
    EngineUnavailable,
    "the catalog's server has no room for this now",
    "raise max_connections or memory, or lower `pool` in the URL",
)
_SLOW = (
    EngineUnavailable,
    "a statement on the catalog took too long",
    "see what the server waits for in pg_stat_activity, or raise `timeout` in the URL",
)
_TANGLED = (EngineUnavailable, "a transaction on the catalog was undone by another", "try again")
_REFUSED = (
    EngineMisconfigured,
    "the catalog's server does not let this user in",
    "check user and password in MEDIAKILN_CATALOG, and the server's pg_hba.conf",
)
_NO_DATABASE = (
    EngineMisconfigured,
    "the catalog's database does not exist",
    "create it, or name another in MEDIAKILN_CATALOG",
)
_FORBIDDEN = (
    EngineMisconfigured,
    "the catalog's user lacks a permission",
    (
        "run `mediakiln init` as the schema's owner, and grant this user usage of the schema, "
        "select, insert, update and delete on its tables, and usage of its sequences"
    ),
)
_NO_SCHEMA = (
    EngineMisconfigured,
    "the catalog has no schema",
    "run `mediakiln init`; `schema` in the URL is the same everywhere, and this user may use it",
)
_OTHER_SCHEMA = (
    EngineMisconfigured,
    "the catalog's schema is of another release",
    "run `mediakiln init` with this release",
)
_READ_ONLY = (
    EngineMisconfigured,
    "the catalog's server is read-only",
    "name the primary in MEDIAKILN_CATALOG, or all hosts with target_session_attrs=read-write",
)
_DAMAGED = (
    EngineError,
    "the catalog's data are damaged",
    "stop writing, keep a copy of the server's data, and restore them from a backup",
)
_OTHERWISE = (EngineError, "the catalog failed", "see the reason, and the server's log")
_UNREACHABLE = (
    EngineUnavailable,
    "the catalog's server cannot be reached",
    "check that it runs, and that MEDIAKILN_CATALOG names its host and port",
)
_TLS = (
    EngineMisconfigured,
    "the catalog's server and this client do not agree on TLS",
    "check sslmode and sslrootcert in MEDIAKILN_CATALOG, and the server's certificate",
)

_UNREADABLE = (
    EngineMisconfigured,
    "the catalog's URL is not understood",
    "use postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
)

_MEANINGS: Mapping[str, Meaning] = {
    "08": _STOPPED,
    "28": _REFUSED,
    "3D": _NO_DATABASE,
    "40": _TANGLED,
    "53": _BUSY,
    "57": _STOPPED,
    "XX": _DAMAGED,
    "22021": (InvalidRequest, "an id, topic or key is UTF-8 without NUL", "leave it out"),
    "25006": _READ_ONLY,
    "3F000": _NO_SCHEMA,
    "42501": _FORBIDDEN,
    "42703": _OTHER_SCHEMA,
    "42P01": _NO_SCHEMA,
    "53100": (StorageFull, "no space left for the catalog", "free some space at the server"),
    "54000": (LimitExceeded, "a project, id or space is too long to be searched by", "shorten it"),
    "55P03": _SLOW,
    "57014": _SLOW,
    "XX000": _OTHERWISE,
}
"""By SQLSTATE, or by its first two characters: its class."""

_CUT = ("57P01", "57P02", "57P05")
"""The server ended the session, perhaps after it had committed."""


def is_lost(error: BaseException) -> bool:
    """Whether the connection broke with the statement under way: nobody knows if it took effect."""
    if isinstance(error, asyncpg.PostgresError):
        return error.sqlstate in _CUT or error.sqlstate.startswith("08")
    if isinstance(error, ValueError):
        return False
    return isinstance(error, OSError | asyncpg.InterfaceError | asyncpg.InternalClientError)


def is_cut(error: BaseException) -> bool:
    """Whether there was a server, and it or something on the way ended the connection."""
    return is_lost(error) and isinstance(error, asyncpg.PostgresError | ConnectionResetError)


def is_undone(error: BaseException) -> bool:
    """Whether the statement met another transaction, and surely did nothing: it may be repeated."""
    return isinstance(error, asyncpg.TransactionRollbackError)


def is_read_only(error: BaseException) -> bool:
    """Whether the server takes no writes: a standby, or a primary that has become one."""
    return isinstance(error, asyncpg.ReadOnlySQLTransactionError)


def translate(error: BaseException, where: str) -> MediakilnError | None:
    """What an error of the driver means to a caller; None if it is no failure of the engine."""
    meaning = _meaning(error)
    if meaning is None:
        return None
    kind, says, hint = meaning
    reason = str(error) or type(error).__name__
    made = kind(f"{says}: {reason}", url=where, reason=reason, hint=hint)
    made.__cause__ = error
    return made


def _meaning(error: BaseException) -> Meaning | None:
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return _MEANINGS.get(state) or _MEANINGS.get(state[:2]) or _OTHERWISE
    if isinstance(error, ssl.SSLError):
        return _TLS
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return _READ_ONLY
    if isinstance(error, ConnectionError) and "SSL" in str(error):
        return _TLS
    if isinstance(error, asyncpg.ClientConfigurationError):
        return _UNREADABLE
    return _UNREACHABLE if is_lost(error) else None
