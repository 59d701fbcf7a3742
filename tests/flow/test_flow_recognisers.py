"""What images show, said by a service that only the worker can reach."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from PIL import Image

pytest.importorskip("aiobotocore", reason="needs the extra rekognition")

from mediakiln.model.asset import Asset
from mediakiln.model.errors import InvalidRecipe
from mediakiln.model.keys import Bucket, manifest_key
from mediakiln.model.kind import AssetState, StepState
from mediakiln.model.product import Manifest
from mediakiln.roles.oneshot import Pipeline, pipeline
from mediakiln.roles.settings import Settings
from mediakiln.roles.web import services_of
from mediakiln.web.app import create_app
from support.onnx_models import model_folder
from support.rekognition import UNSAFE, Rekognition, credentials, refuses, rekognition, says
from support.site import serving
from support.waiting import eventually

Submit = Callable[..., Awaitable[Asset]]
SEEN: dict[str, Any] = {"steps": {"seen": {"op": "image.labels", "models": ["aws"]}}}

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("flow")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Rekognition]:
    with pytest.MonkeyPatch.context() as patch:
        credentials(patch)
        patch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
        async with rekognition() as found:
            yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def settings(tmp_path_factory: pytest.TempPathFactory, server: Rekognition) -> Settings:
    folder = tmp_path_factory.mktemp("recognisers")
    return Settings(
        data=folder / "data",
        label_models={"aws": server.address(), "here": model_folder(folder / "here")},
        auth=False,
        workers=2,
        retry_base_s=0.01,
        log_level="warning",
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(settings: Settings) -> AsyncIterator[Pipeline]:
    async with pipeline(settings, folder=settings.data, store="memory://") as opened:
        yield opened


@pytest.fixture
def submit(running: Pipeline, tmp_path: Path) -> Submit:
    """Take an image of some colour in, and wait for its run's end."""

    async def call(colour: tuple[int, int, int], recipe: Any) -> Asset:
        path = tmp_path / "image.png"
        Image.new("RGB", (64, 48), colour).save(path)
        asset = await running.submit(path, recipe=running.recipes.resolve(recipe))
        return await running.wait(asset.id)

    return call


async def test_labels_are_found_by_their_words_and_their_lineage_is_told(
    submit: Submit, running: Pipeline, settings: Settings, server: Rekognition
) -> None:
    asset = await submit((204, 0, 51), SEEN)
    assert asset.state is AssetState.READY, asset.error
    (file,) = asset.published["seen"].files or ()
    assert file.metadata == {
        "count": 2,
        "labels": [
            {"name": "Beach", "confidence": 0.915, "model": "aws"},
            {"name": "Sailboat", "confidence": 0.64, "model": "aws"},
        ],
        "safety": {"score": 0.2, "unsafe": {"Alcohol": 0.8, "Drinking": 0.75, "Violence": 0.12}},
    }
    key = manifest_key("default", asset.id, "seen", asset.run)
    raw = await running.engines.store.get(Bucket.PRODUCTION, key)
    lineage = Manifest.model_validate_json(raw).lineage
    assert lineage.models["aws"].startswith("rekognition://eu-central-1?labels=yes&moderation=yes")
    assert lineage.models["here"].startswith("blake3:")
    assert lineage.tools["Rekognition labels"] == "3.0"
    assert lineage.tools["Rekognition moderation"] == "7.0"
    assert all(image.startswith(b"\xff\xd8\xff") for image in server.images)
    async with (
        serving(create_app(services_of(settings, running.engines))) as site,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{site.port}") as http,
    ):

        async def found() -> bool:
            page = (await http.get("/v1/assets?q=sailboat+beach")).json()
            return [each["id"] for each in page["assets"]] == [asset.id]

        await eventually(found)


async def test_an_outage_is_waited_out_and_holds_no_other_step_up(
    submit: Submit, server: Rekognition
) -> None:
    server.answers["DetectModerationLabels"] = refuses("ThrottlingException")
    asked = len(server.asked)
    steps = {**SEEN["steps"], "web": {"op": "image.resize", "width": 8}}

    async def recovers() -> None:
        await eventually(lambda: len(server.asked) > asked + 8)
        server.answers["DetectModerationLabels"] = says(UNSAFE)

    asset, _ = await asyncio.gather(submit((1, 2, 3), {"steps": steps}), recovers())
    assert asset.state is AssetState.READY, asset.error
    assert asset.steps["web"].state is asset.steps["seen"].state is StepState.DONE
    assert asset.attempts > 1
    assert asset.counted_attempts == 1


async def test_a_permission_that_lacks_fails_the_step_and_says_what_to_allow(
    submit: Submit, server: Rekognition
) -> None:
    before = server.answers["DetectLabels"]
    server.answers["DetectLabels"] = refuses("AccessDeniedException")
    asset = await submit((4, 5, 6), SEEN)
    server.answers["DetectLabels"] = before
    assert asset.state is AssetState.FAILED
    assert asset.error is not None
    assert asset.error.code == "engine_misconfigured"
    assert "rekognition:DetectLabels" in asset.error.message
    assert "arn:" not in asset.error.message


async def test_a_model_that_is_not_set_up_is_refused_with_the_upload(running: Pipeline) -> None:
    recipe = {"steps": {"seen": {"op": "image.labels", "models": ["gcp"]}}}
    with pytest.raises(InvalidRecipe, match="'gcp'") as refused:
        running.recipes.resolve(recipe)
    assert refused.value.context["allowed"] == ["aws", "here"]
