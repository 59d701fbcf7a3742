"""`image.transform`: several edits between one decoding and one encoding."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, ValidationError

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.edit.table import EDITS
from mediakiln.operations.image.pixels.edit import Step
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.operations.image.pixels.formats import ACCEPTS, MEDIA_TYPES
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.ports.mistakes import mistake
from mediakiln.ports.operation import Context, operation

MAX_STEPS: Final = 32


def _step(raw: dict[str, Any]) -> dict[str, Any]:
    """A step with its defaults filled in; names what is wrong with it."""
    step = dict(raw)
    edit = EDITS.get(str(step.pop("op", None)))
    if edit is None:
        raise ValueError(f"op is one of {', '.join(EDITS)}")
    try:
        parsed = edit.params.model_validate(step)
    except ValidationError as error:
        wrong = mistake(edit.name, edit.params, error)
        hint = wrong.context.get("hint")
        raise ValueError(f"{wrong}; {hint}" if hint else str(wrong)) from None
    return {"op": edit.name, **parsed.model_dump(mode="json")}


class TransformParams(Encoding):
    """The edits in their order, and how the result is encoded."""

    steps: tuple[Annotated[dict[str, Any], AfterValidator(_step)], ...] = Field(
        default=(),
        max_length=MAX_STEPS,
        description="Edits, each an object with `op` (image.resize, image.crop, …) and that "
        "operation's own parameters, without those of the encoding.",
    )


def _others(params: TransformParams) -> list[str]:
    steps = _steps(params)
    return [id for step in steps if step.edit.others for id in step.edit.others(step.params)]


@operation(
    "image.transform",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=tuple(MEDIA_TYPES.values()),
    version=6,
    capabilities=NEEDS,
    inputs=_others,
)
def transform(
    source: Path, params: TransformParams, out: Path, *, context: Context
) -> Iterable[Product]:
    """Do several edits one after another, decoding and encoding once.

    Yields `image.{ext}`.

    Raises:
        TooManyPixels, LimitExceeded: the source, or what a step makes, is larger than allowed.
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: the source cannot be read.
    """
    from mediakiln.operations.image.pixels import chain

    yield chain.rendered(source, _steps(params), params, out, context=context)


def _steps(params: TransformParams) -> list[Step]:
    made = []
    for raw in params.steps:
        edit = EDITS[raw["op"]]
        own = {name: value for name, value in raw.items() if name != "op"}
        made.append(Step(edit, edit.params.model_validate(own)))
    return made
