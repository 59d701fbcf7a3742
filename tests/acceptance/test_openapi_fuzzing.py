"""Requests that a machine makes up from the OpenAPI document: none may end in a 5xx answer."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediakiln.web.app import create_app
from mediakiln.web.tus.protocol import CONTENT_TYPE
from support.site import services_of, serving
from support.world import NoRunner, World

KEY = "mk_key_of_the_owner"
EXAMPLES = int(os.environ.get("MEDIAKILN_TEST_EXAMPLES", "4"))
"""Made-up requests per operation, beside those that cover every parameter."""
SECONDS = 60
ENDLESS = "/events"
"""Streams end with their asset only."""
HOOKS = f"""
import schemathesis
schemathesis.serializer.alias({CONTENT_TYPE!r}, "application/octet-stream")
"""
"""What the program that makes requests up does not know of."""


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    world = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    await world.start()
    async with serving(create_app(services_of(world, owner_key=KEY))) as server:
        await world.upload()
        yield f"http://127.0.0.1:{server.port}"


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 240)
async def test_no_made_up_request_ends_in_a_5xx(url: str, tmp_path: Path) -> None:
    hooks = tmp_path / "hooks.py"
    hooks.write_text(HOOKS)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"),
        *("--url", url, "--header", f"Authorization: Bearer {KEY}"),
        *("--checks", "not_a_server_error", "--phases", "examples,coverage,fuzzing"),
        *("--max-examples", str(EXAMPLES), "--max-time", str(SECONDS), "--seed", "1"),
        *("--exclude-path-regex", ENDLESS, "--request-timeout", "70"),
        *("--generation-database", "none", "--no-shrink", "--continue-on-failure", "--no-color"),
        *("--suppress-health-check", "all", "--warnings", "off"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": str(hooks)},
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-8000:]
    assert "Tested:" in output.decode(), output.decode()[-8000:]
