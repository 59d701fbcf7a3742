"""All of a scene as one plain mesh in world space, and what can be measured of it."""

from typing import TYPE_CHECKING, Any, NamedTuple

from mediakiln.operations.model3d.limits import MAX_DRAWN, at_most

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vertices = npt.NDArray[np.float64]
    Faces = npt.NDArray[np.int64]


class Solid(NamedTuple):
    """Every instance of every mesh, each mesh's corners welded, parts not welded together."""

    vertices: "Vertices"
    """(n, 3), finite."""
    faces: "Faces"
    """(m, 3), none that names a vertex which was not finite."""
    points: "Vertices"
    """(k, 3): points and line ends that no face uses."""
    dropped_vertices: int
    """Vertices with a coordinate that is not a number or not finite."""
    dropped_faces: int
    """Faces that named one of those."""
    instances: int


class _Part(NamedTuple):
    vertices: "Vertices"
    faces: "Faces"
    points: "Vertices"
    dropped_vertices: int
    dropped_faces: int


def flatten(scene: Any) -> Solid:
    """Lay out a `trimesh.Scene`.

    Raises:
        LimitExceeded: its instances draw more faces than are allowed.
    """
    import numpy as np

    parts = {name: _part(geometry) for name, geometry in scene.geometry.items()}
    placed = [scene.graph[node] for node in scene.graph.nodes_geometry]
    at_most(
        MAX_DRAWN,
        sum(len(parts[name].faces) for _, name in placed),
        "faces once all instances are drawn",
    )
    vertices, faces, points = [], [], []
    offset = 0
    for matrix, name in placed:
        part = parts[name]
        vertices.append(_moved(part.vertices, matrix))
        turned = np.linalg.det(matrix[:3, :3]) < 0
        faces.append((part.faces[:, ::-1] if turned else part.faces) + offset)
        points.append(_moved(part.points, matrix))
        offset += len(part.vertices)
    return Solid(
        np.concatenate([np.empty((0, 3)), *vertices]),
        np.concatenate([np.empty((0, 3), np.int64), *faces]),
        np.concatenate([np.empty((0, 3)), *points]),
        sum(parts[name].dropped_vertices for _, name in placed),
        sum(parts[name].dropped_faces for _, name in placed),
        len(placed),
    )


def as_mesh(solid: Solid) -> Any:
    """The solid as a `trimesh.Trimesh`."""
    import trimesh

    return trimesh.Trimesh(solid.vertices, solid.faces, process=False, validate=False)


def components(solid: Solid) -> int:
    """How many separate pieces the faces make (connected by shared vertices).

    Labels sink to the lowest vertex they touch, halving their way by pointer jumping.
    """
    import numpy as np

    if not len(solid.faces):
        return 0
    label = np.arange(len(solid.vertices))
    one, other = solid.faces[:, [0, 1]].ravel(), solid.faces[:, [1, 2]].ravel()
    while True:
        lowest = np.minimum(label[one], label[other])
        sunk = label.copy()
        np.minimum.at(sunk, label[one], lowest)
        np.minimum.at(sunk, label[other], lowest)
        while not np.array_equal(jumped := sunk[sunk], sunk):
            sunk = jumped
        if np.array_equal(sunk, label):
            return len(np.unique(label[solid.faces[:, 0]]))
        label = sunk


def degenerate(solid: Solid) -> int:
    """How many faces have no area: two corners at one vertex, or all three on one line."""
    import numpy as np

    if not len(solid.faces):
        return 0
    corners = solid.vertices[solid.faces]
    with np.errstate(over="ignore", invalid="ignore"):
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return int((~np.any(normal, axis=1)).sum())


def _part(geometry: Any) -> _Part:
    import numpy as np

    vertices = np.asarray(getattr(geometry, "vertices", np.empty((0, 3))), float)
    if vertices.ndim != 2 or vertices.shape[1] != 3:  # noqa: PLR2004 - x, y, z
        vertices = np.empty((0, 3))
    faces = np.asarray(getattr(geometry, "faces", np.empty((0, 3))), np.int64).reshape(-1, 3)
    finite = np.isfinite(vertices).all(axis=1)
    whole = finite[faces].all(axis=1) if len(faces) else np.empty(0, bool)
    lost = int((~finite).sum()), int((~whole).sum())
    faces = faces[whole]
    nothing = np.empty((0, 3))
    if not len(faces):
        return _Part(nothing, faces, vertices[finite], *lost)
    used, faces = _weld(vertices, faces)
    return _Part(used, faces, nothing, *lost)


def _weld(vertices: "Vertices", faces: "Faces") -> "tuple[Vertices, Faces]":
    """Only the vertices that faces use, those in one cell of a grid made one.

    The grid has 2**20 steps along the largest extent, about as fine as 32-bit floats store.
    """
    import numpy as np

    corners = vertices[faces.ravel()]
    # Quarters, since the span of two huge coordinates may not be a number.
    quarters = corners / 4
    low = quarters.min(axis=0)
    span = float((quarters.max(axis=0) - low).max()) or 1.0
    cell = np.rint((quarters - low) / span * 2**20).astype(np.int64)
    key = (cell[:, 0] << 42) | (cell[:, 1] << 21) | cell[:, 2]
    _, first, index = np.unique(key, return_index=True, return_inverse=True)
    return corners[first], index.reshape(-1, 3).astype(np.int64)


def _moved(vertices: "Vertices", matrix: Any) -> "Vertices":
    import numpy as np

    moved: Vertices = vertices @ np.asarray(matrix)[:3, :3].T + np.asarray(matrix)[:3, 3]
    return moved
