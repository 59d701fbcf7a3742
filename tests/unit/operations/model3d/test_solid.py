"""A scene laid out flat: welded, placed, and counted in pieces."""

from typing import Any

import numpy as np
import pytest
import trimesh

from mediakiln.operations.model3d.solid import components, degenerate, flatten


def _scene(*meshes: Any) -> Any:
    scene: Any = trimesh.Scene()
    for number, mesh in enumerate(meshes):
        scene.add_geometry(mesh, geom_name=f"g{number}", node_name=f"n{number}")
    return scene


@pytest.mark.parametrize("pieces", [1, 2, 7, 60])
def test_pieces_are_counted(pieces: int) -> None:
    spheres = []
    for number in range(pieces):
        sphere = trimesh.creation.icosphere(subdivisions=2)
        sphere.apply_translation([number * 3, 0, 0])
        spheres.append(sphere)
    whole: Any = trimesh.util.concatenate(spheres)
    order = np.random.default_rng(1).permutation(len(whole.faces))
    shuffled = trimesh.Trimesh(whole.vertices, whole.faces[order], process=False)
    assert components(flatten(_scene(shuffled))) == pieces


def test_a_long_strip_is_one_piece() -> None:
    steps = 5000
    x = np.repeat(np.arange(steps), 2).astype(float)
    strip = np.column_stack([x, np.tile([0.0, 1.0], steps), np.zeros(2 * steps)])
    corner = np.arange(2 * steps - 2)
    faces = np.column_stack([corner, corner + 1, corner + 2])
    mesh = trimesh.Trimesh(strip, faces, process=False)
    assert components(flatten(_scene(mesh))) == 1


def test_corners_within_float_precision_are_one() -> None:
    box = trimesh.creation.box()
    soup = box.vertices[box.faces.ravel()].astype(np.float32).astype(float)
    soup[::2] *= 1 + 1e-8
    mesh = trimesh.Trimesh(soup, np.arange(36).reshape(-1, 3), process=False)
    assert len(flatten(_scene(mesh)).vertices) == 8


def test_faces_without_area_are_counted() -> None:
    line = trimesh.Trimesh(
        [[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0]],
        [[0, 1, 2], [0, 1, 1], [0, 1, 3]],
        process=False,
    )
    assert degenerate(flatten(_scene(line))) == 2


def test_huge_coordinates_do_not_overflow() -> None:
    corners = np.array([[-1.5e308, 0, 0], [1.5e308, 0, 0], [0, 1, 0]])
    far = trimesh.Trimesh(corners, [[0, 1, 2]], process=False)
    solid = flatten(_scene(far))
    assert len(solid.faces) == 1
    assert components(solid) == 1
