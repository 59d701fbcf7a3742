"""Small image files, good and damaged, made in a folder that is given."""

from pathlib import Path

from golden.image_samples import frames, saved, scene


def photo(folder: Path) -> Path:
    """A JPEG."""
    return saved(scene(), folder / "photo.jpg", quality=90)


def animation(folder: Path) -> Path:
    """A GIF of four frames."""
    first, *rest = frames()
    return saved(first, folder / "walk.gif", save_all=True, append_images=rest, duration=50)


def drawing(folder: Path) -> Path:
    """An SVG."""
    path = folder / "drawing.svg"
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"/>')
    return path


def cut_jpeg(folder: Path) -> Path:
    """A JPEG that ends in the middle."""
    path = photo(folder)
    path.write_bytes(path.read_bytes()[:1500])
    return path


def cut_png(folder: Path) -> Path:
    """A PNG that ends in the middle."""
    path = saved(scene(), folder / "scene.png")
    path.write_bytes(path.read_bytes()[:-600])
    return path
