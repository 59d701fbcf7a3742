"""Imports: many files that are fetched from elsewhere, as one job."""

from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from mediakiln.model.access import Quota
from mediakiln.model.asset import Problem
from mediakiln.model.recipe import Recipe

IMPORTS: Final = "imports"
IMPORT_ITEMS: Final = "import-items"
IMPORTS_OPEN: Final = "imports-open"
"""The catalog's spaces of imports, of their pages, and of marks of those that have not ended;
keys are `{project}/{id}`, and `{project}/{id}/{page}` of pages."""
MAX_ITEMS: Final = 1_000_000
MAX_PAGES: Final = 100_000
PAGE_ITEMS: Final = 100
PAGE_BYTES: Final = 16 * 1024
"""Of a page's items as JSON, without their outcomes, so that the record stays below 64 KiB."""
MAX_ITEM_BYTES: Final = 8 * 1024
MAX_PROBLEM_BYTES: Final = 240


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class ImportState(StrEnum):
    """How far an import is."""

    LISTING = "listing"
    """It is not known yet how many files there are; the first are taken in already."""
    RUNNING = "running"
    DONE = "done"
    """Every file has its outcome."""
    FAILED = "failed"
    """The files could not be listed; those that were have their outcomes."""
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self not in {ImportState.LISTING, ImportState.RUNNING}


class ItemState(StrEnum):
    """What became of one file of an import."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    """The import was cancelled first."""


class Item(_Frozen):
    """One file to take in.

    Attributes:
        number: its place in the list, its line in the manifest, from 1.
        source: the URL, or the key in the place.
        name: what to call it; None for what its holder calls it.
        recipe: a preset's name; None for the import's.
        tags: beside the import's.
        size: bytes, where the place tells.
        bytes: bytes that were taken in.
    """

    number: int
    source: str = ""
    name: str | None = None
    recipe: str | None = None
    tags: tuple[str, ...] = ()
    uploader: str | None = None
    size: int | None = None
    state: ItemState = ItemState.PENDING
    asset: str | None = None
    bytes: int = 0
    error: Problem | None = None
    final: bool = Field(default=False, description="Trying again cannot help: a bad line.")


class Holder(_Frozen):
    """Which worker has a page, until when."""

    owner: str
    expires_at: datetime


class Page(_Frozen):
    """Some items of an import, worked on together.

    Attributes:
        after: the last key in it, where the listing of a place goes on.
        round: the import's round whose outcomes these are.
    """

    items: tuple[Item, ...]
    after: str = ""
    round: int = 1
    holder: Holder | None = None


class Counts(_Frozen):
    """How many items there are, by outcome, and the bytes that were taken in."""

    done: int = 0
    failed: int = 0
    skipped: int = 0
    bytes: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            done=self.done + other.done,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
            bytes=self.bytes + other.bytes,
        )

    @classmethod
    def of(cls, page: Page) -> "Counts":
        """A page's."""
        states = [item.state for item in page.items]
        return cls(
            done=states.count(ItemState.DONE),
            failed=states.count(ItemState.FAILED),
            skipped=states.count(ItemState.SKIPPED),
            bytes=sum(item.bytes for item in page.items),
        )


class ImportSource(_Frozen):
    """Where the files are: in a list that came with the request, or in a place."""

    kind: Literal["list", "place"]
    place: str | None = Field(default=None, description="One of the operator's places.")
    prefix: str = ""


class Import(_Frozen):
    """One import.

    Attributes:
        round: 1, and one more for each retry of what failed.
        pages: that are written; their numbers begin at 0.
        after: where the listing of a place goes on.
        total: items that are known.
        listed: whether these are all.
        account: whose files these are, where `quota` limits what that one may put in.
        settled: a bit for every page of this round whose outcomes are in `counts`, as hex.
    """

    id: str
    project: str
    source: ImportSource
    uploader: str = ""
    tags: tuple[str, ...] = ()
    recipe: Recipe | None = None
    by: str = "owner"
    account: str = ""
    quota: Quota | None = None
    state: ImportState = ImportState.LISTING
    round: int = 1
    pages: int = 0
    after: str = ""
    total: int = 0
    listed: bool = False
    counts: Counts = Counts()
    settled: str = "0"
    error: Problem | None = None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None

    def is_settled(self, page: int) -> bool:
        """Whether a page's outcomes of this round are counted."""
        return bool(int(self.settled, 16) >> page & 1)

    @property
    def all_settled(self) -> bool:
        """Whether those of every page are."""
        return int(self.settled, 16).bit_count() == self.pages
