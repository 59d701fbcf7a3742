"""The URL of a table, read and checked."""

import difflib
import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from botocore.session import get_session

from mediakiln.model.errors import EngineMisconfigured

SETTING = "MEDIAKILN_CATALOG"
_HINT = "use dynamodb://REGION/TABLE, such as dynamodb://eu-central-1/mediakiln"
_OPTIONS = ("endpoint", "streams", "patience", "connections")
_PATIENCE_S, _CONNECTIONS = 5.0, 50
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")
_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Which table, and how to speak to it; see `DynamoCatalog` for the options."""

    region: str
    table: str
    endpoint: str | None = None
    streams: bool = False
    patience_s: float = _PATIENCE_S
    connections: int = _CONNECTIONS

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read `dynamodb://REGION/TABLE?OPTION=VALUE&…`.

        Raises:
            EngineMisconfigured: names the part that is wrong, and the remedy.
        """
        try:
            parts = urlsplit(url)
            given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError as error:
            raise _wrong(f"not a URL: {url}") from error
        region, table = parts.netloc, parts.path.removeprefix("/")
        if parts.scheme != "dynamodb" or not _REGION.fullmatch(region):
            raise _wrong(f"{region!r} in {url} is no region's name")
        if not _TABLE.fullmatch(table):
            raise _wrong(f"{table!r} in {url} is no table's name: 3 to 255 of A-Z a-z 0-9 _ . -")
        options = dict(given)
        for name in options:
            if name not in _OPTIONS:
                raise _wrong(f"unknown option {name!r} in {url}; known are {', '.join(_OPTIONS)}")
        endpoint = _endpoint(options.get("endpoint"))
        if endpoint is None:
            _check_region(region)
        return cls(
            region=region,
            table=table,
            endpoint=endpoint,
            streams=_number(options, "streams", 0, most=1) == 1,
            patience_s=_number(options, "patience", _PATIENCE_S, most=300),
            connections=int(_number(options, "connections", _CONNECTIONS, least=1)),
        )

    def __str__(self) -> str:
        at = f" at {self.endpoint}" if self.endpoint else ""
        return f"DynamoDB table {self.table} in {self.region}{at}"


def _check_region(region: str) -> None:
    """A mistyped region would pass for an outage: its host has no address."""
    session = get_session()
    known = [
        name
        for partition in session.get_available_partitions()
        for name in session.get_available_regions("dynamodb", partition)
    ]
    if region not in known:
        near = " or ".join(difflib.get_close_matches(region, known)) or "one that is known"
        raise EngineMisconfigured(
            f"{SETTING}: the SDK knows no region {region!r}",
            hint=f"use {near}, or add endpoint=https://dynamodb.{region}.amazonaws.com",
        )


def _endpoint(text: str | None) -> str | None:
    if text is None:
        return None
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _wrong(f"endpoint={text!r} is no http:// or https:// address")
    return text


def _number(
    options: dict[str, str], name: str, default: float, *, least: float = 0, most: float = 10_000
) -> float:
    text = options.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not least <= value <= most:
        raise _wrong(f"{name}={text!r} is no number from {least:g} to {most:g}")
    return value


def _wrong(text: str) -> EngineMisconfigured:
    return EngineMisconfigured(f"{SETTING}: {text}", hint=_HINT)
