"""Pictures as large as they are shown: small files as they are, of others an image on request."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from mediakiln.model.access import Principal, Scope
from mediakiln.model.signature import NATIVE, expiring, sign_native
from mediakiln.web.services import Services

SMALL_BYTES: Final = 150_000
"""A picture up to this size is shown as it is."""
TINY_BYTES: Final = 32_000
"""The same in a list, where there are many."""
_OPERATION: Final = "image.transform"
_MOVING: Final = frozenset({"image/gif", "image/apng"})
_DAY_S: Final = 86_400
_STILL: Final = "f_webp,animated_false"

Sign = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Picture:
    """What an `img` element needs."""

    src: str
    srcset: str | None = None
    width: int | None = None
    """In pixels, upright; with the height, so that its place is kept while it loads."""
    height: int | None = None

    def sized(self, metadata: Mapping[str, Any]) -> "Picture":
        """The same with the sides that are told of its file."""
        width, height = metadata.get("width"), metadata.get("height")
        known = isinstance(width, int) and isinstance(height, int)
        return replace(self, width=width, height=height) if known else self


class Pictures:
    """Addresses of images on request, for whoever looks at a page."""

    def __init__(self, accepts: frozenset[str] | None, sign: Sign) -> None:
        """`accepts`: of what types images are made; None: of none."""
        self._accepts = accepts
        self._sign = sign

    @classmethod
    def of(cls, services: Services, principal: Principal) -> "Pictures":
        """Those of the service. Who may not sign addresses has a session that opens them."""
        rules, operations = services.image_rules, services.recipes.operations
        if services.derive is None or rules is None or _OPERATION not in operations:
            return cls(None, str)
        accepts = frozenset(operations.get(_OPERATION).accepts)
        if not (rules.signed and principal.may(Scope.PROCESS)):
            return cls(accepts, str)

        def signed(path: str) -> str:
            # Through tomorrow: whoever copies it has no lasting key to the picture.
            until = (int(time.time()) // _DAY_S + 2) * _DAY_S
            return sign_native(expiring(path, until), rules.keys[0], size=rules.signature_bytes)

        return cls(accepts, signed)

    def makes(self, media_type: str | None) -> bool:
        """Whether images are made of such files."""
        return self._accepts is not None and media_type in self._accepts

    def moves(self, media_type: str | None) -> bool:
        """Whether a still image would not do."""
        return media_type in _MOVING

    def thumb(self, id: str, tag: str, product: str | None = None) -> Picture:
        """A square for a list, 48 pixels a side on a plain screen, of an asset or its product."""
        square = "w_48,h_48,fit_cover"
        return self._picture(id, tag, product, [square, f"{square},dpr_2", f"{square},dpr_3"])

    def preview(self, id: str, tag: str, product: str | None = None) -> Picture:
        """The whole picture in a box of 384 pixels a side on a plain screen."""
        return self._picture(id, tag, product, ["w_384,h_384", "w_384,h_384,dpr_2"])

    def _picture(self, id: str, tag: str, product: str | None, sizes: list[str]) -> Picture:
        rest = f",v_{tag}" if tag else ""
        if product is not None:
            rest += f",from_{quote(product, safe='')}"
        paths = [self._sign(f"{NATIVE}{size},{_STILL}{rest}/{id}") for size in sizes]
        listed = [f"{path} {density}x" for density, path in enumerate(paths, 1)]
        return Picture(paths[0], ", ".join(listed))
