"""Parameters that do not fit are told in words, whatever they are and wherever they stand."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from mediakiln.model.errors import InvalidRecipe, InvalidRequest
from mediakiln.model.ids import new_id
from mediakiln.operations.image.edit.table import EDITS
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.ports.operation import Operation, OperationSet
from mediakiln.web.derive.native.grammar import Grammar
from mediakiln.web.derive.rules import ImageRules

ID = new_id()
SIDE = "a whole number from 1 to 16383"
HUNDRED = "a whole number from 1 to 100"
GRAMMAR = Grammar(ImageRules(edits={n: e.params for n, e in EDITS.items()}, encoding=Encoding))
WRONG: tuple[Any, ...] = (
    "w r o n g", "50p", "", -7, 10**12, 0.5, float("nan"), None, True, [], ["x"], {}, {"x": 1},
    [1] * 200, {"left": "x"}, [{"left": "x"}], [{"other": 1}],
)  # fmt: skip
SOUP = (
    "^", "\\", "(?", "[0-9", "{1,", "pattern", "nput should", "tring should", "uple", "ictionary",
    "unable to", "valid ", "pydantic", "type=", "NoneType", "None", "<class", "class_name", "$ref",
    "$defs", "'int'", "'str'", "instance of", "another value",
)  # fmt: skip
"""What only who knows the code can read."""


def refusals(operation: Operation) -> Iterator[InvalidRecipe]:
    for field in operation.params.model_fields:
        for value in WRONG:
            try:
                operation.parse({field: value})
            except InvalidRecipe as error:
                yield error


@pytest.mark.parametrize("operation", list(OperationSet.installed()), ids=lambda each: each.name)
def test_every_parameter_s_refusal_is_in_words(operation: Operation) -> None:
    for error in refusals(operation):
        allowed = json.dumps(error.context["allowed"], ensure_ascii=False).replace('\\"', "")
        told = f"{error.message} {allowed} {error.context['hint'] or ''}"
        assert not [soup for soup in SOUP if soup in told], told


@pytest.mark.parametrize("edit", [name.removeprefix("image.") for name in EDITS])
def test_every_option_s_refusal_is_in_words(edit: str) -> None:
    told = []
    for field in EDITS[f"image.{edit}"].params.model_fields:
        for value in ("w-r-o-n-g", "50p", "-7", "1e99", "", "1:2:3", "~", "~fn4", "%7B", "%ff"):
            try:
                GRAMMAR.parse(f"/i/{edit},{field}_{value}/{ID}", {})
            except InvalidRequest as error:
                told.append(f"{error.message} {error.context}".replace("': None", ""))
    assert told
    assert not [each for each in told if any(soup in each for soup in SOUP)]


@pytest.mark.parametrize(
    ("operation", "params", "message"),
    [
        ("resize", {"width": 0}, f"width: must be {SIDE}"),
        ("resize", {"width": "abc"}, f"width: must be {SIDE}"),
        ("resize", {"widths": [10, "x"]}, f"widths.1: must be {SIDE}"),
        ("resize", {"width": 9, "quality": "best"}, f"quality: must be {HUNDRED}, or auto"),
        (
            "crop",
            {"width": "50p"},
            "width: must be a whole number from 1 to 1000000, or a percentage such as 50%",
        ),
        ("compose", {"opacity": 0}, "opacity: must be a number, above 0 and at most 1"),
        (
            "compose",
            {"image": 7},
            "image: must be an asset's id, such as 01a1ff0b-3449-7294-ad03-682a5a06032c",
        ),
        ("adjust", {"duotone": ["red"]}, "duotone.1: must be a list of 2, each a text"),
        ("redact", {"places": [{"left": 0}]}, "places.0.top: is missing"),
        (
            "convert",
            {"qualities": {"bmp": 1}},
            "qualities.bmp: is not known there; what is: jpeg, webp, avif or jxl",
        ),
        (
            "convert",
            {"qualities": 7},
            f"qualities: must be an object of any of jpeg, webp, avif, jxl, each with {HUNDRED}",
        ),
        ("convert", {"depth": "x"}, "depth: must be 8, 10, 12, 16 or source"),
    ],
)
def test_a_refusal_says_all_that_a_parameter_takes(
    operation: str, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRecipe) as refused:
        OperationSet.installed().get(f"image.{operation}").parse(params)
    assert refused.value.message == f"image.{operation}: {message}"


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("crop,width_50p", "did you mean 50%25?"),
        ("crop,w_12.5percent", "did you mean 12.5%25?"),
        ("crop,x_-10pct", "did you mean -10%25?"),
        ("crop,w_400px", "did you mean 400?"),
        ("w_400px", "did you mean 400?"),
        ("w_400,fit_covr", "did you mean cover?"),
        ("W_400", "names of options are in lower case: w_400"),
        (
            "s_abc,w_400",
            "a signature is s_ and base64url of 8 to 32 bytes, as a segment of its own",
        ),
        ("w%5F400", "the name of an option is not percent-encoded: w_400"),
        ("w_400%2Ch_300", "commas and slashes between options are not percent-encoded"),
        ("w_400%2Ff_png", "commas and slashes between options are not percent-encoded"),
        ("w_50p", None),
        ("crop,w_50pp", None),
    ],
)
def test_a_number_with_a_unit_is_told_how_it_is_written_here(option: str, hint: str | None) -> None:
    with pytest.raises(InvalidRequest) as refused:
        GRAMMAR.parse(f"/i/{option}/{ID}", {})
    assert refused.value.context["hint"] == hint


def test_in_a_recipe_a_percentage_is_written_as_it_is() -> None:
    with pytest.raises(InvalidRecipe) as refused:
        OperationSet.installed().get("image.crop").parse({"width": "50p"})
    assert refused.value.context["hint"] == "did you mean 50%?"
    assert refused.value.context["field"] == "width"
