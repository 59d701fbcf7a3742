"""srcset in an asset's JSON: relative names in the manifest, addresses for clients."""

from typing import Any

from mediakiln.web.api.schemas import ProductOut
from mediakiln.web.api.views import srcset

BASE = "https://media.example/v1/assets/x/products"


def product(name: str, metadata: dict[str, Any]) -> ProductOut:
    return ProductOut(
        name=name,
        op="image.resize",
        media_type="image/webp",
        bytes=1,
        checksum="blake3:",
        url=f"{BASE}/{name}",
        metadata=metadata,
    )


def test_every_width_is_named_by_its_address() -> None:
    said = {"srcset": "w80.webp 80w, w400.webp 400w"}
    products = [product("web/w400.webp", said), product("web/w80.webp", said)]
    assert srcset(products) == f"{BASE}/web/w80.webp 80w, {BASE}/web/w400.webp 400w"


def test_an_only_width_goes_by_the_steps_name() -> None:
    assert srcset([product("web", {"srcset": "w80.webp 80w"})]) == f"{BASE}/web 80w"


def test_a_file_that_is_not_there_is_left_out() -> None:
    said = {"srcset": "w80.webp 80w, w400.webp 400w"}
    products = [product("web/w400.webp", said), product("web/poster.png", {})]
    assert srcset(products) == f"{BASE}/web/w400.webp 400w"


def test_steps_without_widths_have_none() -> None:
    assert srcset([product("thumb", {"width": 80})]) is None
    assert srcset([]) is None
