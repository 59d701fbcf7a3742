"""Assets as the page shows them: what can be looked at, and how."""

import re
from dataclasses import dataclass, replace
from typing import Final, Literal
from urllib.parse import quote

from mediakiln.model.asset import Asset
from mediakiln.model.kind import AssetState
from mediakiln.web.api.schemas import AssetOut, ProductOut
from mediakiln.web.portal import words
from mediakiln.web.portal.findings import Finding, finding
from mediakiln.web.portal.pictures import SMALL_BYTES, TINY_BYTES, Picture, Pictures

Look = Literal["image", "found", "video", "audio", "pdf", "text", "model", "none"]

MAX_CARDS: Final = 24
"""Products shown as cards; the rest are links."""

_IMAGES: Final = frozenset(
    f"image/{name}" for name in ("jpeg", "png", "gif", "webp", "avif", "svg+xml", "bmp")
)
_LOOKED_INTO: Final = (".inspect", ".probe")
"""Operations whose products describe the original."""
_TOO_MUCH: Final = frozenset({"too_many_pixels", "limit_exceeded", "memory_limit", "crashed"})
"""Errors of files that may be too much for a browser, too."""
_MANY_PIXELS: Final = 100_000_000
_LATER: Final = {"found": 1, "text": 2}
"""What stands behind what can be seen or heard."""
_VIDEOS: Final = frozenset({"video/mp4", "video/webm", "video/ogg", "video/quicktime"})
_TEXTS: Final = frozenset({"application/json", "application/xml", "application/x-subrip"})
_STATES: Final = {
    AssetState.RECEIVED: "Waiting",
    AssetState.PROCESSING: "Working",
    AssetState.READY: "Ready",
    AssetState.FAILED: "Failed",
    AssetState.REJECTED: "Refused",
    AssetState.DELETING: "Deleted",
}


@dataclass(frozen=True, slots=True)
class Card:
    """One file that can be looked at: the original, or a product."""

    name: str
    op: str
    media_type: str
    bytes: int
    look: Look
    url: str
    """Where it is, seen from the page, with its content's tag: browsers may keep it for ever."""
    address: str
    """Where it is, seen from anywhere."""
    saved_as: str
    facts: list[str]
    stamp: str
    """Changes when the card has to be drawn anew."""
    picture: Picture | None = None
    """How it is shown, if it is to be seen as an image."""
    finding: Finding | None = None
    """What it tells of a picture, if that can be seen better than read."""
    text: str | None = None
    """The beginning of a text."""

    @property
    def download_url(self) -> str:
        """Where it is saved from instead of shown."""
        return f"{self.url}{'&' if '?' in self.url else '?'}download=1"


@dataclass(frozen=True, slots=True)
class Shown:
    """An asset with everything its panel or row needs."""

    asset: AssetOut
    version: int
    state: str
    settled: bool
    original: Card
    cards: list[Card]
    more: list[Card]
    hint: str | None

    thumb: Picture | None
    """How it is shown in a list."""


def shown(asset: Asset, view: AssetOut, pictures: Pictures) -> Shown:
    """What the page shows of a record and its public view."""
    original = _original(asset, view, pictures)
    cards = _with_findings(view, original, [_product(asset, p, pictures) for p in view.products])
    return Shown(
        asset=view,
        version=asset.version,
        state=state_word(asset.state),
        settled=asset.state.terminal,
        original=original,
        cards=cards[:MAX_CARDS],
        more=cards[MAX_CARDS:],
        hint=words.HINTS.get(view.error.code) if view.error else None,
        thumb=_thumb(view, original, cards, pictures),
    )


def _with_findings(view: AssetOut, original: Card, cards: list[Card]) -> list[Card]:
    """Everything that steps made: first what can be seen or heard, then by step and name."""
    order = {step.name: place for place, step in enumerate(view.steps)}
    steps, by_name = view.recipe.get("steps", {}), {card.name: card for card in cards}
    told: list[Card] = []
    for card, product in zip(cards, view.products, strict=True):
        parent = steps.get(card.name.partition("/")[0], {}).get("from")
        source = original if parent is None else by_name.get(parent)
        seen = finding(card.op, product.metadata, source.picture if source else None)
        told.append(card if seen is None else replace(card, look="found", finding=seen))

    def place(card: Card) -> tuple[int, int, list[str | int]]:
        step = order.get(card.name.partition("/")[0], 0)
        return _LATER.get(card.look, 0), step, _natural(card.name)

    return sorted(told, key=place)


def _natural(name: str) -> list[str | int]:
    """A name to sort by, in which w800 comes before w1200."""
    parts = re.split(r"(\d{1,18})", name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def state_word(state: AssetState) -> str:
    """A state's name for people."""
    return _STATES[state]


def look_of(media_type: str | None) -> Look:
    """How a browser can show a file of this type."""
    if media_type is None:
        return "none"
    if media_type in _IMAGES:
        return "image"
    if media_type in _VIDEOS:
        return "video"
    if media_type.startswith("audio/"):
        return "audio"
    if media_type.startswith("text/") or media_type in _TEXTS:
        return "text"
    return {"application/pdf": "pdf", "model/gltf-binary": "model"}.get(media_type, "none")  # type: ignore[return-value] # both are looks


def _original(asset: Asset, view: AssetOut, pictures: Pictures) -> Card:
    # Until its content was looked at, what the uploader said has to do.
    media_type = view.media_type or asset.declared_type
    facts = _facts(view)
    address = f"/v1/assets/{view.id}/original"
    # Kept for ever only once it is announced as what it is.
    url = _pinned(address, view.checksum) if view.media_type else address
    look = "none" if _is_too_much(view) else look_of(media_type)
    picture = None
    if look == "image" and (view.bytes <= SMALL_BYTES or pictures.moves(media_type)):
        picture = Picture(url)
    elif look in {"image", "none"} and _can_be_made(view) and pictures.makes(media_type):
        picture = pictures.preview(view.id, _tag(view.checksum))
    elif look == "image":
        picture = Picture(url)
    return Card(
        name="original",
        op="",
        media_type=media_type or "application/octet-stream",
        bytes=view.bytes,
        look="image" if picture else look,
        url=url,
        address=view.url,
        saved_as=view.name,
        facts=facts,
        stamp=f"{media_type} {view.checksum} {look if picture is None else 'image'} "
        f"{facts if look == 'model' else ''}",
        picture=picture.sized(view.metadata) if picture else None,
    )


def _can_be_made(view: AssetOut) -> bool:
    """Whether it is worth a try to make images of the original."""
    if view.state is AssetState.FAILED:
        return bool(view.products)
    return view.state is not AssetState.REJECTED


def _is_too_much(view: AssetOut) -> bool:
    """Whether a browser had better not try to show the original, either."""
    width, height = view.metadata.get("width"), view.metadata.get("height")
    if isinstance(width, int) and isinstance(height, int) and width * height > _MANY_PIXELS:
        return True
    return view.error is not None and view.error.code in _TOO_MUCH


def _thumb(view: AssetOut, original: Card, cards: list[Card], pictures: Pictures) -> Picture | None:
    """The smallest picture there is of it, if that is small; else one that is made."""
    seen = [card for card in cards if card.look == "image"]
    if original.picture is not None and original.picture.src == original.url:
        seen.append(original)
    least = min(seen, key=lambda card: card.bytes, default=None)
    if least is not None and least.bytes <= TINY_BYTES:
        return Picture(least.url)
    if view.state.terminal and _can_be_made(view) and pictures.makes(view.media_type):
        return pictures.thumb(view.id, _tag(view.checksum))
    for card in seen:
        if card is not original and pictures.makes(card.media_type):
            return pictures.thumb(view.id, _tag(card.stamp), card.name)
    return Picture(least.url) if least is not None and least.bytes <= SMALL_BYTES else None


def _facts(view: AssetOut) -> list[str]:
    """What is known of the original, by its first bytes or by a step that looked into it."""
    found = [
        view.metadata,
        *(item.metadata for item in view.products if item.op.endswith(_LOOKED_INTO)),
    ]
    return max((words.facts(metadata) for metadata in found), key=len)


def _product(asset: Asset, product: ProductOut, pictures: Pictures) -> Card:
    path = f"/v1/assets/{asset.id}/products/{quote(product.name, safe='/')}"
    step, _, file = product.name.partition("/")
    stored = asset.visible[step].files or ()
    ending = (file or (stored[0].file if stored else "")).rpartition("/")[2].rpartition(".")[2]
    url, look = _pinned(path, product.checksum), look_of(product.media_type)
    plain = look == "image" and (product.bytes <= SMALL_BYTES or pictures.moves(product.media_type))
    picture = Picture(url) if look == "image" else None
    if look in {"image", "none"} and not plain and pictures.makes(product.media_type):
        picture = pictures.preview(asset.id, _tag(product.checksum), product.name)
    return Card(
        name=product.name,
        op=product.op,
        media_type=product.media_type,
        bytes=product.bytes,
        look="image" if picture else look,
        url=url,
        address=product.url,
        saved_as=f"{step}.{ending}" if ending else step,
        facts=words.facts(product.metadata),
        stamp=product.checksum,
        picture=picture.sized(product.metadata) if picture else None,
    )


def _pinned(path: str, checksum: str | None) -> str:
    tag = _tag(checksum)
    return f"{path}?v={tag}" if tag else path


def _tag(checksum: str | None) -> str:
    return (checksum or "").rpartition(":")[2][:32]
