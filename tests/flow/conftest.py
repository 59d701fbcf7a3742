"""The whole pipeline in this process, on memory engines: one for all tests of group "flow"."""

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mediakiln.cli.samples import make_samples
from mediakiln.model.asset import Asset
from mediakiln.roles.oneshot import Pipeline, pipeline
from mediakiln.roles.settings import Settings
from support import certificates
from support.onnx_models import model_folder

Submit = Callable[..., Awaitable[Asset]]

COMMANDS = {
    "upper": {
        "argv": [
            sys.executable,
            "-c",
            "import sys; t = open(sys.argv[1]).read(); open(sys.argv[2], 'w').write(t.upper())",
            "{source}",
            "{out}/loud.txt",
        ],
        "produces": [{"file": "loud.txt", "media_type": "text/plain"}],
        "accepts": ["text/*"],
    },
    "fail": {
        "argv": [sys.executable, "-c", "raise SystemExit('the kiln is cold')"],
        "produces": [{"file": "never.txt", "media_type": "text/plain"}],
    },
}


@pytest.fixture(scope="session")
def made_samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The demonstration's files by kind."""
    kinds = ("image", "document", "model3d", "video", "audio")
    return dict(zip(kinds, make_samples(tmp_path_factory.mktemp("samples")), strict=True))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pipeline]:
    """A pipeline that knows two commands, a model and a signing key of its operator."""
    folder = tmp_path_factory.mktemp("flow")
    commands = folder / "commands.json"
    commands.write_text(json.dumps(COMMANDS))
    model = folder / "colours"
    model.mkdir()
    for path in model_folder(folder / "blobs", unsafe=["red"]).iterdir():
        (model / path.name).symlink_to(path)
    settings = Settings(
        commands=commands,
        label_models={"colours": model},
        **certificates.issue(folder / "identity").settings(),
        workers=2,
        retry_base_s=0.05,
        log_level="warning",
    )
    async with pipeline(settings, folder=folder, store="memory://") as opened:
        yield opened


@pytest.fixture
def submit(running: Pipeline) -> Submit:
    """Take a file in and wait for its run's end."""

    async def call(path: Path, recipe: Any = None) -> Asset:
        resolved = running.recipes.resolve(recipe)
        asset = await running.submit(path, recipe=resolved)
        return await running.wait(asset.id)

    return call
