"""What a cloud store's URL says, the same for the three of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from mediakiln.model.errors import EngineMisconfigured, InvalidRequest
from mediakiln.model.keys import Bucket

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,46}[a-z0-9]")
_CLASSES = {bucket: f"{bucket}_class" for bucket in Bucket}
_COMMON = {*Bucket, *_CLASSES.values(), "timeout_s", "retries"}
_SLOW_CLASSES = {"GLACIER", "DEEP_ARCHIVE", "ARCHIVE"}
_WEEK_S = 7 * 86_400
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Options:
    """A store's settings.

    Attributes:
        account: what stands before the name, for engines that have accounts; else empty.
        buckets: each bucket's name at the provider.
        classes: storage classes, of the buckets that were given one.
        tags: whether production and archive objects carry the tag `mediakiln={bucket}`.
        timeout_s: how long one request may stand still.
        retries: how often a request that failed by an outage is sent again.
        own: the engine's own options.
    """

    account: str
    buckets: Mapping[Bucket, str]
    classes: Mapping[Bucket, str]
    tags: bool
    timeout_s: float
    retries: int
    own: Mapping[str, str]

    def tag(self, bucket: Bucket) -> dict[str, str]:
        """The tags of a new object in a bucket."""
        return {} if bucket is Bucket.INPUT or not self.tags else {"mediakiln": bucket.value}


def read_url(url: str, scheme: str, *, own: set[str], account: bool = False) -> Options:
    """Take a URL `{scheme}://[ACCOUNT/]NAME?option=value` apart.

    Raises:
        EngineMisconfigured: another form, an unknown option, or a value that cannot be one.
    """
    parts = urlsplit(url)
    name = parts.path.strip("/") if account else parts.netloc
    form = f"{scheme}://{'ACCOUNT/' if account else ''}NAME"
    if parts.scheme != scheme or not _NAME.fullmatch(name) or (account and not parts.netloc):
        raise EngineMisconfigured(
            f"MEDIAKILN_STORE: {url!r} is not of the form {form}",
            hint=f"write {form}, NAME being 3 to 48 of a-z, 0-9, '.', '_' and '-'",
        )
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    known = _COMMON | own
    for option in given:
        if option not in known:
            raise EngineMisconfigured(
                f"MEDIAKILN_STORE: {scheme}:// has no option {option!r}",
                hint=f"known are {', '.join(sorted(known))}",
            )
    return Options(
        account=parts.netloc if account else "",
        buckets={bucket: given.get(bucket) or f"{name}-{bucket}" for bucket in Bucket},
        classes=_classes(given),
        tags=read_flag(given, "tags"),
        timeout_s=_number(given, "timeout_s", 30.0),
        retries=int(_number(given, "retries", 5.0)),
        own={option: value for option, value in given.items() if option in own},
    )


def check_life(expires_s: float) -> None:
    """Refuse a lifetime that signed addresses cannot have, on any of the three clouds."""
    if not 1 <= expires_s <= _WEEK_S:
        raise InvalidRequest(
            "An address lives for a second to a week.", limit=_WEEK_S, value=expires_s
        )


def _classes(given: Mapping[str, str]) -> dict[Bucket, str]:
    classes = {bucket: given[name] for bucket, name in _CLASSES.items() if given.get(name)}
    for bucket, name in classes.items():
        if name.upper() in _SLOW_CLASSES:
            raise EngineMisconfigured(
                f"MEDIAKILN_STORE: {bucket}_class={name} takes hours before an object can be read",
                hint="use a class that is read at once, and a lifecycle rule for later",
            )
    return classes


def read_flag(given: Mapping[str, str], name: str) -> bool:
    """An option that is true or false; left out, it is false.

    Raises:
        EngineMisconfigured: it is neither.
    """
    value = given.get(name, "false").lower()
    if value not in _FLAGS:
        raise EngineMisconfigured(
            f"MEDIAKILN_STORE: {name}={value!r} is neither true nor false",
            hint=f"write {name}=true",
        )
    return _FLAGS[value]


def _number(given: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(given.get(name, default))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 3600:  # noqa: PLR2004 - an hour
        raise EngineMisconfigured(
            f"MEDIAKILN_STORE: {name}={given[name]!r} is no number from 0 to 3600",
            hint=f"write {name}={default:g}",
        )
    return value
