"""What must hold of a data folder at rest, whatever happened to the processes that filled it."""

from collections import Counter
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from pathlib import Path

from blake3 import blake3

from mediakiln.model.asset import Asset
from mediakiln.model.keys import Bucket, asset_prefix, attempt_prefix
from mediakiln.model.kind import StepState
from mediakiln.model.product import Manifest
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.object_store import ObjectStore
from mediakiln.roles.engines import open_engines
from mediakiln.roles.settings import Settings


@dataclass
class Findings:
    """What was looked at, and every rule that was broken."""

    assets: list[Asset] = field(default_factory=list)
    manifests: int = 0
    files: int = 0
    lost_attempts: int = 0
    broken: list[str] = field(default_factory=list)

    def insist(self, holds: object, rule: str) -> None:
        """Note a rule that does not hold."""
        if not holds:
            self.broken.append(rule)

    @property
    def states(self) -> Counter[str]:
        """How many assets are in which state, with the error's code."""
        return Counter(
            f"{asset.state}{f' ({asset.error.code})' if asset.error else ''}"
            for asset in self.assets
        )


async def audit(settings: Settings, sent: Collection[str]) -> Findings:
    """Look at every record and object; `sent` are the checksums of all that was ever sent."""
    engines = open_engines(settings)
    found = Findings()
    try:
        await engines.ensure()
        found.assets = [asset async for asset in _assets(engines.catalog)]
        for asset in found.assets:
            await _audit_asset(asset, engines.store, found)
        await _audit_inputs(engines.store, found, sent)
        await _audit_products(engines.store, found)
        found.insist(not (await engines.catalog.records("dead").list())[0], "no dead letters")
    finally:
        await engines.close()
    _audit_leftovers(settings.data, found)
    return found


async def _assets(catalog: Catalog) -> AsyncIterator[Asset]:
    cursor = None
    while True:
        page = await catalog.list("default", limit=200, cursor=cursor)
        for asset in page.assets:
            yield asset
        cursor = page.cursor
        if cursor is None:
            return


async def _audit_asset(asset: Asset, store: ObjectStore, found: Findings) -> None:
    """A record at rest: ended once, every step settled, its products committed and archived."""
    found.insist(asset.state.terminal, f"{asset.id} ended (it is {asset.state})")
    found.insist(asset.claim is None, f"{asset.id} is held by nobody")
    found.insist(all(step.state.settled for step in asset.steps.values()), f"{asset.id} settled")
    done = {name for name, step in asset.steps.items() if step.state is StepState.DONE}
    found.insist(done == set(asset.published), f"{asset.id} shows the products of steps done")
    source = await store.get(Bucket.INPUT, asset.source.key)
    found.insist(_checksum(source) == asset.checksum, f"{asset.id} has its upload whole")
    for products in asset.published.values():
        raw = await store.get(Bucket.PRODUCTION, products.manifest)
        found.insist(
            Manifest.model_validate_json(raw).files == products.files, f"{products.manifest} agrees"
        )


async def _audit_inputs(store: ObjectStore, found: Findings, sent: Collection[str]) -> None:
    async for item in store.list(Bucket.INPUT):
        data = await store.get(Bucket.INPUT, item.key)
        found.insist(_checksum(data) in sent, f"{item.key} is whole")


async def _audit_products(store: ObjectStore, found: Findings) -> None:
    """Each production file is a manifest, or named by one, or of an attempt that lost."""
    keys = {item.key async for item in store.list(Bucket.PRODUCTION)}
    named: set[str] = set()
    winners: set[str] = set()
    for key in sorted(key for key in keys if key.endswith(".manifest.json")):
        manifest = Manifest.model_validate_json(await store.get(Bucket.PRODUCTION, key))
        found.manifests += 1
        named |= {key, *(file.key for file in manifest.files)}
        winners.add(
            attempt_prefix(
                manifest.project, manifest.asset, manifest.step, manifest.run, manifest.attempt
            )
        )
        await _audit_files(manifest, store, found)
    known = {asset_prefix(asset.project, asset.id) for asset in found.assets}
    for key in keys - named:
        found.lost_attempts += 1
        found.insist(f"{'/'.join(key.split('/')[:2])}/" in known, f"{key} belongs to an asset")
        found.insist(
            f"{'/'.join(key.split('/')[:4])}/" not in winners, f"{key} is of a lost attempt"
        )


async def _audit_files(manifest: Manifest, store: ObjectStore, found: Findings) -> None:
    for file in manifest.files:
        found.files += 1
        data = await store.get(Bucket.PRODUCTION, file.key)
        found.insist(_checksum(data) == file.checksum, f"{file.key} has its bytes")
        archived = await store.get(Bucket.ARCHIVE, file.archive_key or "none")
        found.insist(archived == data, f"{file.key} is archived")


def _audit_leftovers(data: Path, found: Findings) -> None:
    """With every process gone, scratch and drafts are empty."""
    for name in ("store/.scratch", "store/.incoming", "scratch"):
        left = sorted(str(path) for path in (data / name).rglob("*"))
        found.insist(not left, f"{name} is empty, but has {left[:5]}")


def _checksum(data: bytes) -> str:
    return f"blake3:{blake3(data).hexdigest()}"
