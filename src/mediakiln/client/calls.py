"""The interface's requests as values: what to send and how to read the answer. No I/O."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote, unquote, urlsplit

from mediakiln.client.models import Asset, AssetPage, DeadLetter, DeadLetterPage, Product

T = TypeVar("T")
Recipe = str | Mapping[str, Any]
"""A preset's name, or a recipe."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request. `repeatable` ones change nothing more when the server gets them twice."""

    method: str
    path: str
    decode: Callable[[Any], T]
    params: Mapping[str, str | int | float] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is, and the key to it."""

    url: str
    key: str | None

    @classmethod
    def of(cls, url: str, key: str | None) -> "Address":
        """From `http://host:port`, or `http://:KEY@host:port` with the key inside."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"not the address of a server: {parts.scheme}://{parts.hostname}")
        given = unquote(parts.password) if parts.password else None
        netloc = parts.netloc.rpartition("@")[2]
        return cls(f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}", key or given)

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


def upload(
    name: str,
    *,
    size: int | None,
    recipe: Recipe | None,
    tags: Sequence[str],
    uploader: str | None,
) -> Call[Asset]:
    """Send a file; the caller adds its bytes."""
    params = {"filename": name, "tags": ",".join(tags), "uploader": uploader or ""}
    headers = {"Content-Type": "application/octet-stream"}
    if size is not None:
        headers["Content-Length"] = str(size)
    if isinstance(recipe, str):
        params["recipe"] = recipe
    elif recipe is not None:
        # A recipe may be too long for an address; JSON without line breaks fits into a header.
        headers["X-Recipe"] = json.dumps(recipe)
    return Call(
        "POST",
        "/v1/assets",
        Asset.model_validate,
        params={key: value for key, value in params.items() if value},
        headers=headers,
        repeatable=False,
    )


def get(id: str, *, wait: float = 0) -> Call[Asset]:
    """One asset, perhaps once its run has ended."""
    params = {"wait": round(wait, 3)} if wait else {}
    return Call("GET", f"/v1/assets/{_part(id)}", Asset.model_validate, params=params)


def page(*, state: str | None, kind: str | None, cursor: str | None) -> Call[AssetPage]:
    """Some assets, newest first."""
    given = {"state": state, "kind": kind, "cursor": cursor, "limit": 100}
    params = {key: value for key, value in given.items() if value is not None}
    return Call("GET", "/v1/assets", AssetPage.model_validate, params=params)


def delete(id: str) -> Call[Asset]:
    """Hide an asset at once and delete it later."""
    return Call("DELETE", f"/v1/assets/{_part(id)}", Asset.model_validate)


def process(id: str, recipe: Recipe | None) -> Call[Asset]:
    """Start another run."""
    body = {} if recipe is None else {"recipe": recipe}
    path = f"/v1/assets/{_part(id)}/process"
    return Call("POST", path, Asset.model_validate, body=body, repeatable=False)


def restore(id: str) -> Call[int]:
    """Bring missing products back; the answer is how many files came."""
    path = f"/v1/assets/{_part(id)}/restore"
    return Call("POST", path, lambda answer: int(answer["restored"]))


def operations() -> Call[list[dict[str, Any]]]:
    """What is installed."""
    return Call("GET", "/v1/operations", lambda answer: list(answer["operations"]))


def recipes() -> Call[list[dict[str, Any]]]:
    """The presets."""
    return Call("GET", "/v1/recipes", lambda answer: list(answer["recipes"]))


def dead_page(cursor: str | None) -> Call[DeadLetterPage]:
    """Some dead letters, oldest first."""
    params = {} if cursor is None else {"cursor": cursor}
    return Call("GET", "/v1/dead", DeadLetterPage.model_validate, params=params)


def dead(id: str) -> Call[DeadLetter]:
    """One dead letter."""
    return Call("GET", f"/v1/dead/{_part(id)}", DeadLetter.model_validate)


def replay(id: str) -> Call[DeadLetter]:
    """Send a dead letter's message again."""
    path = f"/v1/dead/{_part(id)}/replay"
    return Call("POST", path, DeadLetter.model_validate, repeatable=False)


def drop(id: str) -> Call[DeadLetter]:
    """Forget a dead letter."""
    path = f"/v1/dead/{_part(id)}"
    return Call("DELETE", path, DeadLetter.model_validate, repeatable=False)


def events_path(id: str) -> str:
    """Where an asset's server-sent events come from."""
    return f"/v1/assets/{_part(id)}/events"


def download_path(what: Asset | Product | str) -> str:
    """The path of an original, a product or a download address.

    Always asked of the server the client talks to: the key must not follow an address that
    leads elsewhere.
    """
    address = what if isinstance(what, str) else what.url
    start = address.find("/v1/assets/")
    if start < 0:
        raise ValueError("not the address of a download")
    return address[start:]


def checksum_of(what: Asset | Product | str) -> str | None:
    """What the bytes must hash to, where it is known."""
    return None if isinstance(what, str) else what.checksum


def _part(id: str) -> str:
    return quote(id, safe="")
