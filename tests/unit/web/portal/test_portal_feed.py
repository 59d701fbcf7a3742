"""The stream of events behind the page."""

import asyncio
import gc
from typing import Any

from mediakiln.web.front import Front
from support.site import Site, until_watched
from support.waiting import eventually


async def test_who_leaves_the_page_leaves_no_error_behind(site: Site) -> None:
    front = site.server.config.app
    assert isinstance(front, Front)
    faults: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: faults.append(context))
    assets = [await site.world.upload() for _ in range(2)]
    ids = ",".join(asset.id for asset in assets)
    async with site.http.stream("GET", f"/assets/events?ids={ids}") as answer:
        assert answer.status_code == 200
        await until_watched(site.server)
    await eventually(lambda: front.live.watched == 0)
    await asyncio.sleep(0)
    gc.collect()
    loop.set_exception_handler(None)
    assert faults == []
