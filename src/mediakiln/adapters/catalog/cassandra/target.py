"""What a Cassandra catalog's URL says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl, unquote

from mediakiln.adapters.catalog.cassandra.tls import OPTIONS, Tls
from mediakiln.model.errors import EngineMisconfigured

PORT = 9042
_FORM = "cassandra://[user:password@]host[:port][,host2[:port]]/keyspace[?dc=…&replication=…]"
_KEYSPACE = re.compile(r"[a-z][a-z0-9_]{0,47}")
_HOST = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\[\]:]+)(:(?P<port>[0-9]{1,5}))?")
_OPTIONS = ("dc", "replication", "timeout", *OPTIONS)
_REPLICAS = range(1, 10)


@dataclass(frozen=True, slots=True)
class Target:
    """A keyspace, and where and as whom to find it."""

    hosts: tuple[tuple[str, int], ...]
    keyspace: str
    user: str | None = None
    password: str = field(default="", repr=False)
    dc: str | None = None
    replication: int = 3
    timeout_s: float = 10.0
    tls: Tls | None = None

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Read a URL; `CassandraCatalog` documents its parts.

        Raises:
            EngineMisconfigured: it is no Cassandra catalog's URL; says what is wrong with it.
        """
        scheme, _, rest = url.partition("://")
        place, _, query = rest.partition("?")
        login, _, place = place.rpartition("@")
        authority, _, keyspace = place.partition("/")
        if scheme != "cassandra" or not authority:
            raise EngineMisconfigured(f"not a Cassandra catalog's URL: {_bare(url)}", hint=_FORM)
        if not _KEYSPACE.fullmatch(keyspace):
            raise EngineMisconfigured(
                f"MEDIAKILN_CATALOG names the keyspace {keyspace!r}",
                hint="a keyspace is a small letter, then small letters, digits and _; at most 48",
            )
        user, _, password = login.partition(":")
        options = _options(query)
        return cls(
            hosts=tuple(_host(each) for each in authority.split(",")),
            keyspace=keyspace,
            user=unquote(user) or None,
            password=unquote(password),
            dc=options.get("dc"),
            replication=_number(options, "replication", 3, 1, max(_REPLICAS)),
            timeout_s=_number(options, "timeout", 10, 1, 30),
            tls=Tls.of(options),
        )

    @property
    def names(self) -> str:
        """The contact points, for messages."""
        return ", ".join(f"{host}:{port}" for host, port in self.hosts)


def _bare(url: str) -> str:
    """Without what stands before the host: messages must not tell passwords."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _host(text: str) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    port = int(found["port"] or PORT) if found else 0
    if found is None or not 0 < port < 1 << 16:
        raise EngineMisconfigured(f"MEDIAKILN_CATALOG names the host {text!r}", hint=_FORM)
    return found["host"].strip("[]"), port


def _options(query: str) -> Mapping[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in _OPTIONS:
            raise EngineMisconfigured(
                f"MEDIAKILN_CATALOG has the option {name!r}, which Cassandra catalogs do not know",
                hint=f"known are {', '.join(_OPTIONS)}",
            )
    return options


def _number(options: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = options.get(name, str(default))
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise EngineMisconfigured(
            f"MEDIAKILN_CATALOG has {name}={text}", hint=f"{name} is a number, {least} to {most}"
        )
    return int(text)
