"""How large a result is, as far as its parameters say: what decides on its lane."""

from typing import Any

import pytest

from mediakiln.operations.image.edit.table import EDITS
from mediakiln.stages.derive import Source
from mediakiln.stages.derive.slowness import area

SOURCE = Source(
    id="a", project="default", identity="x", name="a.jpg", media_type="image/jpeg", sides=(30, 20)
)


def step(op: str, **params: Any) -> dict[str, Any]:
    """A step as plans have it: canonical, with its defaults."""
    return {"op": op, **EDITS[op].params.model_validate(params).model_dump(mode="json")}


@pytest.mark.parametrize(
    ("steps", "pixels"),
    [
        ([], 600.0),
        ([step("image.resize", width=30, height=20, fit="cover")], 600.0),
        ([step("image.resize", width=30, height=20, fit="cover", dpr=2)], 2400.0),
        ([step("image.resize", width=15)], 150.0),
        ([step("image.resize", width=15, height=10_000)], 150.0),
        # The mark's own width, in percent, says nothing of the image's.
        (
            [
                step("image.resize", width=30, height=20, fit="fill"),
                step("image.watermark", text="a"),
            ],
            600.0,
        ),
        ([step("image.crop", width="50%", height="50%")], 600.0),
    ],
)
def test_the_last_step_that_names_pixels_decides(
    steps: list[dict[str, Any]], pixels: float
) -> None:
    assert area(SOURCE, {"steps": steps}) == pixels
