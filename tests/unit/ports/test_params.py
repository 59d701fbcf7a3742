"""Parameters take values of their own kinds alone."""

from typing import Any

import pytest

from mediakiln.model.errors import InvalidRecipe
from mediakiln.operations.image.edit.convert import convert
from mediakiln.operations.image.edit.resize import resize
from mediakiln.operations.image.shape.crop import crop
from mediakiln.operations.image.shape.rotate import rotate


@pytest.mark.parametrize(
    ("operation", "params", "field"),
    [
        (resize, {"width": True}, "width"),
        (resize, {"width": 10, "dpr": True}, "dpr"),
        (resize, {"widths": [10, True]}, "widths.1"),
        (crop, {"left": False, "width": "50%"}, "left"),
        (rotate, {"angle": True}, "angle"),
        (convert, {"quality": True}, "quality"),
    ],
)
def test_truth_is_no_number(operation: Any, params: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRecipe, match="must be a") as refused:
        operation.parse(params)
    assert refused.value.context["field"] == field


def test_what_is_true_or_false_may_be_said_so() -> None:
    said = resize.parse({"width": "10", "enlarge": True}).model_dump()
    assert (said["width"], said["enlarge"]) == (10, True)
