"""Small models whose every measure is known."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from PIL import Image

BOX = (1.0, 2.0, 3.0)
"""Extents of the box: volume 6, area 22."""


def box(target: Path) -> Path:
    """A closed box, in the format of the target's name."""
    trimesh.creation.box(extents=BOX).export(target)
    return target


def textured(target: Path) -> Path:
    """A GLB of a quad with a JPEG texture, beside a plain red box without texture coordinates."""
    image = Image.fromarray(np.tile(np.array([[20, 200, 60]], np.uint8), (16, 16, 1)))
    image.save(target.with_suffix(".jpg"), quality=80)
    picture = Image.open(target.with_suffix(".jpg"))
    visual: Any = trimesh.visual
    quad = trimesh.Trimesh(
        [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]], process=False
    )
    quad.visual = visual.TextureVisuals(
        uv=np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float),
        material=visual.material.PBRMaterial(name="le/af\n../x", baseColorTexture=picture),
    )
    crate = trimesh.creation.box()
    crate.visual = visual.TextureVisuals(
        material=visual.material.PBRMaterial(name="red", baseColorFactor=[255, 0, 0, 255])
    )
    scene: Any = trimesh.Scene()
    scene.add_geometry(crate, geom_name="crate", node_name="crate")
    scene.add_geometry(quad, geom_name="quad", node_name="quad")
    target.write_bytes(scene.export(file_type="glb"))
    return target


def glb(target: Path, document: dict[str, Any], binary: bytes = b"") -> Path:
    """A GLB of any JSON and bytes."""
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
    if binary:
        chunks += struct.pack("<II", len(binary), 0x004E4942) + binary
    target.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)
    return target


def triangle() -> tuple[dict[str, Any], bytes]:
    """The JSON and the bytes of one sound triangle, to be spoilt."""
    binary = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4").tobytes()
    binary += np.array([0, 1, 2, 0], "<u2").tobytes()
    document: dict[str, Any] = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5123, "count": 3, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": 36},
            {"buffer": 0, "byteOffset": 36, "byteLength": 6},
        ],
        "buffers": [{"byteLength": 44}],
    }
    return document, binary
