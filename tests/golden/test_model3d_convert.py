"""Converted models have the shape, and what else the format can hold, of their sources."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from golden.mesh_samples import box, glb, textured, triangle
from mediakiln.model.errors import BadMedia
from mediakiln.operations.model3d.convert import convert
from mediakiln.operations.model3d.inspect import inspect
from mediakiln.ports.operation import Context

TYPES = {"glb": "model/gltf-binary", "obj": "model/obj", "stl": "model/stl", "ply": "model/ply"}


def _info(path: Path) -> dict[str, Any]:
    folder = path.parent / f"info-{path.name}"
    folder.mkdir()
    inspect.run(path, {}, folder, Context(TYPES[path.suffix[1:]]))
    return dict(json.loads((folder / "info.json").read_text()))


def _document(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    return dict(json.loads(data[20 : 20 + length]))


@pytest.mark.parametrize("before", ["glb", "obj", "stl", "ply"])
@pytest.mark.parametrize("after", ["glb", "obj", "stl", "ply"])
@pytest.mark.parametrize("text", [False, True])
def test_a_box_stays_a_box(before: str, after: str, text: bool, out: Path, tmp_path: Path) -> None:
    source = box(tmp_path / f"box.{before}")
    params = {"format": after, "scale": 2.0, "text": text}
    made = convert.run(source, params, out, Context(TYPES[before]))
    info = _info(out / made[0].file)
    assert info["volume"] == pytest.approx(48.0, rel=1e-6)
    assert info["area"] == pytest.approx(88.0, rel=1e-6)
    assert info["extents"] == pytest.approx([2.0, 4.0, 6.0], rel=1e-6)
    assert (info["watertight"], info["components"], info["faces"]) == (True, 1, 12)
    assert made[0].metadata["extents"] == pytest.approx([2.0, 4.0, 6.0])


def test_turning_moves_up_from_one_axis_to_the_other(out: Path, tmp_path: Path) -> None:
    cone = trimesh.creation.cone(radius=1, height=5)
    cone.export(tmp_path / "cone.stl")
    params = {"format": "stl", "up": "z_to_y"}
    convert.run(tmp_path / "cone.stl", params, out, Context("model/stl"))
    turned = trimesh.load_mesh(out / "model.stl")
    tip = turned.vertices[turned.vertices[:, 1].argmax()]
    assert tip == pytest.approx([0, 5, 0], abs=1e-6)
    assert turned.volume > 0, "the surface was turned inside out"


def test_textures_go_into_an_obj_byte_for_byte(out: Path, tmp_path: Path) -> None:
    source = textured(tmp_path / "two.glb")
    made = convert.run(source, {"format": "obj"}, out, Context(TYPES["glb"]))
    names = [item.file for item in made]
    assert names[:2] == ["model.obj", "model.mtl"]
    assert [Path(name).name for name in names] == names, "links must stay in the folder"
    (picture,) = [name for name in names if name.endswith(".jpeg")]
    assert (out / picture).read_bytes() in source.read_bytes()
    loaded = trimesh.load_scene(out / "model.obj")
    quad = next(item for item in loaded.geometry.values() if len(item.faces) == 2)
    assert sorted(quad.visual.uv.tolist()) == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert quad.visual.material.image.size == (16, 16)
    assert quad.visual.material.diffuse.tolist() == [255, 255, 255, 255]
    colours = {tuple(item.visual.material.diffuse[:3]) for item in loaded.geometry.values()}
    assert (255, 0, 0) in colours


def test_names_from_the_file_cannot_write_lines_or_paths(out: Path, tmp_path: Path) -> None:
    source = textured(tmp_path / "two.glb")
    assert _document(source)["materials"][1]["name"] == "le/af\n../x"
    made = convert.run(source, {"format": "obj"}, out, Context(TYPES["glb"]))
    assert {item.file for item in made} == {path.name for path in out.iterdir()}
    library = (out / "model.mtl").read_text()
    assert {line.split(" ")[0] for line in library.split("\n") if line} <= {
        *("newmtl", "Ka", "Kd", "Ks", "Ns", "map_Kd"),
    }


def test_colours_go_into_a_ply(out: Path, tmp_path: Path) -> None:
    source = textured(tmp_path / "two.glb")
    convert.run(source, {"format": "ply"}, out, Context(TYPES["glb"]))
    loaded: Any = trimesh.load_mesh(out / "model.ply", process=False)
    colours = loaded.visual.vertex_colors[:, :3].astype(int)
    flat = loaded.vertices[:, 2] == 0
    assert flat.sum() == 4
    assert np.abs(colours[~flat] - [255, 0, 0]).max() == 0
    assert np.abs(colours[flat] - [20, 200, 60]).max() <= 6


def test_a_glb_that_needs_nothing_is_passed_on(out: Path, tmp_path: Path) -> None:
    document, binary = triangle()
    document["animations"] = [{"channels": [], "samplers": []}]
    source = glb(tmp_path / "moving.glb", document, binary)
    (same,) = convert.run(source, {}, out, Context(TYPES["glb"]))
    assert (out / same.file).read_bytes() == source.read_bytes()
    assert "lost" not in same.metadata
    (scaled,) = convert.run(source, {"scale": 3.0}, out, Context(TYPES["glb"]))
    assert scaled.metadata["lost"] == ["animations"]


def test_welding_shares_the_corners_of_an_stl(out: Path, tmp_path: Path) -> None:
    source = box(tmp_path / "box.stl")
    for weld, corners in ((True, 8), (False, 36)):
        convert.run(source, {"format": "glb", "weld": weld}, out, Context("model/stl"))
        (mesh,) = trimesh.load_scene(out / "model.glb", process=False).geometry.values()
        assert len(mesh.vertices) == corners


def test_vertices_that_are_not_finite_are_left_out(out: Path, tmp_path: Path) -> None:
    source = tmp_path / "broken.ply"
    header = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\n"
    header += "property float z\nelement face 2\nproperty list uchar int vertex_indices\nend_header"
    source.write_text(f"{header}\n0 0 0\n1 0 0\n0 1 0\nnan inf 1\n3 0 1 2\n3 1 2 3\n")
    for after in ("glb", "obj", "stl", "ply"):
        made = convert.run(source, {"format": after}, out, Context("model/ply"))
        assert _info(out / made[0].file)["faces"] == 1
        assert (out / made[0].file).exists()


def test_points_go_where_points_can_be(out: Path, tmp_path: Path) -> None:
    source = tmp_path / "points.ply"
    header = "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\n"
    source.write_text(f"{header}property float z\nend_header\n0 0 0\n1 2 3\n")
    for after in ("glb", "ply"):
        (made,) = convert.run(source, {"format": after}, out, Context("model/ply"))
        assert _info(out / made.file)["points"] == 2
    for after in ("obj", "stl"):
        with pytest.raises(BadMedia):
            convert.run(source, {"format": after}, out, Context("model/ply"))
