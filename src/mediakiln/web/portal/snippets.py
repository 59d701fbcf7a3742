"""The beginnings of texts, to be shown beside their links."""

import json
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from mediakiln.model.deliverable import Deliverable
from mediakiln.model.errors import MediakilnError
from mediakiln.stages.deliver import Deliver
from mediakiln.web.portal.shown import Card, Shown

_READ_BYTES: Final = 4096
_MAX_LINES: Final = 14
_MAX_CHARS: Final = 900
_MAX_TEXTS: Final = 8
"""Texts of one asset whose beginnings are read."""


async def with_texts(item: Shown, deliver: Deliver) -> Shown:
    """The same with the beginnings of its texts. A text that cannot be read has none."""
    id, left = item.asset.id, _MAX_TEXTS
    original = item.original
    if original.look == "text":
        original = replace(original, text=await _original_text(id, deliver))
    cards: list[Card] = []
    for card in item.cards:
        if card.look == "text" and left:
            left -= 1
            cards.append(replace(card, text=await _product_text(id, card.name, deliver)))
        else:
            cards.append(card)
    return replace(item, original=original, cards=cards)


async def _original_text(id: str, deliver: Deliver) -> str | None:
    try:
        return await _beginning(await deliver.original(id), deliver)
    except MediakilnError:
        return None


async def _product_text(id: str, name: str, deliver: Deliver) -> str | None:
    try:
        return await _beginning(await deliver.product(id, name), deliver)
    except MediakilnError:
        return None


async def _beginning(item: Deliverable, deliver: Deliver) -> str:
    end = min(item.size, _READ_BYTES)
    read = bytearray()
    async with aclosing(deliver.stream(item, start=0, end=end)) as chunks:  # type: ignore[type-var] # streams are generators
        async for chunk in chunks:
            read += chunk
    text = bytes(read).decode("utf-8", "ignore").lstrip("\ufeff")
    if item.media_type == "application/json" and item.size <= _READ_BYTES:
        text = _indented(text)
    return _cut(text.splitlines(), whole=item.size <= _READ_BYTES)


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def _cut(lines: Iterable[str], *, whole: bool) -> str:
    every = list(lines)
    text = "\n".join(every[:_MAX_LINES])
    complete = whole and len(every) <= _MAX_LINES and len(text) <= _MAX_CHARS
    return text if complete else f"{text[:_MAX_CHARS].rstrip()}\n…"
