"""`image.labels`: say what an image shows, and whether it is safe to show."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from pydantic import Field

from mediakiln.model.errors import InvalidRecipe, ModelUnavailable
from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.pixels.formats import ACCEPTS
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.operations.image.recognise.found import MAX_TOLD, Pixels
from mediakiln.operations.image.recognise.label_model import SETTING, LabelModel
from mediakiln.ports.operation import Context, OperationCapabilities, Params, operation


class LabelsParams(Params):
    """Which models are asked, and how sure they must be."""

    models: tuple[str, ...] = Field(
        default=(),
        max_length=16,
        description="Names of the operator's models; without any, all of them are asked.",
    )
    least_confidence: float = Field(
        default=0.2, ge=0.0, le=1.0, description="Labels with less confidence are left out."
    )
    most: int = Field(default=20, ge=1, le=MAX_TOLD, description="Labels of a model, at most.")


class Recogniser(Protocol):
    """Gives labels to an image that is prepared as it says."""

    @property
    def name(self) -> str:
        """As the operator calls it."""
        ...

    @property
    def looks(self) -> LabelModel:
        """How it wants to see images, and which of its labels are unsafe."""
        ...

    def __call__(self, pixels: Pixels) -> Mapping[str, float]:
        """Confidences, 0 to 1, by label; raises ModelUnavailable."""
        ...


@operation(
    "image.labels",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=["application/json"],
    capabilities=OperationCapabilities(
        wall_s=60.0,
        memory_mb=3072,
        preload=NEEDS.preload,
        tools=(*NEEDS.tools, "onnxruntime"),
        models=True,
    ),
)
def labels(source: Path, params: LabelsParams, out: Path, *, context: Context) -> Iterable[Product]:
    """Say what an image shows, and whether it is safe to show, by the operator's models.

    Yields `labels.json`: `labels`, a list with the `name`, `confidence` and `model` of each, the
    surest first; and `safety`, null where no model knows of unsafe labels, else its `score` (1
    is safe, 0 is not) and the confidence of each unsafe label.

    Raises:
        ModelUnavailable: there is no model, or it cannot be used.
        InvalidRecipe: there is no model of that name.
        UnsupportedMedia, EmptyFile, BadMedia: the source cannot be read.
        TooManyPixels, LimitExceeded: it is larger than allowed.
    """
    from mediakiln.operations.image.recognise import seen

    recognisers = _recognisers(params.models, context)
    image = seen.Still(source, context)
    surest: list[dict[str, Any]] = []
    unsafe: list[tuple[float, Mapping[str, float]]] = []
    for each in recognisers:
        looks = each.looks
        confidences = each(image.fitted(looks.width, looks.height, looks.fit))
        surest += _surest(each.name, confidences, params)
        if looks.unsafe:
            unsafe.append(_unsafe(looks, confidences))
    surest.sort(key=lambda label: -label["confidence"])
    told = {"labels": surest, "safety": _safety(unsafe)}
    (out / "labels.json").write_text(
        json.dumps(told, indent=2, ensure_ascii=False), encoding="utf-8"
    )
    yield Product(
        file="labels.json",
        media_type="application/json",
        metadata={"count": len(surest), **told, "labels": surest[:MAX_TOLD]},
    )


def _recognisers(names: Sequence[str], context: Context) -> list[Recogniser]:
    from mediakiln.operations.image.recognise.onnx import OnnxRecogniser

    if not context.models:
        raise ModelUnavailable(
            "no model for labels is set up", hint=f"name model folders in {SETTING}"
        )
    for name in names:
        if name not in context.models:
            raise InvalidRecipe(
                f"there is no model {name!r}", field="models", allowed=sorted(context.models)
            )
    wanted = dict.fromkeys(names or sorted(context.models))
    return [OnnxRecogniser.load(name, Path(context.models[name]["folder"])) for name in wanted]


def _surest(
    model: str, confidences: Mapping[str, float], params: LabelsParams
) -> list[dict[str, Any]]:
    ordered = sorted(confidences.items(), key=lambda item: -item[1])[: params.most]
    return [
        {"name": name, "confidence": round(confidence, 4), "model": model}
        for name, confidence in ordered
        if confidence >= params.least_confidence
    ]


def _unsafe(
    looks: LabelModel, confidences: Mapping[str, float]
) -> tuple[float, Mapping[str, float]]:
    """How likely something unsafe is seen, and each unsafe label's confidence.

    Of labels that exclude one another the chances add up; of others the surest counts.
    """
    each = {name: round(confidences[name], 4) for name in looks.unsafe}
    values = [confidences[name] for name in looks.unsafe]
    return min(1.0, sum(values)) if looks.one_of else max(values), each


def _safety(unsafe: Sequence[tuple[float, Mapping[str, float]]]) -> dict[str, Any] | None:
    """Of several models the most worried one decides."""
    if not unsafe:
        return None
    together: dict[str, float] = {}
    for _, each in unsafe:
        for name, confidence in each.items():
            together[name] = max(confidence, together.get(name, 0.0))
    return {"score": round(1.0 - max(chance for chance, _ in unsafe), 4), "unsafe": together}
