"""What inspect says of a model is so; what would explode is refused before it is loaded."""

import copy
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from golden.mesh_samples import box, glb, textured, triangle
from mediakiln.model.errors import (
    BadMedia,
    LimitExceeded,
    MediakilnError,
    ModelUnavailable,
    TooManyPixels,
    UnsupportedMedia,
)
from mediakiln.operations.model3d import limits
from mediakiln.operations.model3d.inspect import inspect
from mediakiln.ports.operation import Context

GLB = "model/gltf-binary"


@pytest.fixture
def told(out: Path) -> Callable[..., dict[str, Any]]:
    """Inspect a file and hand back what info.json says."""

    def call(source: Path, media_type: str, **context: Any) -> dict[str, Any]:
        inspect.run(source, {}, out, Context(media_type, **context))
        return dict(json.loads((out / "info.json").read_text()))

    return call


Told = Callable[..., dict[str, Any]]


def test_a_box_measures_what_it_is(told: Told, tmp_path: Path) -> None:
    info = told(box(tmp_path / "box.stl"), "model/stl")
    assert info["extents"] == [1.0, 2.0, 3.0]
    assert (info["volume"], info["area"]) == (pytest.approx(6.0), pytest.approx(22.0))
    assert (info["vertices"], info["faces"], info["components"]) == (8, 12, 1)
    assert info["watertight"]
    assert info["units"] is None


def test_an_open_surface_has_no_volume(told: Told, tmp_path: Path) -> None:
    whole = trimesh.creation.box()
    whole.update_faces(np.arange(12) > 1)
    whole.export(tmp_path / "open.ply")
    info = told(tmp_path / "open.ply", "model/ply")
    assert (info["watertight"], info["volume"], info["area"]) == (False, None, pytest.approx(5.0))


def test_instances_are_counted_and_placed(told: Told, tmp_path: Path) -> None:
    scene: Any = trimesh.Scene()
    part = trimesh.creation.box()
    scene.geometry["part"] = part
    for number in range(5):
        place = np.eye(4)
        place[0, 3] = number * 3
        scene.graph.update(frame_to=f"n{number}", matrix=place, geometry="part")
    mirror = np.diag([-1.0, 1.0, 1.0, 1.0])
    mirror[0, 3] = -3
    scene.graph.update(frame_to="mirrored", matrix=mirror, geometry="part")
    (tmp_path / "row.glb").write_bytes(scene.export(file_type="glb"))
    info = told(tmp_path / "row.glb", GLB)
    assert (info["instances"], info["parts"], info["components"]) == (6, 1, 6)
    assert (info["faces"], info["volume"]) == (72, pytest.approx(6.0))
    assert info["extents"] == pytest.approx([16.0, 1.0, 1.0])
    assert (info["units"], info["up"]) == ("meters", "y")


def test_materials_and_textures_are_listed(told: Told, tmp_path: Path) -> None:
    info = told(textured(tmp_path / "two.glb"), GLB)
    assert info["textures"] == [
        {"use": "baseColorTexture", "width": 16, "height": 16, "format": "JPEG"}
    ]
    assert {item["name"] for item in info["materials"]} == {"red", "le/af\n../x"}
    assert [255, 0, 0, 255] in [item["colour"] for item in info["materials"]]


def test_files_named_by_an_obj_are_noted_and_not_read(told: Told, tmp_path: Path) -> None:
    (tmp_path / "real.mtl").write_text("newmtl a\nKd 1 0 0\nmap_Kd secret.png\n")
    source = tmp_path / "model.obj"
    source.write_text("mtllib real.mtl\nusemtl a\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    info = told(source, "model/obj")
    assert info["outside"] == ["real.mtl"]
    assert info["textures"] == []


@pytest.mark.parametrize(
    "text",
    [
        "ply\nformat ascii 1.0\nend_header\n",
        "ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nend_header\n",
    ],
)
def test_an_empty_model_is_described_as_empty(text: str, told: Told, tmp_path: Path) -> None:
    source = tmp_path / "empty.ply"
    source.write_text(text)
    info = told(source, "model/ply")
    assert (info["vertices"], info["faces"], info["bounds"], info["volume"]) == (0, 0, None, None)


def test_coordinates_that_are_not_numbers_are_counted(told: Told, tmp_path: Path) -> None:
    source = tmp_path / "odd.obj"
    source.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv nan 0 0\nf 1 2 3\nf 1 2 4\nf 1 1 2\n")
    info = told(source, "model/obj")
    assert (info["dropped_vertices"], info["dropped_faces"]) == (1, 1)
    assert (info["faces"], info["degenerate_faces"], info["extents"]) == (2, 1, [1.0, 1.0, 0.0])


def _spoil(**changes: Any) -> tuple[dict[str, Any], bytes]:
    """The triangle with `accessors_1_count=9` and the like set in its JSON."""
    document, binary = triangle()
    document = copy.deepcopy(document)
    for path, value in changes.items():
        *way, last = path.split("_")
        at: Any = document
        for step in way:
            at = at[int(step) if step.isdigit() else step]
        at[last] = value
    return document, binary


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"accessors_0_count": 99}, BadMedia),
        ({"accessors_0_count": -1}, BadMedia),
        ({"accessors_0_count": 10**12}, LimitExceeded),
        ({"accessors_0_bufferView": -1}, BadMedia),
        ({"bufferViews_0_byteLength": 10**9}, BadMedia),
        ({"bufferViews_1_byteOffset": -4}, BadMedia),
        ({"buffers": [{"byteLength": 4, "uri": "file:///etc/hostname"}]}, BadMedia),
        ({"buffers": [{"byteLength": 4, "uri": "http://127.0.0.1/x"}]}, BadMedia),
        ({"images": [{"uri": "../secret.png"}]}, BadMedia),
        ({"nodes": [{"mesh": 0, "children": [0]}]}, BadMedia),
        ({"nodes": [{"mesh": 5}]}, BadMedia),
        ({"meshes": [{"primitives": [{"attributes": {"POSITION": 7}}]}]}, BadMedia),
        ({"extensionsUsed": ["KHR_draco_mesh_compression"]}, ModelUnavailable),
        ({"accessors_0_sparse": {"count": 1}}, UnsupportedMedia),
        ({"accessors_0_normalized": True}, UnsupportedMedia),
        ({"asset": None}, BadMedia),
        ({"scenes": "x"}, BadMedia),
    ],
)
def test_a_gltf_that_lies_is_refused(
    changes: dict[str, Any], error: type[MediakilnError], told: Told, tmp_path: Path
) -> None:
    source = glb(tmp_path / "lie.glb", *_spoil(**changes))
    with pytest.raises(error) as refused:
        told(source, GLB)
    assert type(refused.value) is error


def test_the_unspoilt_triangle_is_taken(told: Told, tmp_path: Path) -> None:
    assert told(glb(tmp_path / "right.glb", *triangle()), GLB)["faces"] == 1


def test_a_face_of_a_vertex_that_is_not_there_is_refused(told: Told, tmp_path: Path) -> None:
    document, binary = triangle()
    source = glb(tmp_path / "lie.glb", document, binary[:36] + struct.pack("<4H", 0, 1, 900, 0))
    with pytest.raises(BadMedia):
        told(source, GLB)


def test_many_instances_of_a_mesh_are_counted_before_they_are_drawn(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, binary = triangle()
    document["nodes"] = [{"mesh": 0}] * 400
    document["scenes"] = [{"nodes": list(range(400))}]
    source = glb(tmp_path / "many.glb", document, binary)
    assert told(source, GLB)["faces"] == 400
    monkeypatch.setattr("mediakiln.operations.model3d.gltf.MAX_DRAWN", 399)
    with pytest.raises(LimitExceeded) as refused:
        told(source, GLB)
    assert (refused.value.context["limit"], refused.value.context["value"]) == (399, 400)


def test_a_deep_chain_of_nodes_is_refused(told: Told, tmp_path: Path) -> None:
    document, binary = triangle()
    deep = limits.MAX_DEPTH + 1
    document["nodes"] = [{"children": [n + 1]} for n in range(deep)] + [{"mesh": 0}]
    with pytest.raises(LimitExceeded):
        told(glb(tmp_path / "deep.glb", document, binary), GLB)


def test_json_nested_without_end_is_refused(told: Told, tmp_path: Path) -> None:
    source = tmp_path / "deep.gltf"
    source.write_text('{"asset":' + "[" * 200_000)
    with pytest.raises(BadMedia):
        told(source, "model/gltf+json")


def test_a_big_texture_is_refused(told: Told, tmp_path: Path) -> None:
    with pytest.raises(TooManyPixels):
        told(textured(tmp_path / "two.glb"), GLB, max_pixels=255)


@pytest.mark.parametrize(
    ("name", "media_type", "data"),
    [
        ("many.off", "model/off", b"OFF\n353535235358 0 0\n0 0 0\n"),
        ("none.off", "model/off", b"OFF\nhello\n"),
        ("minus.off", "model/off", b"OFF\n-3 1 0\n0 0 0\n"),
        ("many.stl", "model/stl", b"\0" * 80 + b"\xff\xff\xff\xff" + b"\0" * 50),
        (
            "many.ply",
            "model/ply",
            b"ply\nformat ascii 1.0\nelement vertex 19000000\nproperty float x\nend_header\n",
        ),
        ("odd.ply", "model/ply", b"ply\nformat ascii 1.0\nelement vertex many\nend_header\n"),
        ("open.ply", "model/ply", b"ply\nformat ascii 1.0\nelement vertex 3\n"),
        ("no.3mf", "model/3mf", b"PK\x03\x04 not an archive"),
    ],
)
def test_a_header_that_promises_too_much_is_refused(
    name: str, media_type: str, data: bytes, told: Told, tmp_path: Path
) -> None:
    source = tmp_path / name
    source.write_bytes(data)
    with pytest.raises((BadMedia, LimitExceeded)):
        told(source, media_type)


def test_a_zipped_model_that_swells_is_refused(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "bomb.3mf"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("3D/3dmodel.model", b" " * 5_000_000)
    monkeypatch.setattr("mediakiln.operations.model3d.headers.MAX_UNPACKED_BYTES", 4_000_000)
    with pytest.raises(LimitExceeded):
        told(source, "model/3mf")


def test_malformed_files_end_in_a_description_or_a_clear_error(told: Told, samples: Path) -> None:
    types = {".stl": "model/stl", ".obj": "model/obj", ".ply": "model/ply"}
    for source in sorted((samples / "malformed" / "model3d").iterdir()):
        info = told(source, types[source.suffix])
        assert info["faces"] == 0, source.name
        assert (info["points"] == 8) == ("points" in source.name or "wire" in source.name)


def test_real_models_are_measured(told: Told, samples: Path) -> None:
    folder = samples / "samples" / "model3d"
    duck = told(folder / "Duck.glb", GLB)
    assert (duck["faces"], duck["watertight"]) == (4212, True)
    truck = told(folder / "CesiumMilkTruck.glb", GLB)
    assert (truck["instances"], len(truck["animations"])) == (5, 1)
    part = told(folder / "featuretype.3MF", "model/3mf")
    assert (part["units"], part["extents"]) == ("inch", pytest.approx([5.0, 2.5, 1.375]))
