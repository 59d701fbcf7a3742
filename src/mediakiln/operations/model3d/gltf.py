"""glTF 2.0 documents, checked before anything is loaded.

Every buffer, view, accessor and node index must lie inside the file, and no URI may lead out
of it. https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mediakiln.model.errors import BadMedia, ModelUnavailable, UnsupportedMedia
from mediakiln.operations.model3d.limits import (
    MAX_DEPTH,
    MAX_DRAWN,
    MAX_ELEMENTS,
    MAX_JSON_BYTES,
    MAX_NODES,
    at_most,
)

Json = Mapping[str, Any]

_HEADER = struct.Struct("<4sII")
_CHUNK = struct.Struct("<II")
_JSON_CHUNK = 0x4E4F534A
_BIN_CHUNK = 0x004E4942
_COMPONENT_BYTES = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}
_COMPONENTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_COMPRESSED = frozenset({"KHR_draco_mesh_compression", "EXT_meshopt_compression"})
_GEOMETRY = ("POSITION", "TEXCOORD_0")


class Document(NamedTuple):
    """A glTF's JSON, and the length in bytes of the GLB's own buffer (None without one)."""

    json: Json
    binary: int | None


def read(source: Path, *, binary: bool) -> Document:
    """The JSON of a GLB (`binary`) or of a glTF text file.

    Raises:
        BadMedia: it is not glTF 2.0, or was cut short.
        LimitExceeded: its JSON is too big.
    """
    size = source.stat().st_size
    with source.open("rb") as file:
        if not binary:
            at_most(MAX_JSON_BYTES, size, "bytes of JSON")
            return Document(_parse(file.read()), None)
        magic, version, length = _unpack(_HEADER, file.read(_HEADER.size))
        if magic != b"glTF" or version != 2:  # noqa: PLR2004 - glTF 2.0
            raise BadMedia("it is not a binary glTF 2.0 file", value=version)
        if length > size:
            raise BadMedia(
                f"it was cut short: {length} bytes are announced, {size} are there",
                limit=size,
                value=length,
            )
        json_length, kind = _unpack(_CHUNK, file.read(_CHUNK.size))
        if kind != _JSON_CHUNK:
            raise BadMedia("its first chunk is not JSON")
        at_most(MAX_JSON_BYTES, json_length, "bytes of JSON")
        document = _parse(file.read(json_length))
        return Document(document, _binary_length(file.read(_CHUNK.size), size - file.tell()))


def check(document: Document) -> None:
    """Refuse what would read outside the file or explode in memory.

    Raises:
        BadMedia: an index or an offset is out of range, or a URI leads out of the file.
        LimitExceeded: there are more vertices, faces or nodes than are allowed.
        ModelUnavailable: its geometry is compressed by a codec that is not installed.
        UnsupportedMedia: it uses a form of accessor that is not read.
    """
    try:
        _extensions(document.json)
        buffers = _buffers(document)
        views = _views(document.json, buffers)
        _accessors(document.json, views)
        faces = _primitives(document.json)
        _nodes(document.json, faces)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise BadMedia(f"its glTF structure is wrong: {error!r}") from error


def _unpack(form: struct.Struct, data: bytes) -> tuple[Any, ...]:
    if len(data) < form.size:
        raise BadMedia("it ends inside its header")
    return form.unpack(data)


def _binary_length(header: bytes, left: int) -> int | None:
    if len(header) < _CHUNK.size:
        return None
    length, kind = _CHUNK.unpack(header)
    if kind != _BIN_CHUNK:
        return None
    if length > left:
        raise BadMedia(
            f"its binary chunk was cut short: {length} bytes are announced, {left} are there",
            limit=left,
            value=length,
        )
    return int(length)


def _parse(text: bytes) -> Json:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadMedia(f"its JSON cannot be read: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("asset"), dict):
        raise BadMedia("its JSON is not a glTF document")
    return document


def _extensions(document: Json) -> None:
    compressed = sorted(_COMPRESSED & set(document.get("extensionsUsed", [])))
    if compressed:
        raise ModelUnavailable(
            f"its geometry is compressed ({', '.join(compressed)}), which is not installed",
            hint="export it without mesh compression",
        )


def _inside(uri: Any, what: str) -> str:
    """A URI that holds its own data; any other leads out of the file."""
    if not isinstance(uri, str) or not uri.startswith("data:"):
        raise BadMedia(
            f"its {what} lies in another file ({str(uri)[:80]!r}), which is not read",
            hint="save it as one file (GLB)",
        )
    return uri


def _buffers(document: Document) -> list[int]:
    """The bytes that each buffer really has."""
    lengths = []
    for index, buffer in enumerate(document.json.get("buffers", [])):
        if "uri" in buffer:
            length = len(_inside(buffer["uri"], "buffer").partition(",")[2]) * 3 // 4
        elif index == 0 and document.binary is not None:
            length = document.binary
        else:
            raise BadMedia(f"buffer {index} has no data")
        lengths.append(length)
    for image in document.json.get("images", []):
        if "uri" in image:
            _inside(image["uri"], "texture")
    return lengths


def _views(document: Json, buffers: list[int]) -> list[int]:
    """The length of each view, all inside their buffers."""
    lengths = []
    for index, view in enumerate(document.get("bufferViews", [])):
        start, length = _count(view.get("byteOffset", 0)), _count(view["byteLength"])
        if start + length > buffers[_count(view["buffer"])]:
            raise BadMedia(f"buffer view {index} reaches beyond its buffer", value=start + length)
        lengths.append(length)
    for image in document.get("images", []):
        if "bufferView" in image:
            _ = lengths[_count(image["bufferView"])]
    return lengths


def _accessors(document: Json, views: list[int]) -> None:
    for index, accessor in enumerate(document.get("accessors", [])):
        count = _count(accessor["count"])
        at_most(MAX_ELEMENTS, count, f"elements in accessor {index}")
        if "bufferView" not in accessor:
            continue
        view = _count(accessor["bufferView"])
        one = _COMPONENT_BYTES[accessor["componentType"]] * _COMPONENTS[accessor["type"]]
        stride = _count(document["bufferViews"][view].get("byteStride", 0)) or one
        end = _count(accessor.get("byteOffset", 0)) + (stride * (count - 1) + one if count else 0)
        if end > views[view]:
            raise BadMedia(
                f"accessor {index} reaches beyond its buffer view", limit=views[view], value=end
            )


def _primitives(document: Json) -> list[int]:
    """How many corners each mesh draws."""
    accessors = document.get("accessors", [])
    drawn = []
    for mesh in document.get("meshes", []):
        corners = 0
        for primitive in mesh["primitives"]:
            attributes = primitive["attributes"]
            for name, index in attributes.items():
                _readable(accessors[_count(index)], name)
            if "indices" in primitive:
                indices = accessors[_count(primitive["indices"])]
                _readable(indices, "indices")
                corners += indices["count"]
            elif "POSITION" in attributes:
                corners += accessors[attributes["POSITION"]]["count"]
        drawn.append(corners)
    return drawn


def _readable(accessor: Json, name: str) -> None:
    if "sparse" in accessor:
        raise UnsupportedMedia(f"its {name} are stored sparsely, which is not read")
    if accessor.get("normalized") and name in _GEOMETRY:
        raise UnsupportedMedia(
            f"its {name} are stored as normalized integers, which is not read",
            hint="export it without quantization",
        )


def _nodes(document: Json, corners: list[int]) -> None:
    """Nodes must form trees, as the specification says, of a bounded size when drawn."""
    nodes = document.get("nodes", [])
    at_most(MAX_NODES, len(nodes), "nodes")
    children = [[_count(child) for child in node.get("children", [])] for node in nodes]
    flat = [child for some in children for child in some]
    if len(set(flat)) != len(flat):
        raise BadMedia("a node has two parents")
    roots = [root for scene in document.get("scenes", []) for root in scene.get("nodes", [])]
    drawn = 0
    for node, depth in _walk(children, set(map(_count, roots)) or set(range(len(nodes)))):
        at_most(MAX_DEPTH, depth, "levels of nodes")
        if "mesh" in nodes[node]:
            drawn += corners[_count(nodes[node]["mesh"])] // 3
    at_most(MAX_DRAWN, drawn, "faces once all instances are drawn")


def _walk(children: list[list[int]], roots: set[int]) -> Iterator[tuple[int, int]]:
    """(node, depth) of everything below the roots.

    With one parent each, only a ring that no root leads to could go on for ever; a root
    inside a ring would meet itself.
    """
    waiting = [(root, 1) for root in roots]
    seen: set[int] = set()
    while waiting:
        node, depth = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        yield node, depth
        for child in children[node]:
            if child in seen and child in roots:
                raise BadMedia("a scene's root is another node's child")
            waiting.append((child, depth + 1))


def _count(value: Any) -> int:
    """A whole number from 0: Python would take a negative index from the other end."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is not a count or an index")
    return value
