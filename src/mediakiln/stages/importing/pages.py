"""Items, put together to pages of a bounded size."""

import json

from mediakiln.model.imports import MAX_ITEM_BYTES, PAGE_BYTES, PAGE_ITEMS, Item


class PageFill:
    """The items of a page that is being filled."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self._bytes = 0

    def fits(self, item: Item) -> bool:
        """Whether one more may be added."""
        within = self._bytes + size_of(item) <= PAGE_BYTES and len(self.items) < PAGE_ITEMS
        return within or not self.items

    def add(self, item: Item) -> None:
        """Add an item that fits."""
        self.items.append(item)
        self._bytes += size_of(item)

    def take(self) -> tuple[Item, ...]:
        """The items, and an empty page from now on."""
        items, self.items, self._bytes = tuple(self.items), [], 0
        return items


def size_of(item: Item) -> int:
    """Bytes of an item in its record."""
    return len(json.dumps(item.model_dump(mode="json", exclude_defaults=True)))


def is_small(item: Item) -> bool:
    """Whether an item can be kept at all."""
    return size_of(item) <= MAX_ITEM_BYTES
