"""`image.describe`: everything an image's header and pixels tell, as JSON."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.pixels.formats import ACCEPTS
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.ports.operation import Context, Params, operation

if TYPE_CHECKING:
    from mediakiln.operations.image.pixels.picture import Picture

_TOLD_CHARS: Final = 200
_TOLD_WORDS: Final = 30
"""Keywords that the asset's record names, and characters of each; the file has all."""


class DescribeParams(Params):
    """What is told."""

    scores: bool = Field(
        default=True,
        description="Measure sharpness and exposure, which decodes the image; else only its "
        "header is read.",
    )
    location: bool = Field(
        default=False, description="Tell where the image was taken, if it says so."
    )


@operation(
    "image.describe",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=["application/json"],
    version=5,
    capabilities=replace(
        NEEDS,
        preload=(
            *NEEDS.preload,
            "PIL.ImageCms",
            "mediakiln.operations.image.facts.embedded",
            "mediakiln.operations.image.facts.header",
            "mediakiln.operations.image.facts.scores",
        ),
    ),
)
def describe(
    source: Path, params: DescribeParams, out: Path, *, context: Context
) -> Iterable[Product]:
    """Size, colours, camera and texts of an image, and how sharp and well exposed it is.

    Yields `description.json`: size and format; `colour`; `animation`; `exif`, `iptc` and `xmp`
    by their fields' own names; `scores`; `location` if asked for.

    Raises:
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: the source cannot be read.
        TooManyPixels, LimitExceeded: it is larger than allowed.
    """
    from mediakiln.operations.image.facts import embedded, header, scores, small

    picture = small.opened(source, context)
    found: dict[str, Any] = header.told(picture, source)
    found |= embedded.read(source, picture.format, location=params.location)
    if params.scores:
        found["scores"] = scores.scores(small.luma(small.rgba(picture, scores.SIDE)))
    text = json.dumps(found, indent=2, ensure_ascii=False)
    (out / "description.json").write_text(text, encoding="utf-8")
    yield Product(
        file="description.json", media_type="application/json", metadata=_summary(found, picture)
    )


def _summary(found: dict[str, Any], picture: "Picture") -> dict[str, Any]:
    """The few facts worth keeping on the asset's record."""
    exif = found.get("exif", {})
    told = {
        "width": picture.width,
        "height": picture.height,
        "format": picture.format,
        "frames": picture.frames,
        "colour": found["colour"]["space"],
        "camera": exif.get("Model"),
        "taken": exif.get("DateTimeOriginal"),
        "scores": found.get("scores"),
        "location": found.get("location"),
        "title": _first(found, (("iptc", "title"), ("iptc", "headline"), ("xmp", "dc:title"))),
        "keywords": _first(found, (("iptc", "keywords"), ("xmp", "dc:subject"))),
    }
    return {name: value for name, value in told.items() if value is not None}


def _first(found: dict[str, Any], places: Iterable[tuple[str, str]]) -> str | list[str] | None:
    """What the first of these notes says that is there, cut to a record's measure."""
    for note, name in places:
        said = found.get(note, {}).get(name)
        if isinstance(said, str) and said:
            return said[:_TOLD_CHARS]
        if isinstance(said, list) and said:
            return [str(each)[:_TOLD_CHARS] for each in said[:_TOLD_WORDS]]
    return None
