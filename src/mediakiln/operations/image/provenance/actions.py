"""What our operations are called among the actions of C2PA (Technical Specification 2.2, 18.14)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

Name = Literal[
    "c2pa.addedText",
    "c2pa.adjustedColor",
    "c2pa.converted",
    "c2pa.cropped",
    "c2pa.drawing",
    "c2pa.edited",
    "c2pa.edited.metadata",
    "c2pa.enhanced",
    "c2pa.filtered",
    "c2pa.orientation",
    "c2pa.published",
    "c2pa.repackaged",
    "c2pa.resized",
    "c2pa.resized.proportional",
    "c2pa.transcoded",
    "c2pa.translated",
    "c2pa.trimmed",
    "c2pa.unknown",
]
"""Those that may be given: the others need an ingredient or an assertion to point at."""

OPERATION: Final = "mediakiln.operation"
"""The parameter of an action that names the operation."""

_NAMES: Final[Mapping[str, Name]] = {
    "image.convert": "c2pa.converted",
    "image.crop": "c2pa.cropped",
    "image.resize": "c2pa.resized",
    "image.rotate": "c2pa.orientation",
    "image.trim": "c2pa.cropped",
}
_SHOWING: Final = frozenset(
    {"image.convert", "image.credentials", "image.pad", "image.resize", "image.rotate"}
)
"""Operations after which everything is still to be seen."""
_TONES: Final = frozenset(
    {"brightness", "contrast", "saturation", "hue", "gamma", "normalise", "grayscale", "duotone"}
)
_FILTERS: Final = frozenset({"sharpen", "blur", "pixelate"})


def of(steps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The actions of these steps, in their order; each step has `operation` and `params`."""
    made: list[dict[str, Any]] = []
    for step in steps:
        for operation, params in _single(str(step["operation"]), step.get("params") or {}):
            names = _names(operation, params)
            made += [{"action": name, "parameters": {OPERATION: operation}} for name in names]
    return made


def may_hide(steps: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any of these steps may leave out of sight what the image showed before."""
    return any(
        operation not in _SHOWING
        for step in steps
        for operation, _ in _single(str(step["operation"]), step.get("params") or {})
    )


def _single(operation: str, params: Mapping[str, Any]) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """The edits of a chain, or the one operation that it is."""
    if operation != "image.transform":
        return [(operation, params)]
    return [(str(edit.get("op")), edit) for edit in params.get("steps", ())]


def _names(operation: str, params: Mapping[str, Any]) -> list[Name]:
    if operation == "image.adjust":
        kinds: tuple[tuple[Name, frozenset[str]], ...] = (
            ("c2pa.adjustedColor", _TONES),
            ("c2pa.filtered", _FILTERS),
        )
        found = [name for name, fields in kinds if any(params.get(field) for field in fields)]
        return found or ["c2pa.edited"]
    if operation == "image.watermark" and params.get("text"):
        return ["c2pa.addedText"]
    return [_NAMES.get(operation, "c2pa.edited")]
