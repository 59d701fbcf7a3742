"""Where the records of the search index are."""

import zlib
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from mediakiln.ports.catalog import Catalog, Records

LEAST_BEGINNING: Final = 2
"""Letters of the shortest beginning that is looked for; terms that share them lie together."""
_SPACES: Final = 64
_LAST_ID: Final = (1 << 128) - 1


@dataclass(frozen=True, slots=True)
class Places:
    """The index's spaces in a catalog."""

    catalog: Catalog

    def entries(self, project: str, term: str) -> Records:
        """The space in which a term's assets are; those of a beginning are in the same."""
        return self.catalog.records(f"found-{_slot(f'{project}/{term[:LEAST_BEGINNING]}')}")

    def terms(self, project: str, id: str) -> Records:
        """The space in which an asset's terms are named, under `terms_key`."""
        return self.catalog.records(f"terms-{_slot(terms_key(project, id))}")


def terms_key(project: str, id: str) -> str:
    """The key of the record that names an asset's terms."""
    return f"{project}/{id}"


def entry_key(project: str, term: str, id: str) -> str:
    """Keys are listed upwards and ids rise with time: turned around, the newest comes first."""
    return f"{project}/{term}/{_LAST_ID - UUID(id).int:032x}"


def _slot(text: str) -> str:
    return f"{zlib.crc32(text.encode()) % _SPACES:02}"
