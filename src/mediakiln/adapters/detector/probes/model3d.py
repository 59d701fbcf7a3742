"""3D formats that are text, or binary without a signature."""

import math
import re
import struct
from itertools import islice

from mediakiln.adapters.detector.probes.window import Window, found, guessing, le, likely, refuse
from mediakiln.model.kind import Kind
from mediakiln.ports.detector import Detection

_STL_HEADER, _STL_FACET = 84, 50
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+|nan|inf)(?:[eE][-+]?\d+)?"
_OBJ_LINE = re.compile(
    rf"(?:#.*|v(?:[ \t]+{_NUMBER}){{3,8}}|vt(?:[ \t]+{_NUMBER}){{1,3}}|vn(?:[ \t]+{_NUMBER}){{3}}"
    r"|(?:f|l|p|fo)(?:[ \t]+-?\d+(?:/-?\d*){0,2})+"
    r"|(?:g|o|s|usemtl|mtllib|usemap|maplib|mg|lod|bevel|c_interp|d_interp)(?:[ \t].*)?"
    r"|(?:vp|cstype|deg|curv2?|surf|parm|trim|hole|end|bmat|step)(?:[ \t].*)?"
    r")[ \t]*\\?"
)
_OBJ_LINES = 200
_FAR = 1e9
_OFF = re.compile(r"(?:ST)?C?N?4?n?OFF(?: BINARY)?")
_OFF_COUNTS = re.compile(r"\d+[ \t]+\d+([ \t]+\d+)?")
_STL_TEXT = re.compile(r"\s*solid\b[^\n]{0,1000}\n\s*(?:facet\s+normal|endsolid)\b", re.IGNORECASE)


def glb(window: Window) -> Detection | None:
    """Binary glTF, versions 1 and 2."""
    known = le(window.peek(4, 4)) in {1, 2}
    return found("model/gltf-binary", Kind.MODEL3D) if known else None


def binary_stl(window: Window) -> Detection | None:
    """Binary STL has no signature: the number of facets must make up the file's very size."""
    header = window.peek(0, _STL_HEADER + _STL_FACET)
    facets = le(header[80:84])
    expected = _STL_HEADER + _STL_FACET * facets
    if len(header) < _STL_HEADER or b"\0" not in header:
        return None
    stl = found("model/stl", Kind.MODEL3D, facets=facets)
    if window.size is not None:
        return stl if window.size == expected else None
    if expected < len(window.head) or not _plausible(header[_STL_HEADER:]):
        return None
    with guessing(stl):
        window.end()
    return None


def _plausible(facet: bytes) -> bool:
    """Whether the first facet is of finite numbers that a modeller would write."""
    if len(facet) < _STL_FACET:
        return False
    numbers = struct.unpack("<12f", facet[:48])
    return all(math.isfinite(number) and abs(number) < _FAR for number in numbers)


def text_model(content: str, suffix: str) -> Detection | None:
    """STL, OFF and OBJ as text; a material library is recognised, and refused."""
    if _STL_TEXT.match(content):
        return found("model/stl", Kind.MODEL3D)
    first, second = _first_statements(content)
    if _OFF.fullmatch(first) and _OFF_COUNTS.fullmatch(second):
        return found("model/off", Kind.MODEL3D)  # not registered, as model/ply is not
    if first.startswith(("newmtl ", "newmtl\t")):
        return refuse("model/mtl", "A material library is no model: upload the OBJ file.")
    return likely("model/obj", Kind.MODEL3D) if _is_obj(content, suffix) else None


def _first_statements(content: str) -> tuple[str, str]:
    """The first two lines that are neither empty nor comments."""
    lines = (line.strip() for line in content[: 16 * 1024].splitlines())
    statements = [*islice((line for line in lines if line and line[0] != "#"), 2), "", ""]
    return statements[0], statements[1]


def _is_obj(content: str, suffix: str) -> bool:
    """Whether every line is one of OBJ's and some line draws; a name settles an empty scene."""
    lines = content[: 16 * 1024].splitlines()
    if len(content) > 16 * 1024:
        lines = lines[:-1]
    draws = suffix == ".obj"
    for number, line in enumerate(lines):
        text = line.strip()
        if not text:
            continue
        if not _OBJ_LINE.fullmatch(text):
            return False
        draws = draws or text.startswith(("v ", "v\t", "mtllib "))
        if draws and number > _OBJ_LINES:
            break
    return draws and bool(content.strip())
