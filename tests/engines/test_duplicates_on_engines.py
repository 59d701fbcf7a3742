"""On distributed engines, too: twice, late and out of order changes nothing."""

from pathlib import Path

import pytest

from mediakiln.roles.settings import Settings, Webhook
from support import media
from support.chaos import disturbed
from support.deployments import urls_of, wanted
from support.hooks import SECRET, receiving

pytestmark = [
    pytest.mark.engines,
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("pipeline-brokers"),
]


@pytest.mark.parametrize("deployment", wanted())
async def test_every_message_twice_on_distributed_engines_changes_nothing(
    tmp_path: Path, deployment: str
) -> None:
    engines = {name.lower(): url for name, url in urls_of(deployment).items()}
    with receiving() as hooks:
        settings = Settings(
            data=tmp_path / "data",
            workers=2,
            lease_s=5,
            retry_base_s=0.1,
            notify=(Webhook(url=hooks.url, secret=SECRET),),
            notify_private=True,
            **engines,
        )
        await disturbed(settings, hooks, media.mixed(20), patience=180)
