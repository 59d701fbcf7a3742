"""A trimesh scene made ready and written as files."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mediakiln.operations.model3d import solid as solids
from mediakiln.operations.model3d.load import materials, steady_names
from mediakiln.operations.model3d.solid import Solid

_WHITE = [255, 255, 255, 255]


def prepare(scene: Any, *, scale: float, up: str, weld: bool) -> None:
    """Drop what is not finite, weld, scale and turn, in place."""
    import numpy as np

    for geometry in scene.geometry.values():
        _drop_nonfinite(geometry)
        if weld and hasattr(geometry, "faces"):
            geometry.merge_vertices()
    turn = {
        "keep": np.eye(4),
        "y_to_z": np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]], float),
        "z_to_y": np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], float),
    }[up]
    matrix = turn @ np.diag([scale, scale, scale, 1.0])
    if not np.array_equal(matrix, np.eye(4)):
        scene.apply_transform(matrix)


def glb(scene: Any, out: Path) -> list[str]:
    """model.glb: binary glTF 2.0, materials and textures inside."""
    with steady_names():
        (out / "model.glb").write_bytes(scene.export(file_type="glb"))
    return ["model.glb"]


def stl(solid: Solid, out: Path, *, text: bool) -> list[str]:
    """model.stl: the shape alone."""
    mesh = solids.as_mesh(solid)
    made = mesh.export(file_type="stl_ascii" if text else "stl")
    (out / "model.stl").write_bytes(made.encode() if isinstance(made, str) else made)
    return ["model.stl"]


def ply(scene: Any, out: Path, *, text: bool) -> list[str]:
    """model.ply: the shape, with a colour for each vertex where the source had colours."""
    import trimesh

    parts = [_coloured(part) for part in _placed(scene)]
    meshes = [part for part in parts if hasattr(part, "faces")]
    whole: Any = trimesh.util.concatenate(meshes or parts)
    encoding = "ascii" if text else "binary"
    (out / "model.ply").write_bytes(whole.export(file_type="ply", encoding=encoding))
    return ["model.ply"]


def obj(scene: Any, out: Path) -> list[str]:
    """model.obj, and model.mtl and textures that it names, all in one folder."""
    import trimesh
    from trimesh.exchange import obj as writer

    # Names go into the files as words and as file names: plain ones only, each once.
    for number, material in enumerate(materials(scene), start=1):
        material.name = f"{_plain(material.name) or 'material'}-{number}"
        if getattr(material, "baseColorFactor", _WHITE) is None:
            # glTF's default; trimesh would darken the texture by OBJ's grey one.
            material.baseColorFactor = _WHITE
    whole = trimesh.Scene()
    # trimesh counts texture coordinates as it counts vertices, so parts with both come first.
    parts = [part for part in _placed(scene) if hasattr(part, "faces")]
    parts.sort(key=lambda part: getattr(part.visual, "uv", None) is None)
    for number, part in enumerate(parts, start=1):
        name = _plain(part.metadata.get("name"))
        whole.add_geometry(part, geom_name=f"{name or 'part'}-{number}")
    write: Any = writer.export_obj
    text, files = write(
        whole, return_texture=True, mtl_name="model.mtl", header=None, include_normals=False
    )
    (out / "model.obj").write_text(text, encoding="utf-8")
    for name, data in files.items():
        (out / name).write_bytes(data)
    return ["model.obj", *sorted(files, key=lambda name: (name != "model.mtl", name))]


def _placed(scene: Any) -> Iterator[Any]:
    """A copy of each instance's geometry, where it stands in the world."""
    for node in scene.graph.nodes_geometry:
        matrix, name = scene.graph[node]
        part = scene.geometry[name].copy()
        part.metadata["name"] = name
        part.apply_transform(matrix)
        yield part


def _coloured(part: Any) -> Any:
    """The part with vertex colours in place of its texture or material."""
    import numpy as np
    from trimesh.visual import ColorVisuals

    material = getattr(part.visual, "material", None)
    if material is None:
        return part
    if part.visual.uv is None:
        colours = np.tile(material.main_color, (len(part.vertices), 1))
    else:
        colours = material.to_color(part.visual.uv)
    part.visual = ColorVisuals(mesh=part, vertex_colors=colours)
    return part


def _drop_nonfinite(geometry: Any) -> None:
    import numpy as np

    finite = np.isfinite(geometry.vertices).all(axis=1)
    if finite.all():
        return
    if hasattr(geometry, "faces"):
        geometry.update_faces(finite[geometry.faces].all(axis=1))
        geometry.remove_unreferenced_vertices()
    else:
        colours = geometry.colors[finite] if len(geometry.colors) == len(finite) else None
        geometry.vertices = geometry.vertices[finite]
        if colours is not None:
            geometry.colors = colours


def _plain(name: Any) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", str(name or ""))[:60].strip("._")
