"""The broker's address taken apart: where Kafka is, how to log in, how this process behaves."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from mediakiln.model.errors import EngineMisconfigured

_PORT = 9092
_LAST_PORT = 65_535
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_NAME = re.compile(r"[A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the URL says; `KafkaBroker` describes each option."""

    servers: str
    user: str = ""
    password: str = field(default="", repr=False)
    prefix: str = "mediakiln."
    partitions: int = 6
    replication: int = 3
    retention: float = 14.0
    session: float = 30.0
    poll: float = 300.0
    handover: float = 5.0
    prefetch: int = 1_000
    timeout: float = 30.0
    instance: str = ""
    tls: bool = False
    ca: str = ""
    certificate: str = ""
    key: str = ""
    sasl: str = ""

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Read `kafka://[user:password@]host[:port][,host[:port]…][?option=value&…]`.

        Raises:
            EngineMisconfigured: not such an address, an unknown option, or an impossible value.
        """
        parts = urlsplit(url)
        login, _, hosts = parts.netloc.rpartition("@")
        if parts.scheme != "kafka" or not hosts or parts.path.strip("/"):
            raise EngineMisconfigured(
                "MEDIAKILN_BROKER is not a Kafka address", hint="use kafka://host:port[,host:port]"
            )
        user, _, password = login.partition(":")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        values = {name: _read(name, text) for name, text in query.items()}
        servers = ",".join(_with_port(host) for host in hosts.split(","))
        made = cls(servers=servers, user=unquote(user), password=unquote(password), **values)
        made._check()
        return made

    def client(self) -> dict[str, Any]:
        """The settings that every client of this process shares."""
        protocol = ("SASL_" if self.sasl else "") + ("SSL" if self.tls else "PLAINTEXT")
        settings: dict[str, Any] = {
            "bootstrap.servers": self.servers,
            "client.id": "mediakiln",
            "security.protocol": protocol,
            "socket.keepalive.enable": True,
            "reconnect.backoff.max.ms": 2_000,
            "log_level": 0,
        }
        if self.sasl:
            settings |= {
                "sasl.mechanism": self.sasl,
                "sasl.username": self.user,
                "sasl.password": self.password,
            }
        files = {
            "ssl.ca.location": self.ca,
            "ssl.certificate.location": self.certificate,
            "ssl.key.location": self.key,
        }
        return settings | {name: value for name, value in files.items() if value}

    def _check(self) -> None:
        for name in ("prefix", "instance"):
            if not _NAME.fullmatch(getattr(self, name)):
                raise _wrong(name, getattr(self, name), "letters, digits, '.', '_' and '-'")
        if self.sasl and not self.user:
            raise _wrong("sasl", self.sasl, "kafka://user:password@host:port beside it")
        if self.user and not self.sasl:
            raise _wrong("sasl", "", f"one of {', '.join(_MECHANISMS)} where a user is given")
        if self.poll < self.session:
            raise _wrong("poll", str(self.poll), f"at least session ({self.session:g}) seconds")


def _with_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    if colon and name and port.isdecimal() and 0 < int(port) <= _LAST_PORT:
        return host
    if host and not colon:
        return f"{host}:{_PORT}"
    raise EngineMisconfigured(
        f"MEDIAKILN_BROKER: {host!r} is no host and port", hint="use kafka://host:port[,host:port]"
    )


def _whole(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 10_000:  # noqa: PLR2004 - a bound on nonsense, not a parameter
        raise ValueError(text)
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 86_400:  # noqa: PLR2004 - a day
        raise ValueError(text)
    return number


def _switch(text: str) -> bool:
    return {"1": True, "true": True, "0": False, "false": False}[text]


def _mechanism(text: str) -> str:
    if text not in _MECHANISMS:
        raise ValueError(text)
    return text


def _file(text: str) -> str:
    if not Path(text).is_file():
        raise ValueError(text)
    return text


_READERS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "prefix": (str, "a name"),
    "partitions": (_whole, "a number from 1"),
    "replication": (_whole, "a number from 1"),
    "retention": (float, "a number of days"),
    "session": (_seconds, "a number of seconds"),
    "poll": (_seconds, "a number of seconds"),
    "handover": (_seconds, "a number of seconds"),
    "prefetch": (_whole, "a number from 1"),
    "timeout": (_seconds, "a number of seconds"),
    "instance": (str, "a name"),
    "tls": (_switch, "true or false"),
    "ca": (_file, "a file of certificates"),
    "certificate": (_file, "a file with a certificate"),
    "key": (_file, "a file with a private key"),
    "sasl": (_mechanism, f"one of {', '.join(_MECHANISMS)}"),
}
assert {"servers", "user", "password", *_READERS} == {each.name for each in fields(Options)}  # noqa: S101 - keeps the two tables one


def _read(name: str, text: str) -> Any:
    if name not in _READERS:
        raise EngineMisconfigured(
            f"MEDIAKILN_BROKER: Kafka has no option {name!r}",
            hint=f"known are {', '.join(_READERS)}",
        )
    reader, wanted = _READERS[name]
    try:
        return reader(text)
    except (ValueError, KeyError):
        raise _wrong(name, text, wanted) from None


def _wrong(name: str, text: str, wanted: str) -> EngineMisconfigured:
    return EngineMisconfigured(
        f"MEDIAKILN_BROKER: {name} is {text!r}", value=text, hint=f"{name} is {wanted}"
    )
