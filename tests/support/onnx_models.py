"""Tiny ONNX models, written as protocol buffers by hand: the mean of each colour is its score.

Field numbers are those of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COLOURS = ("red", "green", "blue")
FLOAT, UINT8, INT64, FLOAT16 = 1, 2, 7, 10


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _number(number << 3) + _number(value)
    raw = value.encode() if isinstance(value, str) else value
    return _number(number << 3 | 2) + _number(len(raw)) + raw


def _node(op: str, source: str, target: str, attribute: bytes = b"") -> bytes:
    parts = _field(1, source) + _field(2, target) + _field(4, op)
    return parts + (_field(5, attribute) if attribute else b"")


def _tensor(name: str, element: int, shape: Sequence[int]) -> bytes:
    sides = b"".join(_field(1, _field(1, side)) for side in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, element) + _field(2, sides)))


def mean_of_colours(
    width: int = 8, height: int = 8, *, layout: str = "NCHW", element: int = FLOAT
) -> bytes:
    """A model with one image as its input and the means of the three channels as its output."""
    shape = (1, 3, height, width) if layout == "NCHW" else (1, height, width, 3)
    nodes = [_node("Cast", "image", "cast", _field(1, "to") + _field(3, 1) + _field(20, 2))]
    last = "cast"
    if layout == "NHWC":
        order = b"".join(_field(8, axis) for axis in (0, 3, 1, 2))
        nodes.append(_node("Transpose", last, "turned", _field(1, "perm") + order + _field(20, 7)))
        last = "turned"
    nodes.append(_node("GlobalAveragePool", last, "pooled"))
    nodes.append(_node("Flatten", "pooled", "means"))
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, "means")
    graph += _field(11, _tensor("image", element, shape)) + _field(
        12, _tensor("means", FLOAT, (1, 3))
    )
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))


def model_folder(
    folder: Path, labels: Sequence[str] = COLOURS, model: bytes | None = None, **described: Any
) -> Path:
    """A folder as MEDIAKILN_LABEL_MODELS names it; `described` goes into its model.json."""
    folder.mkdir(parents=True, exist_ok=True)
    said = {"width": 8, "height": 8, "activation": "none", **described}
    made = {name: said[name] for name in ("width", "height", "layout") if name in said}
    (folder / "model.onnx").write_bytes(mean_of_colours(**made) if model is None else model)
    (folder / "labels.txt").write_text("\n".join(labels) + "\n")
    (folder / "model.json").write_text(json.dumps(said))
    return folder
