"""Where the server is: one address with the key and the habits inside."""

import os
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

DEFAULT_URL: Final = "http://127.0.0.1:8420"
_KNOWN: Final = ("verify", "timeout", "project")
_OFF = frozenset({"off", "0", "false", "no"})


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is, and how it is talked to.

    Attributes:
        url: scheme, host, port and path; nothing secret in it.
        key: what every request carries, if any.
        verify: whether a server's TLS certificate is checked, or a file of authorities to trust.
        timeout: seconds without a byte until a request is given up; None for the default.
        project: which of its projects the owner's key means; None for its own.
    """

    url: str
    key: str | None
    verify: bool | str = True
    timeout: float | None = None
    project: str | None = None

    @classmethod
    def of(cls, url: str | None, key: str | None) -> "Address":
        """From `http://KEY@host:port`.

        `?verify=off|FILE`, `?timeout=SECONDS` and `?project=NAME` may follow. Without an address,
        the environment's MEDIAKILN_URL, MEDIAKILN_KEY and MEDIAKILN_PROJECT count, then the
        default of a server on this machine. A key in the environment goes nowhere but there.

        Raises:
            ValueError: that is no address.
        """
        if url is None:
            url = os.environ.get("MEDIAKILN_URL") or DEFAULT_URL
            fallback = os.environ.get("MEDIAKILN_KEY") or None
            chosen = os.environ.get("MEDIAKILN_PROJECT") or None
        else:
            fallback = chosen = None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"not the address of a server: {parts.scheme}://{parts.hostname}")
        inside = unquote(parts.password or parts.username or "") or None
        netloc = parts.netloc.rpartition("@")[2]
        options = _options(parts.query)
        plain = f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"
        timeout = None if "timeout" not in options else float(options["timeout"])
        return cls(
            plain,
            key or inside or fallback,
            _verify(options.get("verify")),
            timeout,
            chosen or options.get("project") or None,
        )

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in _KNOWN:
            raise ValueError(f"an address has no option {name!r}; known are {', '.join(_KNOWN)}")
    return options


def _verify(value: str | None) -> bool | str:
    return False if value in _OFF else value or True
