"""Places are opened by URL, and what is wrong with one is said with its setting."""

import pytest

from mediakiln.model.errors import EngineMisconfigured
from mediakiln.roles.engines import open_place
from mediakiln.roles.imgproxy_options import ImgproxyOptions


@pytest.mark.parametrize("url", ["s3://bucket?colour=red", "file://host/x", "ftp://bucket"])
def test_a_wrong_place_is_named_with_its_setting(url: str) -> None:
    with pytest.raises(EngineMisconfigured, match="MEDIAKILN_IMGPROXY_SOURCES"):
        open_place(url, "IMGPROXY_SOURCES")


def test_sources_of_imgproxy_are_addresses_or_places_and_stay_hidden() -> None:
    options = ImgproxyOptions.model_validate(
        {"imgproxy_sources": ["https://a.example", "s3://KEY:SECRET@b/c", "file:///srv"]}
    )
    assert "SECRET" not in repr(options)
    for wrong in ("a.example", "ftp://x", "https://", "local:///x"):
        with pytest.raises(ValueError, match="a source is"):
            ImgproxyOptions.model_validate({"imgproxy_sources": [wrong]})
