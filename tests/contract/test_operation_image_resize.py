"""image.resize keeps the contract of operations."""

from pathlib import Path

from golden.image_samples import frames, saved, scene
from mediakiln.operations.image.edit.resize import resize
from mediakiln.testing.operation import OperationContract, Sample


def _photo(folder: Path) -> Path:
    return saved(scene(), folder / "photo.jpg", quality=90)


def _animation(folder: Path) -> Path:
    first, *rest = frames()
    return saved(first, folder / "walk.gif", save_all=True, append_images=rest, duration=50)


def _drawing(folder: Path) -> Path:
    path = folder / "drawing.svg"
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"/>')
    return path


def _cut(folder: Path) -> Path:
    path = _photo(folder)
    path.write_bytes(path.read_bytes()[:1500])
    return path


def _cut_stream(folder: Path) -> Path:
    path = saved(scene(), folder / "scene.png")
    path.write_bytes(path.read_bytes()[:-600])
    return path


class TestImageResize(OperationContract):
    operation = resize
    good = (
        Sample(_photo, "image/jpeg", {"width": 64}),
        Sample(_photo, "image/jpeg", {"widths": [32, 64], "format": "webp"}),
        Sample(_photo, "image/jpeg", {"width": 64, "format": "avif"}),
        Sample(_animation, "image/gif", {"width": 32, "height": 32, "fit": "cover"}),
        Sample(_drawing, "image/svg+xml", {"width": 100, "format": "png"}),
    )
    bad = (
        Sample(_cut, "image/jpeg", {"width": 64}),
        Sample(_cut, "image/jpeg", {"widths": [16, 32]}),
        Sample(_cut_stream, "image/png", {"width": 64, "format": "webp"}),
    )
