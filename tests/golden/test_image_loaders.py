"""libvips reads with the loaders that it trusts, and with no others."""

from pathlib import Path

import pytest
import pyvips

from mediakiln.operations.image.pixels import engine

BLOCKED = ("csv", "matrix", "raw", "vips", "magick", "pdf", "ppm", "fits", "openexr", "openslide",
    "mat", "nifti", "analyze", "rad", "dcraw", "jp2k", "jxl")  # fmt: skip
TRUSTED = ("jpeg", "png", "webp", "heif", "tiff", "gif", "svg")


@pytest.fixture(autouse=True)
def set_up() -> None:
    engine.setup(1)


@pytest.mark.parametrize("kind", ["", "_source", "_buffer"])
@pytest.mark.parametrize("name", BLOCKED)
def test_a_loader_that_libvips_does_not_trust_is_blocked(
    tmp_path: Path, name: str, kind: str
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"1,2,3\n4,5,6\n")
    loader = f"{name}load{kind}"
    given = {
        "": str(file),
        "_source": pyvips.Source.new_from_file(str(file)),
        "_buffer": file.read_bytes(),
    }[kind]
    size = (3, 2, 1) if loader == "rawload" else ()
    with pytest.raises(pyvips.Error, match=r"blocked|not found"):
        pyvips.Operation.call(loader, given, *size)


@pytest.mark.parametrize("name", TRUSTED)
def test_a_loader_that_is_used_is_there(name: str) -> None:
    with pytest.raises(pyvips.Error) as refused:
        pyvips.Operation.call(f"{name}load_buffer", b"not an image at all")
    assert "blocked" not in str(refused.value)
    assert "class" not in str(refused.value)
