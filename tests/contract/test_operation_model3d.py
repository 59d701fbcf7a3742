"""The operations on models keep the contract of operations."""

from pathlib import Path

from golden.av_samples import cut
from golden.mesh_samples import box, glb, textured, triangle
from mediakiln.operations.model3d.convert import convert
from mediakiln.operations.model3d.inspect import inspect
from mediakiln.testing.operation import OperationContract, Sample


def _box(suffix: str, folder: Path) -> Path:
    return box(folder / f"box.{suffix}")


def _glb(folder: Path) -> Path:
    return textured(folder / "two.glb")


def _obj(folder: Path) -> Path:
    return _box("obj", folder)


def _stl(folder: Path) -> Path:
    return _box("stl", folder)


def _ply(folder: Path) -> Path:
    return _box("ply", folder)


def _cut_stl(folder: Path) -> Path:
    return cut(_stl(folder), 0.7)


def _outside(folder: Path) -> Path:
    document, binary = triangle()
    document["buffers"] = [{"byteLength": 44, "uri": "../../etc/hostname"}]
    return glb(folder / "outside.glb", document, binary)


def _off(folder: Path) -> Path:
    path = folder / "huge.off"
    path.write_text("OFF\n353535235358 1 0\n0 0 0\n")
    return path


BAD = (
    Sample(_cut_stl, "model/stl"),
    Sample(_outside, "model/gltf-binary"),
    Sample(_off, "model/off"),
)


class TestModel3dInspect(OperationContract):
    operation = inspect
    good = (
        Sample(_glb, "model/gltf-binary"),
        Sample(_obj, "model/obj"),
        Sample(_stl, "model/stl"),
        Sample(_ply, "model/ply"),
    )
    bad = BAD


class TestModel3dConvert(OperationContract):
    operation = convert
    good = (
        Sample(_glb, "model/gltf-binary", {"format": "obj"}),
        Sample(_glb, "model/gltf-binary", {"format": "glb", "scale": 2.0, "up": "y_to_z"}),
        Sample(_stl, "model/stl", {"format": "glb"}),
        Sample(_obj, "model/obj", {"format": "ply", "text": True}),
        Sample(_ply, "model/ply", {"format": "stl"}),
    )
    bad = BAD
