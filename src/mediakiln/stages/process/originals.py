"""The bytes that steps work on: the upload, and other assets, such as a watermark's image."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mediakiln.model.asset import Asset
from mediakiln.model.errors import InvalidRecipe, MediakilnError, ObjectMissing, SourceChanged
from mediakiln.model.ids import is_id
from mediakiln.model.keys import Bucket
from mediakiln.model.kind import AssetState
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.object_store import LocalFiles, ObjectStore
from mediakiln.stages.process.plan import source_name


@dataclass(frozen=True, slots=True)
class Found:
    """The assets that could be found by their ids, and what is wrong with the rest."""

    assets: Mapping[str, Asset]
    problems: Mapping[str, MediakilnError]

    @property
    def names(self) -> Mapping[str, str]:
        """What names each one's bytes: products made with it depend on that."""
        return {id: source_name(asset) for id, asset in self.assets.items()}

    def problem(self, ids: Iterable[str]) -> MediakilnError | None:
        """What keeps a step that needs these from being done."""
        return next((self.problems[id] for id in ids if id in self.problems), None)


class Originals:
    """Looks other assets up, and brings originals to where a job can read them."""

    def __init__(self, catalog: Catalog, store: ObjectStore) -> None:
        self._catalog = catalog
        self._store = store

    async def find(self, project: str, ids: Iterable[str]) -> Found:
        """Assets of the project, by id. One of another project is as good as none."""
        assets: dict[str, Asset] = {}
        problems: dict[str, MediakilnError] = {}
        for id in dict.fromkeys(ids):
            asset = await self._catalog.get(id) if is_id(id) else None
            if asset is None or asset.project != project or asset.state is AssetState.DELETING:
                problems[id] = InvalidRecipe(f"there is no asset {id[:64]!r}", value=id[:64])
            else:
                assets[id] = asset
        return Found(assets, problems)

    async def fetch(self, asset: Asset, folder: Path) -> Path:
        """The original's bytes, in place or in `folder`, as they were when it was taken in.

        Raises:
            ObjectMissing: they are gone.
            SourceChanged: others were put in their place.
        """
        key = asset.source.key
        if isinstance(self._store, LocalFiles):
            path = self._store.local_path(Bucket.INPUT, key)
        else:
            path = folder / "originals" / asset.id
            if not path.exists():
                path.parent.mkdir(exist_ok=True)
                await self._store.download(Bucket.INPUT, key, path)
        # Asked for after the bytes were read, or a change in between would go unseen.
        info = await self._store.head(Bucket.INPUT, key)
        if info is None:
            raise ObjectMissing("the uploaded object is gone", key=key)
        if asset.replaced(info.etag):
            raise SourceChanged(key=key)
        return path
