"""model3d.convert: a model in another format."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from mediakiln.model.errors import BadMedia
from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.model3d import export
from mediakiln.operations.model3d import load as loading
from mediakiln.operations.model3d import solid as solids
from mediakiln.operations.model3d.load import Model
from mediakiln.operations.model3d.solid import Solid
from mediakiln.ports.operation import Context, OperationCapabilities, Params, operation

_MEDIA_TYPES = {
    "model.glb": "model/gltf-binary",
    "model.obj": "model/obj",
    "model.mtl": "model/mtl",
    "model.stl": "model/stl",
    "model.ply": "model/ply",
}
_IMAGE_TYPES = {".png": "image/png", ".jpeg": "image/jpeg", ".webp": "image/webp"}


class ConvertParams(Params):
    """What the model is to become."""

    format: Literal["glb", "obj", "stl", "ply"] = Field(
        "glb",
        description="glb keeps materials and textures; obj has them in files beside it; "
        "ply has vertex colours; stl has the shape alone.",
    )
    text: bool = Field(default=False, description="stl and ply: as text instead of binary.")
    scale: float = Field(1.0, gt=0, le=1e6, description="Multiply every coordinate.")
    up: Literal["keep", "y_to_z", "z_to_y"] = Field(
        "keep", description="Turn it so that what pointed up along one axis does along the other."
    )
    weld: bool = Field(
        default=True,
        description="Share vertices of equal place, normal and texture coordinate.",
    )


@operation(
    "model3d.convert",
    Kind.MODEL3D,
    accepts=loading.MEDIA_TYPES,
    produces=sorted({*_MEDIA_TYPES.values(), *_IMAGE_TYPES.values()}),
    capabilities=OperationCapabilities(
        wall_s=300.0,
        memory_mb=6144,
        scratch_mb=4096,
        preload=("numpy", "trimesh", "PIL.Image"),
        tools=("trimesh", "numpy", "pillow"),
    ),
)
def convert(
    source: Path, params: ConvertParams, out: Path, *, context: Context
) -> Iterable[Product]:
    """Write a model as GLB, OBJ (with materials and textures beside it), STL or PLY.

    A GLB that is to be neither scaled nor turned is passed on as it is, animations included.
    A point cloud becomes GLB or PLY; vertices that are not finite are left out with the faces
    that use them. `lost` in the metadata names what the new format or its writer cannot hold.

    Raises:
        BadMedia: it is damaged, refers to data in other files, or has nothing to convert.
        LimitExceeded: it is bigger than is allowed.
    """
    model = loading.load(source, context)
    if not any(len(part.vertices) for part in model.scene.geometry.values()):
        raise BadMedia("it has no faces and no points: there is nothing to convert")
    unchanged = params.scale == 1.0 and params.up == "keep"
    if model.format == params.format == "glb" and unchanged:
        told = _describe(solids.flatten(model.scene), [])
        shutil.copyfile(source, out / "model.glb")
        names = ["model.glb"]
    else:
        export.prepare(model.scene, scale=params.scale, up=params.up, weld=params.weld)
        solid = solids.flatten(model.scene)
        told = _describe(solid, _lost(model, params))
        names = _write(model.scene, solid, params, out)
    for name in names:
        media_type = _MEDIA_TYPES.get(name) or _IMAGE_TYPES[Path(name).suffix]
        yield Product(file=name, media_type=media_type, metadata=told if name == names[0] else {})


def _write(scene: Any, solid: Solid, params: ConvertParams, out: Path) -> list[str]:
    """Write the files; returns their names, the model first."""
    if params.format == "glb":
        return export.glb(scene, out)
    if params.format == "ply":
        return export.ply(scene, out, text=params.text)
    if not len(solid.faces):
        raise BadMedia(f"it has no faces, and {params.format} holds nothing else")
    if params.format == "stl":
        return export.stl(solid, out, text=params.text)
    return export.obj(scene, out)


def _describe(solid: Solid, lost: list[str]) -> dict[str, Any]:
    import numpy as np

    everything = np.concatenate([solid.vertices, solid.points])
    told: dict[str, Any] = {"faces": len(solid.faces), "points": len(solid.points)}
    if len(everything):
        told["extents"] = (everything.max(axis=0) - everything.min(axis=0)).tolist()
    if solid.dropped_vertices:
        told |= {"dropped_vertices": solid.dropped_vertices, "dropped_faces": solid.dropped_faces}
    if lost:
        told["lost"] = lost
    return told


def _lost(model: Model, params: ConvertParams) -> list[str]:
    """What the source has that the product has not."""
    document = model.document or {}
    lost = [name for name in ("animations", "skins") if document.get(name)]
    if len(document.get("cameras", [])) > (1 if params.format == "glb" else 0):
        lost.append("cameras")
    primitives = (item for mesh in document.get("meshes", []) for item in mesh["primitives"])
    if any("targets" in primitive for primitive in primitives):
        lost.append("morph targets")
    lost += sorted(document.get("extensionsUsed", []))
    if params.format in {"stl", "ply"} and loading.materials(model.scene):
        lost.append("materials")
    if params.format in {"stl", "ply"} and loading.textures(model.scene):
        lost.append("textures")
    if model.outside:
        lost.append("other files")
    return lost
