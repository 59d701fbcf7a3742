"""The operations that tell facts of images keep the contract of operations."""

from pathlib import Path

from golden.image_samples import frames, saved, scene
from mediakiln.operations.image.facts.describe import describe
from mediakiln.operations.image.facts.hash import image_hash
from mediakiln.operations.image.facts.palette import palette
from mediakiln.testing.operation import OperationContract, Sample


def _photo(folder: Path) -> Path:
    return saved(scene(), folder / "photo.jpg", quality=90)


def _animation(folder: Path) -> Path:
    first, *rest = frames()
    return saved(first, folder / "walk.gif", save_all=True, append_images=rest, duration=50)


def _cut(folder: Path) -> Path:
    path = _photo(folder)
    path.write_bytes(path.read_bytes()[:1500])
    return path


class TestImageDescribe(OperationContract):
    operation = describe
    good = (Sample(_photo, "image/jpeg", {"location": True}), Sample(_animation, "image/gif", {}))
    bad = (Sample(_cut, "image/jpeg", {}),)


class TestImagePalette(OperationContract):
    operation = palette
    good = (Sample(_photo, "image/jpeg", {"colours": 3}),)
    bad = (Sample(_cut, "image/jpeg", {}),)


class TestImageHash(OperationContract):
    operation = image_hash
    good = (Sample(_photo, "image/jpeg", {"blurhash_x": 6}),)
    bad = (Sample(_cut, "image/jpeg", {}),)
