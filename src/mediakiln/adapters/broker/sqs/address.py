"""What the broker's URL says: where the services are and how they are used."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, parse_qsl, urlsplit

from mediakiln.model.errors import EngineMisconfigured

MAX_POLL_S = 20
"""The longest that SQS holds a ReceiveMessage open."""
_OPTIONS = ("endpoint", "sns_endpoint", "prefix", "fanout", "fair", "poll")
_SETTING = "MEDIAKILN_BROKER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A region or a server, and the options of `SqsBroker`."""

    region: str
    endpoint: str | None = None
    sns_endpoint: str | None = None
    prefix: str = "mediakiln-"
    sns: bool = True
    fair: bool = True
    poll_s: int = MAX_POLL_S

    @classmethod
    def of(cls, url: str) -> Self:
        """Read `sqs://REGION?option=value&…`.

        Raises:
            EngineMisconfigured: no region, or an option that is unknown or has no such value.
        """
        parts = urlsplit(url)
        if parts.scheme != "sqs" or not parts.netloc or parts.path.strip("/"):
            raise EngineMisconfigured(
                f"{_SETTING} is {url!r}, which names no region",
                value=url,
                hint="use sqs://REGION, for example sqs://eu-central-1",
            )
        options = _options(parts)
        endpoint = options.get("endpoint")
        return cls(
            region=parts.netloc,
            endpoint=endpoint,
            sns_endpoint=options.get("sns_endpoint", endpoint),
            prefix=options.get("prefix", "mediakiln-"),
            sns=_choice(options, "fanout", {"sns": True, "queues": False}, default=True),
            fair=_choice(options, "fair", {"1": True, "0": False}, default=endpoint is None),
            poll_s=_poll(options),
        )

    def __str__(self) -> str:
        return self.endpoint or f"AWS in {self.region}"


def _options(parts: SplitResult) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name, value in options.items():
        if name not in _OPTIONS:
            raise EngineMisconfigured(
                f"{_SETTING} has an unknown option {name!r}",
                value=name,
                hint=f"known are {', '.join(_OPTIONS)}",
            )
        if name.endswith("endpoint") and not value.startswith(("http://", "https://")):
            raise EngineMisconfigured(
                f"{_SETTING}: {name} is {value!r}, which is no URL",
                value=value,
                hint="use http://host:port or https://host",
            )
    return options


def _choice(options: dict[str, str], name: str, choices: dict[str, bool], *, default: bool) -> bool:
    value = options.get(name)
    if value is None:
        return default
    if value not in choices:
        raise EngineMisconfigured(
            f"{_SETTING}: {name} is {value!r}", value=value, hint=f"use {' or '.join(choices)}"
        )
    return choices[value]


def _poll(options: dict[str, str]) -> int:
    value = options.get("poll", str(MAX_POLL_S))
    if not value.isdecimal() or not 1 <= int(value) <= MAX_POLL_S:
        raise EngineMisconfigured(
            f"{_SETTING}: poll is {value!r}",
            value=value,
            hint=f"use whole seconds from 1 to {MAX_POLL_S}",
        )
    return int(value)
