"""What one of the operator's models makes of an image: run here, or asked outside the sandbox."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediakiln.operations.image.recognise.label_model import LabelModel
from mediakiln.ports.operation import Context
from mediakiln.ports.recogniser import Wanted

if TYPE_CHECKING:
    from mediakiln.operations.image.recognise.seen import Still


@dataclass(frozen=True, slots=True)
class Opinion:
    """Confidences, 0 to 1, by label."""

    labels: Mapping[str, float]
    unsafe: Mapping[str, float] | None = None
    """Of labels that make the image unsafe; None where the model knows of none."""
    worry: float = 0.0
    """How likely something unsafe is seen."""


def opinion(name: str, model: Mapping[str, Any], image: "Still", context: Context) -> Opinion:
    """What the model says; `model` is as `Context.models` has it.

    Raises:
        ModelUnavailable: it cannot be used, or not from here.
        BadMedia: the image cannot be decoded.
        MediakilnError: what a model outside met.
    """
    if "wanted" in model:
        return _asked(name, Wanted(**model["wanted"]), image, context)
    return _run(name, Path(model["folder"]), image)


def _run(name: str, folder: Path, image: "Still") -> Opinion:
    from mediakiln.operations.image.recognise.onnx import OnnxRecogniser

    recogniser = OnnxRecogniser.load(name, folder)
    looks = recogniser.looks
    confidences = recogniser(image.fitted(looks.width, looks.height, looks.fit))
    if not looks.unsafe:
        return Opinion(confidences)
    unsafe = {label: confidences[label] for label in looks.unsafe}
    return Opinion(confidences, unsafe, _worry(looks, unsafe))


def _worry(looks: LabelModel, unsafe: Mapping[str, float]) -> float:
    """Of labels that exclude one another the chances add up; of others the surest counts."""
    return min(1.0, sum(unsafe.values())) if looks.one_of else max(unsafe.values())


def _asked(name: str, wanted: Wanted, image: "Still", context: Context) -> Opinion:
    with tempfile.TemporaryDirectory(prefix="asked-") as folder:
        path = Path(folder) / "image.jpg"
        path.write_bytes(image.jpeg(wanted))
        told = context.ask(name, path)
    unsafe: Mapping[str, float] | None = told["unsafe"]
    return Opinion(told["labels"], unsafe, max((unsafe or {}).values(), default=0.0))
