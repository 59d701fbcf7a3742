"""model3d.inspect: what a model is made of and measures, as a JSON file."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.model3d import gltf
from mediakiln.operations.model3d import load as loading
from mediakiln.operations.model3d import solid as solids
from mediakiln.operations.model3d.load import Model
from mediakiln.operations.model3d.solid import Solid
from mediakiln.ports.operation import Context, OperationCapabilities, Params, operation

_LISTED = 1000
"""Of each list in the file; the counts beside them are of all."""
_SUMMARY = (
    "format",
    "vertices",
    "faces",
    "points",
    "extents",
    "units",
    "watertight",
    "volume",
    "area",
    "components",
)


class InspectParams(Params):
    """model3d.inspect has no parameters."""


@operation(
    "model3d.inspect",
    Kind.MODEL3D,
    accepts=loading.MEDIA_TYPES,
    produces=["application/json"],
    capabilities=OperationCapabilities(
        wall_s=120.0,
        memory_mb=4096,
        scratch_mb=64,
        preload=("numpy", "trimesh", "PIL.Image"),
        tools=("trimesh", "numpy"),
    ),
)
def inspect(
    source: Path,
    params: InspectParams,  # noqa: ARG001 - it has none
    out: Path,
    *,
    context: Context,
) -> Iterable[Product]:
    """Measure a model: size, volume, soundness, parts, materials, textures and animations.

    A file without faces (a point cloud, a wireframe, nothing at all) is described too:
    what it lacks is 0 or null.

    Raises:
        BadMedia: it is damaged, or refers to data in other files.
        LimitExceeded: it is bigger than is allowed.
    """
    model = loading.load(source, context)
    told = describe(model)
    text = json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False)
    (out / "info.json").write_text(text, encoding="utf-8")
    yield Product(
        file="info.json",
        media_type="application/json",
        metadata={key: told[key] for key in _SUMMARY if told[key] is not None},
    )


def describe(model: Model) -> dict[str, Any]:
    """Everything the file says, in the model's own units (units are null where unknown)."""
    solid = solids.flatten(model.scene)
    return {
        "format": model.format,
        "units": model.scene.units,
        "up": "y" if model.document is not None else None,
        **_measures(solid),
        "instances": solid.instances,
        "parts": len(model.scene.geometry),
        "geometries": _geometries(model),
        "materials": [_material(item) for item in loading.materials(model.scene)[:_LISTED]],
        "textures": [
            {"use": use, "width": image.width, "height": image.height, "format": image.format}
            for use, image in loading.textures(model.scene)[:_LISTED]
        ],
        "outside": sorted(set(model.outside))[:_LISTED],
        **_document(model.document or {}),
    }


def _measures(solid: Solid) -> dict[str, Any]:
    """Counts and sizes in world space."""
    import numpy as np

    everything = np.concatenate([solid.vertices, solid.points])
    bounds = np.array([everything.min(axis=0), everything.max(axis=0)]) if len(everything) else None
    told: dict[str, Any] = {
        "vertices": len(solid.vertices),
        "faces": len(solid.faces),
        "points": len(solid.points),
        "bounds": None if bounds is None else bounds.tolist(),
        "extents": None if bounds is None else (bounds[1] - bounds[0]).tolist(),
        "dropped_vertices": solid.dropped_vertices,
        "dropped_faces": solid.dropped_faces,
        "degenerate_faces": solids.degenerate(solid),
        "components": solids.components(solid),
        "area": 0.0,
        "volume": None,
        "watertight": False,
        "winding_consistent": False,
    }
    if len(solid.faces):
        with np.errstate(over="ignore", invalid="ignore"):
            told |= _surface(solid)
    return told


def _surface(solid: Solid) -> dict[str, Any]:
    mesh = solids.as_mesh(solid)
    consistent = bool(mesh.is_winding_consistent)
    watertight = bool(mesh.is_watertight)
    return {
        "area": _finite(float(mesh.area)),
        # Only a closed surface with one outside has a volume.
        "volume": _finite(float(mesh.volume)) if watertight and consistent else None,
        "watertight": watertight,
        "winding_consistent": consistent,
    }


def _finite(number: float) -> float | None:
    """Coordinates near the end of the scale square to infinity, which JSON cannot say."""
    return number if math.isfinite(number) else None


def _geometries(model: Model) -> list[dict[str, Any]]:
    return [
        _geometry(str(name), geometry)
        for name, geometry in list(model.scene.geometry.items())[:_LISTED]
    ]


def _geometry(name: str, geometry: Any) -> dict[str, Any]:
    visual: Any = getattr(geometry, "visual", None)
    kind = getattr(visual, "kind", None)
    return {
        "name": name,
        "vertices": len(getattr(geometry, "vertices", ())),
        "faces": len(getattr(geometry, "faces", ())),
        "material": getattr(getattr(visual, "material", None), "name", None),
        "texture_coordinates": getattr(visual, "uv", None) is not None,
        "colours": kind if kind in {"vertex", "face"} else None,
    }


def _material(material: Any) -> dict[str, Any]:
    colour = getattr(material, "main_color", None)
    return {
        "name": getattr(material, "name", None),
        "colour": None if colour is None else [int(part) for part in colour],
        "alpha_mode": getattr(material, "alphaMode", None),
        "double_sided": bool(getattr(material, "doubleSided", False)),
    }


def _document(document: gltf.Json) -> dict[str, Any]:
    """What only a glTF tells."""
    animations = document.get("animations", [])
    return {
        "nodes": len(document.get("nodes", [])),
        "animations": [
            {"name": item.get("name"), "channels": len(item.get("channels", []))}
            for item in animations[:_LISTED]
        ],
        "skins": len(document.get("skins", [])),
        "cameras": len(document.get("cameras", [])),
        "extensions": sorted(document.get("extensionsUsed", [])),
        "generator": document.get("asset", {}).get("generator"),
    }
