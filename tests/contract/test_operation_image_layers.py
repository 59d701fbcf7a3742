"""The operations that lay things over images keep the contract of operations."""

from pathlib import Path

from golden.image_samples import saved, scene
from mediakiln.operations.image.look.watermark import watermark
from mediakiln.testing.operation import OperationContract, Sample


def _photo(folder: Path) -> Path:
    return saved(scene(), folder / "photo.jpg", quality=90)


def _cut(folder: Path) -> Path:
    path = _photo(folder)
    path.write_bytes(path.read_bytes()[:1500])
    return path


class TestImageWatermark(OperationContract):
    operation = watermark
    good = (Sample(_photo, "image/jpeg", {"text": "Kiln", "format": "webp"}),)
    bad = (Sample(_cut, "image/jpeg", {"text": "Kiln"}),)
