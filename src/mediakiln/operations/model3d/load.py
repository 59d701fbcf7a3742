"""Models read into memory by trimesh, once their headers were checked.

Nothing outside the file itself is ever read: material libraries and textures that it names
are noted and left alone.
"""

import io
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from mediakiln.model.errors import BadMedia, EmptyFile, TooManyPixels, UnsupportedMedia
from mediakiln.operations.model3d import gltf, headers
from mediakiln.ports.operation import Context


class _Format(NamedTuple):
    name: str
    """As trimesh calls it."""
    check: Callable[[Path], None] | None = None


_FORMATS = {
    "model/gltf-binary": _Format("glb"),
    "model/gltf+json": _Format("gltf"),
    "model/obj": _Format("obj"),
    "model/stl": _Format("stl", headers.check_stl),
    "model/ply": _Format("ply", headers.check_ply),
    "model/off": _Format("off", headers.check_off),
    "model/3mf": _Format("3mf", headers.check_zip),
}
MEDIA_TYPES = tuple(_FORMATS)


@dataclass(slots=True)
class Model:
    """A model in memory."""

    format: str
    scene: Any
    """A `trimesh.Scene`."""
    document: gltf.Json | None = None
    """The JSON of a glTF."""
    outside: list[str] = field(default_factory=list)
    """Names of other files that it refers to, which were not read."""


def load(source: Path, context: Context) -> Model:
    """Read a model of the context's media type, its parts as they are in the file.

    Raises:
        BadMedia: it is damaged.
        EmptyFile: it has no bytes.
        LimitExceeded: it is bigger than is allowed.
        ModelUnavailable: its geometry is compressed by a codec that is not installed.
        UnsupportedMedia: its media type or a form of storage in it is not read.
    """
    chosen = _FORMATS.get(context.media_type)
    if chosen is None:
        raise UnsupportedMedia(f"{context.media_type} is not read", allowed=sorted(_FORMATS))
    if source.stat().st_size == 0:
        raise EmptyFile
    model = Model(chosen.name, None)
    if chosen.name in {"glb", "gltf"}:
        document = gltf.read(source, binary=chosen.name == "glb")
        gltf.check(document)
        model.document = document.json
    elif chosen.check is not None:
        chosen.check(source)
    model.scene = _parse(source, chosen.name, model.outside)
    if model.outside:
        _drop_stand_ins(model.scene)
    _check_indices(model.scene)
    _check_textures(model.scene, context)
    for _, image in textures(model.scene):
        _keep_encoded(image)
    return model


def _parse(source: Path, name: str, outside: list[str]) -> Any:
    import trimesh

    # Bytes, not a file: trimesh would name parts after the file's path.
    data = io.BytesIO(source.read_bytes())
    try:
        with steady_names():
            return trimesh.load_scene(
                data, file_type=name, resolver=_sealed(outside), process=False
            )
    except MemoryError:
        raise
    except Exception as error:
        raise BadMedia(
            f"it cannot be read as {name.upper()}: {type(error).__name__}: {error}"
        ) from error


@contextmanager
def steady_names() -> Iterator[None]:
    """Let trimesh invent the same names every time: it draws them from `random`."""
    state = random.getstate()
    random.seed(0)
    try:
        yield
    finally:
        random.setstate(state)


def _sealed(outside: list[str]) -> Any:
    """A trimesh resolver that has nothing, and notes what was asked of it."""
    from trimesh.resolvers import Resolver

    class Sealed(Resolver):
        def __init__(self) -> None:
            pass

        def get(self, name: str) -> NoReturn:
            outside.append(str(name))
            raise FileNotFoundError(name)

        def write(self, name: str, data: bytes) -> NoReturn:  # noqa: ARG002 - the base's signature
            raise PermissionError(name)

        def namespaced(self, namespace: str) -> "Sealed":  # noqa: ARG002 - the base's signature
            return self

        def keys(self) -> list[str]:
            return []

    return Sealed()


def _drop_stand_ins(scene: Any) -> None:
    """Take away the grey texture that trimesh puts in place of one it could not read."""
    for material in materials(scene):
        image = getattr(material, "image", None)
        if image is not None and image.format is None:
            material.image = None


def _check_indices(scene: Any) -> None:
    for name, geometry in scene.geometry.items():
        faces = getattr(geometry, "faces", None)
        if faces is None or not len(faces):
            continue
        low, high, count = int(faces.min()), int(faces.max()), len(geometry.vertices)
        if low < 0 or high >= count:
            raise BadMedia(
                f"a face of {name!r} names vertex {low if low < 0 else high} of {count}",
                limit=count,
                value=high,
            )


def _check_textures(scene: Any, context: Context) -> None:
    for _, image in textures(scene):
        pixels = image.width * image.height
        if pixels > context.max_pixels:
            raise TooManyPixels(
                f"a texture has {pixels} pixels; {context.max_pixels} are allowed",
                limit=context.max_pixels,
                value=pixels,
            )


def _keep_encoded(image: Any) -> None:
    """Make a texture save as the very bytes it was read from, and copy as itself.

    Saving it anew would lose quality with every JPEG.
    """
    if image.format not in {"JPEG", "PNG"} or not hasattr(image.fp, "getvalue"):
        return
    encoded, kept, save_anew = image.fp.getvalue(), image.format, image.save

    def save(fp: Any, format: str | None = None, **options: Any) -> None:
        if (format or kept).upper() == kept:
            fp.write(encoded)
        else:
            save_anew(fp, format=format, **options)

    image.save = save
    image.copy = lambda: image
    image.__deepcopy__ = lambda _: image


_TEXTURES = (
    "image",
    "baseColorTexture",
    "metallicRoughnessTexture",
    "normalTexture",
    "occlusionTexture",
    "emissiveTexture",
)


def materials(scene: Any) -> list[Any]:
    """Its materials (trimesh's), each once."""
    found: dict[int, Any] = {}
    for geometry in scene.geometry.values():
        material = getattr(getattr(geometry, "visual", None), "material", None)
        if material is not None:
            found.setdefault(id(material), material)
    return list(found.values())


def textures(scene: Any) -> list[tuple[str, Any]]:
    """(what for, Pillow image) of its textures, each image once."""
    found: dict[int, tuple[str, Any]] = {}
    for material in materials(scene):
        for use in _TEXTURES:
            image = getattr(material, use, None)
            if image is not None and hasattr(image, "width"):
                found.setdefault(id(image), ("baseColorTexture" if use == "image" else use, image))
    return list(found.values())
