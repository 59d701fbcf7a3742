"""What happens to one asset, as calls on a catalog: its life, and its join by itself."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from mediakiln.model.asset import Asset, Claim, StepProducts, StepRecord
from mediakiln.model.ids import new_id
from mediakiln.model.kind import AssetState, Kind, StepState
from mediakiln.model.messages import Finished, StepOutcome, Stored
from mediakiln.model.product import StoredFile
from mediakiln.ports.catalog import Catalog, Outgoing
from mediakiln.stages.join import Join
from mediakiln.testing.catalog_samples import an_asset, an_event, changed

STEPS = ("web", "thumb")
EXIF = {"exif": {"Make": "x" * 300, "Model": "y" * 300}}


async def a_life(catalog: Catalog) -> None:
    """An image of two steps: a create, five updates, five reads, marks, and its records."""
    asset = an_asset(due_at=_later(), metadata=EXIF)
    await _written(catalog, asset, None, events=1)
    for fields, events in _changes():
        now = await catalog.get(asset.id)
        assert now is not None
        await _written(catalog, changed(now, **fields), now.version, events=events)
    index = catalog.records("products")
    for step in STEPS:
        key = f"{asset.id}/{step}"
        await index.get(key)
        await index.get(key)
        await index.put(key, {"asset": asset.id, "step": step}, expires_at=_later())


def _changes() -> list[tuple[dict[str, Any], int]]:
    """What each update changes, and how many events go with it."""
    claim = Claim(owner="worker", attempt=1, expires_at=_later())
    products = {step: _products(step) for step in STEPS}
    return [
        ({"state": AssetState.PROCESSING, "kind": Kind.IMAGE, "media_type": "image/jpeg"}, 1),
        ({"claim": claim, "attempts": 1, "due_at": _later()}, 0),
        ({"arrived": {"web": products["web"]}}, 0),
        ({"arrived": products}, 0),
        ({"state": AssetState.READY, "published": products, "due_at": None}, 1),
    ]


async def _written(catalog: Catalog, asset: Asset, expected: int | None, *, events: int) -> None:
    outgoing: list[Outgoing] = [an_event(asset) for _ in range(events)]
    if expected is None:
        await catalog.create(asset, outgoing)
    else:
        await catalog.update(asset, expected=expected, events=outgoing)
    if outgoing:
        await catalog.sent([(asset.id, event.message.id) for event in outgoing])


async def a_run(catalog: Catalog) -> Asset:
    """A record whose worker is through, and of which the join has seen nothing."""
    steps = {step: StepRecord(state=StepState.RUNNING) for step in STEPS}
    asset = an_asset(
        state=AssetState.PROCESSING, kind=Kind.IMAGE, steps=steps, due_at=_later(), metadata=EXIF
    )
    return await catalog.create(asset)


async def join_run(join: Join, asset: Asset) -> None:
    """What the join does of it: three messages, the last of which completes the run."""
    outcomes = {}
    for step in STEPS:
        products = _products(step)
        outcomes[step] = StepOutcome(state=StepState.DONE, digest=products.digest, seconds=0.1)
        stored = Stored(asset=asset.id, attempt=1, step=step, products=products, seconds=0.1)
        await join.stored(stored.to_message())
    await join.finished(
        Finished(asset=asset.id, attempt=1, steps=outcomes, seconds=0.2).to_message()
    )


def _products(step: str) -> StepProducts:
    file = StoredFile(
        file=f"{step}.webp",
        media_type="image/webp",
        bytes=1000,
        checksum="blake3:" + "0" * 64,
        key=f"default/{new_id()}/{step}/1/{step}.webp",
        metadata={"width": 1, "height": 1},
    )
    return StepProducts(
        op="image.resize",
        manifest=f"manifests/{step}",
        digest=f"{step:0>64}",
        run=1,
        attempt=1,
        made_on=date(2030, 1, 1),
        count=1,
        total_bytes=file.bytes,
        files=(file,),
    )


def _later() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=5)
