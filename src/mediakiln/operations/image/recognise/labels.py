"""`image.labels`: say what an image shows, and whether it is safe to show."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from mediakiln.model.errors import InvalidRecipe, ModelUnavailable
from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.pixels.formats import ACCEPTS
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.operations.image.recognise.found import MAX_TOLD
from mediakiln.operations.image.recognise.label_model import SETTING
from mediakiln.operations.image.recognise.opinions import Opinion, opinion
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


def _known(names: Iterable[str], models: Mapping[str, Any]) -> None:
    for name in names:
        if name not in models:
            raise InvalidRecipe(
                f"there is no model {name!r}", field="models", allowed=sorted(models)
            )


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
    check=lambda params, models: _known(params.models, models),
    version=3,
)
def labels(source: Path, params: LabelsParams, out: Path, *, context: Context) -> Iterable[Product]:
    """Say what an image shows, and whether it is safe to show, by the operator's models.

    Yields `labels.json`: `labels`, a list with the `name`, `confidence` and `model` of each, the
    surest first; and `safety`, null where no model knows of unsafe labels, else its `score` (1
    is safe, 0 is not) and the confidence of each unsafe label.

    Models are run here, or asked outside the sandbox where the operator gave an address.

    Raises:
        ModelUnavailable: there is no model, or it cannot be used.
        InvalidRecipe: there is no model of that name.
        UnsupportedMedia, EmptyFile, BadMedia: the source cannot be read.
        TooManyPixels, LimitExceeded: it is larger than allowed.
        EngineError, EngineMisconfigured: a model outside gave no answer.
    """
    from mediakiln.operations.image.recognise import seen

    names = _wanted(params.models, context)
    image = seen.Still(source, context)
    opinions = {name: opinion(name, context.models[name], image, context) for name in names}
    surest = [
        label for name, each in opinions.items() for label in _surest(name, each.labels, params)
    ]
    surest.sort(key=lambda label: -label["confidence"])
    told = {"labels": surest, "safety": _safety(opinions.values())}
    (out / "labels.json").write_text(
        json.dumps(told, indent=2, ensure_ascii=False), encoding="utf-8"
    )
    yield Product(
        file="labels.json",
        media_type="application/json",
        metadata={"count": len(surest), **told, "labels": surest[:MAX_TOLD]},
    )


def _wanted(names: Sequence[str], context: Context) -> list[str]:
    if not context.models:
        raise ModelUnavailable("no model for labels is set up", hint=f"name models in {SETTING}")
    _known(names, context.models)
    return list(dict.fromkeys(names or sorted(context.models)))


def _surest(
    model: str, confidences: Mapping[str, float], params: LabelsParams
) -> list[dict[str, Any]]:
    ordered = sorted(confidences.items(), key=lambda item: -item[1])[: params.most]
    return [
        {"name": name, "confidence": round(confidence, 4), "model": model}
        for name, confidence in ordered
        if confidence >= params.least_confidence
    ]


def _safety(opinions: Collection[Opinion]) -> dict[str, Any] | None:
    """Of several models the most worried one decides."""
    worries = [each.worry for each in opinions if each.unsafe is not None]
    if not worries:
        return None
    together: dict[str, float] = {}
    for each in opinions:
        for name, confidence in (each.unsafe or {}).items():
            together[name] = max(round(confidence, 4), together.get(name, 0.0))
    return {"score": round(1.0 - max(worries), 4), "unsafe": together}
