"""Records to public JSON."""

import logging
from collections.abc import Sequence

from mediakiln.model.asset import Asset, Problem, StepProducts, StepRecord
from mediakiln.model.errors import ObjectMissing
from mediakiln.model.kind import AssetState
from mediakiln.model.product import StoredFile
from mediakiln.stages.deliver import Deliver
from mediakiln.web.api.schemas import AssetOut, ErrorOut, ProductOut, StepOut
from mediakiln.web.urls import original_url, product_url

log = logging.getLogger(__name__)

_UNSUCCESSFUL = frozenset({AssetState.FAILED, AssetState.REJECTED})


async def asset_view(asset: Asset, deliver: Deliver, base: str) -> AssetOut:
    """An asset as clients see it; `base` is this service's address."""
    products = await _products(asset, deliver, base)
    return AssetOut(
        id=asset.id,
        project=asset.project,
        uploader=asset.uploader,
        name=asset.name,
        tags=list(asset.tags),
        state=asset.state,
        run=asset.run,
        kind=asset.kind,
        media_type=asset.media_type,
        bytes=asset.bytes,
        checksum=asset.checksum,
        url=original_url(base, asset.id),
        recipe=asset.recipe.to_json() if asset.recipe else {},
        metadata=asset.metadata,
        products=products,
        steps=_steps(asset, products),
        error=_error(asset.error) if asset.state in _UNSUCCESSFUL else None,
        created_at=asset.created_at,
        turnaround_s=asset.turnaround_s,
    )


async def _products(asset: Asset, deliver: Deliver, base: str) -> list[ProductOut]:
    found: list[ProductOut] = []
    for step, products in sorted(asset.visible.items()):
        files = await _files(asset, products, deliver)
        for file in sorted(files, key=lambda item: item.file):
            name = step if len(files) == 1 else f"{step}/{file.file}"
            found.append(
                ProductOut(
                    name=name,
                    op=products.op,
                    media_type=file.media_type,
                    bytes=file.bytes,
                    checksum=file.checksum,
                    url=product_url(base, asset.id, name),
                    metadata=file.metadata,
                )
            )
    return found


async def _files(asset: Asset, products: StepProducts, deliver: Deliver) -> Sequence[StoredFile]:
    try:
        return await deliver.files(products)
    except ObjectMissing:
        # The rest of the record is still worth showing; `restore` can bring the products back.
        log.error("a manifest is missing: %s", products.manifest, extra={"asset": asset.id})  # noqa: TRY400 - the cause is known
        return ()


def _steps(asset: Asset, products: Sequence[ProductOut]) -> list[StepOut]:
    asked = asset.recipe.steps if asset.recipe else {}
    return [
        _step(
            name,
            asset.steps.get(name, StepRecord()),
            [each for each in products if each.name.partition("/")[0] == name],
        )
        for name in dict.fromkeys([*asked, *asset.steps])
    ]


def _step(name: str, record: StepRecord, products: Sequence[ProductOut]) -> StepOut:
    return StepOut(
        name=name,
        state=record.state,
        seconds=record.seconds,
        error=_error(record.error),
        srcset=srcset(products),
    )


def srcset(products: Sequence[ProductOut]) -> str | None:
    """What the files of a step say of one another in `srcset`, with absolute addresses.

    None where no product has it, as is so wherever a step did not make several widths.
    """
    said = [each.metadata["srcset"] for each in products if "srcset" in each.metadata]
    if not said:
        return None
    named = {each.name.partition("/")[2]: each.url for each in products}
    # A step's only file goes by the step's name.
    only = products[0].url if len(products) == 1 else None
    entries = (entry.rpartition(" ") for entry in str(said[0]).split(", "))
    found = ((named.get(file, only), width) for file, _, width in entries)
    return ", ".join(f"{url} {width}" for url, width in found if url) or None


def _error(problem: Problem | None) -> ErrorOut | None:
    if problem is None:
        return None
    return ErrorOut(code=problem.code, message=problem.message, step=problem.step)
