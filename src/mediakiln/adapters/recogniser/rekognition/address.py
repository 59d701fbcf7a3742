"""What a model's address says: where Rekognition is, and what it is asked."""

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from mediakiln.model.errors import EngineMisconfigured

SETTING: Final = "MEDIAKILN_LABEL_MODELS"
_OPTIONS: Final = ("labels", "moderation", "unsafe", "endpoint", "timeout")
_SWITCH: Final = {"yes": True, "no": False}
_LONGEST_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A region or a server, and the options of `RekognitionRecogniser`."""

    region: str
    labels: bool = True
    """Whether it is asked what the image shows (DetectLabels)."""
    moderation: bool = True
    """Whether it is asked what is unsafe in it (DetectModerationLabels)."""
    unsafe: frozenset[str] = frozenset()
    """Moderation labels that count, by themselves or as a parent; without any, all do."""
    endpoint: str | None = None
    timeout_s: int = 10
    """Of one try of one question."""

    @classmethod
    def of(cls, url: str) -> Self:
        """Read `rekognition://REGION?option=value&…`.

        Raises:
            EngineMisconfigured: no region, or an option that is unknown or has no such value.
        """
        parts = urlsplit(url)
        if "@" in parts.netloc:
            raise EngineMisconfigured(
                f"{SETTING}: an address of Rekognition holds no credentials",
                hint="they are found as every AWS program finds them: environment, profile, role",
            )
        if parts.scheme != "rekognition" or not parts.netloc or parts.path.strip("/"):
            raise EngineMisconfigured(
                f"{SETTING}: {url!r} names no region",
                value=url,
                hint="use rekognition://REGION, for example rekognition://eu-central-1",
            )
        options = _options(parts)
        labels, moderation = (_switch(options, name) for name in ("labels", "moderation"))
        if not labels and not moderation:
            raise EngineMisconfigured(
                f"{SETTING}: {url!r} asks for nothing", hint="leave labels or moderation on"
            )
        return cls(
            region=parts.netloc,
            labels=labels,
            moderation=moderation,
            unsafe=frozenset(name for name in options.get("unsafe", "").split(",") if name),
            endpoint=options.get("endpoint"),
            timeout_s=_timeout(options),
        )

    @property
    def identity(self) -> str:
        """The address with what changes its answers, in one spelling."""
        said = {
            "labels": "yes" if self.labels else "no",
            "moderation": "yes" if self.moderation else "no",
        }
        if self.moderation and self.unsafe:
            said["unsafe"] = ",".join(sorted(self.unsafe))
        if self.endpoint:
            said["endpoint"] = self.endpoint
        return f"rekognition://{self.region}?{urlencode(said, safe=',:/')}"

    def __str__(self) -> str:
        return self.endpoint or f"Amazon Rekognition in {self.region}"


def _options(parts: SplitResult) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in options:
        if name not in _OPTIONS:
            raise EngineMisconfigured(
                f"{SETTING}: Rekognition has no option {name!r}",
                value=name,
                hint=f"known are {', '.join(_OPTIONS)}",
            )
    endpoint = options.get("endpoint")
    if endpoint is not None:
        place = urlsplit(endpoint)
        if place.scheme not in {"http", "https"} or not place.hostname or "@" in place.netloc:
            raise EngineMisconfigured(
                f"{SETTING}: endpoint is no URL without credentials",
                hint="use http://host:port or https://host",
            )
    return options


def _switch(options: dict[str, str], name: str) -> bool:
    value = options.get(name, "yes")
    if value not in _SWITCH:
        raise EngineMisconfigured(
            f"{SETTING}: {name} is {value!r}", value=value, hint="use yes or no"
        )
    return _SWITCH[value]


def _timeout(options: dict[str, str]) -> int:
    value = options.get("timeout", "10")
    if not value.isdecimal() or not 1 <= int(value) <= _LONGEST_S:
        raise EngineMisconfigured(
            f"{SETTING}: timeout is {value!r}",
            value=value,
            hint=f"use whole seconds from 1 to {_LONGEST_S}",
        )
    return int(value)
