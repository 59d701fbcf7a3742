"""What a PostgreSQL catalog's URL says."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from mediakiln.model.errors import EngineMisconfigured

_DRIVERS = frozenset(
    {"passfile", "sslcert", "sslcrl", "sslkey", "sslmode", "sslrootcert", "target_session_attrs"}
)
"""Handed on as they are, with the meaning they have in libpq."""
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_FORM = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"


@dataclass(frozen=True, slots=True)
class Options:
    """Where the records are, and how to get there. Times are seconds."""

    dsn: str
    """The URL with nothing in it but what the driver knows."""
    where: str
    """The URL without its password, for messages."""
    schema: str = "mediakiln"
    pool: int = 8
    """How many connections a process opens at most."""
    timeout: float = 10.0
    """How long a statement may take, its wait for locks included."""
    connect_timeout: float = 5.0
    """How long to wait for a connection, made anew or given back by another caller."""
    application_name: str = "mediakiln"
    """What `pg_stat_activity` calls our connections."""

    @classmethod
    def from_url(cls, url: str) -> "Options":
        """Read a URL.

        Raises:
            EngineMisconfigured: not a PostgreSQL URL, or an option is unknown or has no sense.
        """
        parts = _split(url)
        given: dict[str, Any] = {}
        handed_on: dict[str, str] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            if name in _DRIVERS:
                handed_on[name] = value
            elif name in _READ:
                given[name] = _read(name, value)
            else:
                known = ", ".join(sorted({*_READ, *_DRIVERS}))
                raise EngineMisconfigured(
                    f"the catalog's URL has an unknown option {name!r}", hint=f"known are {known}"
                )
        dsn = parts._replace(query=urlencode(handed_on)).geturl()
        user, at, hosts = parts.netloc.rpartition("@")
        where = parts._replace(netloc=user.partition(":")[0] + at + hosts, query="").geturl()
        return cls(dsn, where, **given)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise EngineMisconfigured("the catalog's URL is none", hint=f"use {_FORM}") from error
    if parts.scheme not in {"postgresql", "postgres"} or parts.fragment:
        raise EngineMisconfigured("not a PostgreSQL catalog's URL", hint=f"use {_FORM}")
    if not parts.netloc.rpartition("@")[2] or not parts.path.strip("/"):
        raise EngineMisconfigured(
            "the catalog's URL names no host or no database", hint=f"use {_FORM}"
        )
    return parts


def _read(name: str, value: str) -> Any:
    try:
        return _READ[name](value)
    except ValueError as error:
        raise EngineMisconfigured(
            f"the catalog's URL has {name}={value!r}: {error}", value=value
        ) from None


def _schema(value: str) -> str:
    if not _SCHEMA.fullmatch(value) or value.startswith("pg_"):
        raise ValueError("a schema is named by small letters, digits and _, not beginning with pg_")
    return value


def _count(value: str) -> int:
    if not value.isdecimal() or not int(value):
        raise ValueError("a whole number above 0 is needed")
    return int(value)


def _seconds(value: str) -> float:
    if not 0 < (seconds := float(value)) < float("inf"):
        raise ValueError("seconds above 0 are needed")
    return seconds


_READ: Mapping[str, Callable[[str], Any]] = {
    "application_name": str,
    "connect_timeout": _seconds,
    "pool": _count,
    "schema": _schema,
    "timeout": _seconds,
}
