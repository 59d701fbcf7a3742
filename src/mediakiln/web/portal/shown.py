"""Assets as the page shows them: what can be looked at, and how."""

from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

from mediakiln.model.asset import Asset
from mediakiln.model.kind import AssetState
from mediakiln.web.api.schemas import AssetOut, ProductOut
from mediakiln.web.portal import words

Look = Literal["image", "video", "audio", "pdf", "text", "model", "none"]

MAX_CARDS: Final = 24
"""Products shown as cards; the rest are links."""

_IMAGES: Final = frozenset(
    f"image/{name}" for name in ("jpeg", "png", "gif", "webp", "avif", "svg+xml", "bmp")
)
_LOOKED_INTO: Final = (".inspect", ".probe")
"""Operations whose products describe the original."""
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

    @property
    def thumb(self) -> Card | None:
        """The smallest picture there is of it: a product, else a small original."""
        pictures = [card for card in self.cards if card.look == "image"]
        if self.original.look == "image":
            pictures.append(self.original)
        return min(pictures, key=lambda card: card.bytes, default=None)


def shown(asset: Asset, view: AssetOut) -> Shown:
    """What the page shows of a record and its public view."""
    order = {step.name: place for place, step in enumerate(view.steps)}
    cards = [_product(asset, product) for product in view.products]
    # What can be seen or heard comes first, then by step.
    cards.sort(key=lambda card: (card.look == "text", order.get(card.name.partition("/")[0], 0)))
    return Shown(
        asset=view,
        version=asset.version,
        state=state_word(asset.state),
        settled=asset.state.terminal,
        original=_original(asset, view),
        cards=cards[:MAX_CARDS],
        more=cards[MAX_CARDS:],
        hint=words.HINTS.get(view.error.code) if view.error else None,
    )


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


def _original(asset: Asset, view: AssetOut) -> Card:
    # Until its content was looked at, what the uploader said has to do.
    media_type = view.media_type or asset.declared_type
    facts = _facts(view)
    address = f"/v1/assets/{view.id}/original"
    return Card(
        name="original",
        op="",
        media_type=media_type or "application/octet-stream",
        bytes=view.bytes,
        look=look_of(media_type),
        # Kept for ever only once it is announced as what it is.
        url=_pinned(address, view.checksum) if view.media_type else address,
        address=view.url,
        saved_as=view.name,
        facts=facts,
        stamp=f"{media_type} {view.checksum} {facts if look_of(media_type) == 'model' else ''}",
    )


def _facts(view: AssetOut) -> list[str]:
    """What is known of the original, by its first bytes or by a step that looked into it."""
    found = [
        view.metadata,
        *(item.metadata for item in view.products if item.op.endswith(_LOOKED_INTO)),
    ]
    return max((words.facts(metadata) for metadata in found), key=len)


def _product(asset: Asset, product: ProductOut) -> Card:
    path = f"/v1/assets/{asset.id}/products/{quote(product.name, safe='/')}"
    step, _, file = product.name.partition("/")
    stored = asset.visible[step].files or ()
    ending = (file or (stored[0].file if stored else "")).rpartition("/")[2].rpartition(".")[2]
    return Card(
        name=product.name,
        op=product.op,
        media_type=product.media_type,
        bytes=product.bytes,
        look=look_of(product.media_type),
        url=_pinned(path, product.checksum),
        address=product.url,
        saved_as=f"{step}.{ending}" if ending else step,
        facts=words.facts(product.metadata),
        stamp=product.checksum,
    )


def _pinned(path: str, checksum: str | None) -> str:
    tag = (checksum or "").rpartition(":")[2][:32]
    return f"{path}?v={tag}" if tag else path
