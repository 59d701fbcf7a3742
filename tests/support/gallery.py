"""A site that makes images, over HTTP."""

from dataclasses import dataclass
from typing import Any

from mediakiln.model.asset import Asset
from mediakiln.model.signature import sign_native
from mediakiln.stages.derive import Derive
from support.images import KEY, Painter
from support.site import Site

OWNER = "mk_the-owner's-key"


@dataclass
class Gallery:
    """A site that makes images."""

    site: Site
    painter: Painter
    derive: Derive
    asset: Asset

    def address(self, options: str = "w_40", ending: str = "", *, key: bytes = KEY) -> str:
        path = f"/i/{options}/{self.asset.id}{ending}"
        return sign_native(path, key)

    async def get(self, options: str = "w_40", ending: str = "", **headers: str) -> Any:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.site.http.get(self.address(options, ending), headers=told)
