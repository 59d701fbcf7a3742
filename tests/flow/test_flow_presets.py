"""Every kind with its default recipe, from the bytes in to the products out."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trimesh
from blake3 import blake3
from PIL import Image

from mediakiln.model.asset import Asset
from mediakiln.model.keys import Bucket
from mediakiln.model.kind import AssetState, Kind, StepState
from mediakiln.model.product import Manifest
from mediakiln.operations.av import facts
from mediakiln.roles.oneshot import Pipeline
from mediakiln.stages.recipes import BUILT_IN

Submit = Callable[..., Awaitable[Asset]]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("flow")]

TYPES = {
    "image": "image/jpeg",
    "document": "application/pdf",
    "model3d": "model/gltf-binary",
    "video": "video/mp4",
    "audio": "audio/wav",
}


@pytest.mark.parametrize("kind", list(Kind))
async def test_a_file_of_each_kind_gets_every_product_of_its_default_recipe(
    kind: Kind,
    submit: Submit,
    running: Pipeline,
    made_samples: dict[str, Path],
    tmp_path: Path,
) -> None:
    asset = await submit(made_samples[kind])
    assert (asset.state, asset.error) == (AssetState.READY, None)
    assert (asset.kind, asset.media_type) == (kind, TYPES[kind])
    assert {step: record.state for step, record in asset.steps.items()} == dict.fromkeys(
        BUILT_IN[kind], StepState.DONE
    )
    assert all((record.seconds or 0) > 0 for record in asset.steps.values())
    assert (asset.turnaround_s or 0) > 0
    products = await running.take(asset, tmp_path)
    assert {name.partition("/")[0] for name in products} == set(BUILT_IN[kind])
    assert all(path.stat().st_size > 0 for path in products.values())


@pytest.mark.parametrize("kind", list(Kind))
async def test_each_product_is_committed_by_a_manifest_and_archived(
    kind: Kind, submit: Submit, running: Pipeline, made_samples: dict[str, Path]
) -> None:
    asset = await submit(made_samples[kind])
    for step, products in asset.published.items():
        raw = await running.engines.store.get(Bucket.PRODUCTION, products.manifest)
        manifest = Manifest.model_validate_json(raw)
        assert (manifest.asset, manifest.step, manifest.run) == (asset.id, step, 1)
        assert manifest.lineage.source == asset.checksum
        assert manifest.lineage.operation == BUILT_IN[kind][step]["op"]
        assert manifest.lineage.tools
        for file in manifest.files:
            data = await running.engines.store.get(Bucket.PRODUCTION, file.key)
            assert f"blake3:{blake3(data).hexdigest()}" == file.checksum
            assert file.archive_key is not None
            assert await running.engines.store.get(Bucket.ARCHIVE, file.archive_key) == data


async def test_the_products_are_what_the_presets_promise(
    submit: Submit, running: Pipeline, made_samples: dict[str, Path], tmp_path: Path
) -> None:
    taken: dict[str, Path] = {}
    for kind in Kind:
        asset = await submit(made_samples[kind])
        found = await running.take(asset, tmp_path / kind)
        taken |= {f"{kind}/{name.partition('/')[0]}": path for name, path in found.items()}
    with Image.open(taken["image/thumb"]) as thumb:
        assert (thumb.format, thumb.size) == ("WEBP", (320, 320))
    with Image.open(taken["video/poster"]) as poster:
        assert poster.width == 640
    assert facts.read(taken["video/web"]).video
    scene = trimesh.load_scene(taken["model3d/web"])
    assert scene.geometry
    assert json.loads(taken["model3d/facts"].read_text())
    assert taken["audio/web"].suffix == ".mp3"


async def test_the_same_file_again_is_not_worked_on_again(
    submit: Submit, running: Pipeline, made_samples: dict[str, Path]
) -> None:
    first = await submit(made_samples["image"], "image")
    second = await submit(made_samples["image"], "image")
    assert second.id != first.id
    assert second.state is AssetState.READY
    for step, products in second.published.items():
        raw = await running.engines.store.get(Bucket.PRODUCTION, products.manifest)
        lineage = Manifest.model_validate_json(raw).lineage
        assert lineage.reused_from is not None
        mine, theirs = products.files, first.published[step].files
        assert mine is not None
        assert theirs is not None
        assert [file.checksum for file in mine] == [file.checksum for file in theirs]
        assert {file.key for file in mine}.isdisjoint(file.key for file in theirs)
