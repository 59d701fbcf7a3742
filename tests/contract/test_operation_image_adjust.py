"""image.adjust keeps the contract of operations."""

from pathlib import Path

from golden.image_samples import saved, scene
from mediakiln.operations.image.look.adjust import adjust
from mediakiln.testing.operation import OperationContract, Sample


def _photo(folder: Path) -> Path:
    return saved(scene(), folder / "photo.jpg", quality=90)


def _cut(folder: Path) -> Path:
    path = _photo(folder)
    path.write_bytes(path.read_bytes()[:1500])
    return path


class TestImageAdjust(OperationContract):
    operation = adjust
    good = (Sample(_photo, "image/jpeg", {"normalise": True, "sharpen": 1.0, "format": "webp"}),)
    bad = (
        Sample(_cut, "image/jpeg", {"blur": 2.0}),
        Sample(_cut, "image/jpeg", {"normalise": True}),
    )
