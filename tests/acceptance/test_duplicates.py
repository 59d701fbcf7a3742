"""Messages that come twice, late and out of order while files go through change nothing."""

from pathlib import Path

import pytest

from mediakiln.roles.settings import Settings, Webhook
from support import media
from support.chaos import disturbed
from support.hooks import SECRET, receiving

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("duplicates")]


@pytest.mark.timeout(180)
async def test_every_message_twice_late_and_out_of_order_changes_nothing(tmp_path: Path) -> None:
    with receiving() as hooks:
        settings = Settings(
            data=tmp_path / "data",
            workers=2,
            lease_s=3,
            retry_base_s=0.1,
            notify=(Webhook(url=hooks.url, secret=SECRET),),
            notify_private=True,
        )
        await disturbed(settings, hooks, media.mixed(30))
