"""Content credentials through the whole pipeline: signed inside the sandbox, without a network."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from PIL import Image

from mediakiln.model.asset import Asset
from mediakiln.model.kind import AssetState

Submit = Callable[..., Awaitable[Asset]]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("flow")]


async def test_a_recipes_steps_are_signed_and_read_back(submit: Submit, tmp_path: Path) -> None:
    path = tmp_path / "view.png"
    Image.effect_noise((300, 200), 60).convert("RGB").save(path)
    steps = {
        "small": {"op": "image.resize", "width": 100, "format": "webp"},
        "signed": {"op": "image.credentials", "from": "small", "mode": "sign"},
        "told": {"op": "image.credentials", "from": "signed"},
    }
    asset = await submit(path, {"steps": steps})
    assert asset.state is AssetState.READY, asset.error
    (signed,) = asset.published["signed"].files or ()
    assert (signed.media_type, signed.metadata["state"]) == ("image/webp", "trusted")
    (told,) = asset.published["told"].files or ()
    assert told.metadata["signed_by"] == "Test studio"
    assert told.metadata["actions"] == ["c2pa.opened", "c2pa.resized", "c2pa.converted"]
