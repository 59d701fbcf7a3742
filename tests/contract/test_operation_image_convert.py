"""image.convert keeps the contract of operations."""

from pathlib import Path

from golden.image_samples import frames, saved, scene
from mediakiln.operations.image.edit.convert import convert
from mediakiln.testing.operation import OperationContract, Sample


def _photo(folder: Path) -> Path:
    return saved(scene(), folder / "photo.jpg", quality=90)


def _animation(folder: Path) -> Path:
    first, *rest = frames()
    return saved(first, folder / "walk.png", save_all=True, append_images=rest, duration=50)


def _cut(folder: Path) -> Path:
    path = _photo(folder)
    path.write_bytes(path.read_bytes()[:1500])
    return path


def _cut_sequence(folder: Path) -> Path:
    first, *rest = frames()
    path = saved(first, folder / "walk.avif", save_all=True, append_images=rest, duration=50)
    path.write_bytes(path.read_bytes()[:-200])
    return path


class TestImageConvert(OperationContract):
    operation = convert
    good = (
        Sample(_photo, "image/jpeg", {"format": "webp", "metadata": "keep"}),
        Sample(_photo, "image/jpeg", {"format": "jpeg", "quality": "auto"}),
        Sample(_photo, "image/jpeg", {"format": "tiff", "depth": 16}),
        Sample(_animation, "image/png", {"format": "avif"}),
    )
    bad = (
        Sample(_cut, "image/jpeg", {"format": "png"}),
        Sample(_cut, "image/jpeg", {"quality": "auto"}),
        Sample(_cut_sequence, "image/avif", {"format": "webp"}),
    )
